//! What can go wrong in the Operations Center's folder.

use std::path::PathBuf;

use crate::application::{ApplicationError, MirroringError};
use crate::tenant::TenantError;

/// Why something could not be found, kept or changed.
#[derive(Debug, thiserror::Error)]
pub enum CenterError {
    /// The folder, or something in it, could not be read or written.
    #[error("cannot read or write {}", path.display())]
    Disk {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: std::io::Error,
    },
    /// A file of the folder is not as this program writes it.
    #[error("{} is damaged, put it right or remove it", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the JSON library says.
        #[source]
        source: serde_json::Error,
    },
    /// An application's files failed.
    #[error(transparent)]
    Application(#[from] ApplicationError),
    /// A tenant's database failed.
    #[error(transparent)]
    Tenant(#[from] TenantError),
    /// Mirroring cannot be set like that.
    #[error(transparent)]
    Mirroring(#[from] MirroringError),
    /// An id or a name that cannot be used.
    #[error("'{name}' cannot be {what}: {rule}")]
    Name {
        /// What was given.
        name: String,
        /// Such as `a tenant's name`.
        what: &'static str,
        /// What is allowed.
        rule: &'static str,
    },
    /// No such application.
    #[error("no application '{name}' is registered, see 'operations-center app list'")]
    NoApplication {
        /// Its id or name as it was given.
        name: String,
    },
    /// An id or a name is taken.
    #[error("an application with the id or the name '{name}' is registered already, choose another")]
    ApplicationExists {
        /// The id or name.
        name: String,
    },
    /// No such tenant.
    #[error("there is no tenant '{name}', make it with 'operations-center tenant create {name}'")]
    NoTenant {
        /// Its name as it was given.
        name: String,
    },
    /// A tenant of that name is there already.
    #[error(
        "there is a tenant '{name}' already, choose another name or drop it with 'operations-center tenant drop'"
    )]
    TenantExists {
        /// Its name.
        name: String,
    },
    /// What was never approved cannot be revoked.
    #[error("tenant '{tenant}' has not approved application '{application}'")]
    NotApproved {
        /// The tenant's name.
        tenant: String,
        /// The application's id.
        application: String,
    },
}
