#![doc = include_str!("../README.md")]

mod cache;
mod error;
mod fetch;
pub mod guard;
mod jvm;
mod kafka;
pub mod kernel;
mod leaders;
mod ports;
mod postgres;
mod process;
mod ready;
mod registry;
mod services;
mod settings;
mod small_disk;
pub mod versions;

use std::sync::atomic::AtomicBool;

pub use error::ServicesError;
pub use ports::free_port;
pub use postgres::Postgres;
pub use registry::Storage;
pub use services::{Options, Services};
pub use settings::Proxied;
pub use small_disk::SmallDisk;

/// Downloads everything that [`Services::start`] needs, if it is not there yet.
///
/// # Errors
/// When a download fails.
pub fn fetch(progress: &mut dyn FnMut(&str)) -> Result<(), ServicesError> {
    let never = AtomicBool::new(false);
    fetch::programs(&never, progress)?;
    jvm::java(versions::OLDEST_JAVA_FOR_REGISTRY, &never, progress)?;
    Ok(())
}
