//! The Operations Center's folder: registered applications, tenants, and which tenant approved which application.
//!
//! Everything stands on disk and is read anew by every call, so that a schedule that runs sees what a command in
//! another process has changed.
//!
//! ```text
//! environments/<development|stage|production>/   the key that signs tokens and its certificate, made at first use
//! applications/<id>/                             application.json, the application's key, the certificate
//! tenants/<name>.db                              one SQLite file per tenant
//! approvals.json                                 who approved what, and when
//! backups/                                       copies of tenants
//! ```

mod applications;
mod approvals;
mod disk;
mod error;
mod tenants;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use approvals::Approval;
pub use error::CenterError;

use crate::clock::{Clock, SystemClock};

/// The Operations Center, opened for reading and changing. Several may be open on one folder, in any processes.
#[derive(Clone)]
pub struct Center {
    folder: PathBuf,
    clock: Arc<dyn Clock>,
}

impl Center {
    /// Opens the folder, which is made where it is missing.
    ///
    /// # Errors
    /// [`CenterError::Disk`] when it cannot be made.
    pub fn open(folder: &Path) -> Result<Self, CenterError> {
        Self::with_clock(folder, Arc::new(SystemClock))
    }

    /// As [`Center::open`], with the clock that says when something was registered or approved.
    ///
    /// # Errors
    /// As [`Center::open`].
    pub fn with_clock(folder: &Path, clock: Arc<dyn Clock>) -> Result<Self, CenterError> {
        disk::make_folder(folder)?;
        Ok(Self { folder: folder.to_owned(), clock })
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl fmt::Debug for Center {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Center").field("folder", &self.folder).finish_non_exhaustive()
    }
}
