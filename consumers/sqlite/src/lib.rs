#![doc = include_str!("../README.md")]

mod beside;
mod checkpoint;
mod client;
mod clock;
mod copies;
mod core;
mod encoding;
mod error;
mod exchange;
#[cfg(test)]
mod fixture;
mod held;
mod kept;
mod layout;
mod memory;
mod open;
mod owner;
mod read;
mod rows;
mod schema;
mod shape;
mod snapshot;

use std::path::Path;

pub use core::Sqlite;
pub use error::SqliteError;
pub use mirrorbus_mirror::{MirrorError, Running, Settings, Stop};
pub use mirrorbus_schemas::checksum::TableChecksum;
pub use read::{Progress, TableApplied, applied, checksum, progress, tables, tenants};

/// The file in which a mirror keeps a tenant.
#[must_use]
pub fn tenant_path(folder: &Path, tenant: &mirrorbus_schemas::topic::Tenant) -> std::path::PathBuf {
    client::copy_path(folder, tenant, mirrorbus_mirror::Copy::Live)
}

/// Mirrors into a folder, in a thread of its own.
///
/// # Errors
/// [`StartError`] when the folder cannot be made, or there is no thread to be had.
pub fn spawn(settings: Settings, folder: &Path) -> Result<Running, StartError> {
    Ok(mirrorbus_mirror::spawn(settings, Sqlite::open(folder)?)?)
}

/// Why a mirror did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The folder.
    #[error(transparent)]
    Folder(#[from] SqliteError),
    /// The mirror itself.
    #[error(transparent)]
    Mirror(#[from] MirrorError),
}
