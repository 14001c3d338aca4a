#![doc = include_str!("../README.md")]

mod apply;
mod client;
mod copies;
mod core;
mod encoding;
mod error;
mod grants;
mod layout;
mod memory;
mod name;
mod owner;
mod place;
mod rows;
mod schema;
mod types;

pub use core::Postgres;
pub use error::{PostgresError, ServerError};
pub use mirrorbus_mirror::{MirrorError, Running, Settings, Stop};
pub use place::Place;

/// Mirrors into PostgreSQL, in a thread of its own.
///
/// # Errors
/// [`StartError`] when there is no thread to be had.
pub fn spawn(settings: Settings, place: Place) -> Result<Running, StartError> {
    Ok(mirrorbus_mirror::spawn(settings, Postgres::new(place)?)?)
}

/// Why a mirror did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// What connects to PostgreSQL.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    /// The mirror itself.
    #[error(transparent)]
    Mirror(#[from] MirrorError),
}
