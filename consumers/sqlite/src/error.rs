//! What can go wrong with a mirror's files.

use std::path::PathBuf;

use mirrorbus_mirror::DestinationError;
use thiserror::Error;

/// A failure of a mirror's folder or of one of its files.
#[derive(Debug, Error)]
pub enum SqliteError {
    /// A file or folder could not be made, opened or locked.
    #[error("{action} {}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// SQLite's own verdict.
    #[error("{action}")]
    Sql {
        /// What was tried, on which table where it was one.
        action: String,
        /// What SQLite said. It names tables and columns, never values.
        #[source]
        source: rusqlite::Error,
    },
    /// The file is not one of ours, or was made by a later version.
    #[error("{} has format {found}, this version knows {known}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The number found.
        found: i64,
        /// The number known.
        known: i64,
    },
    /// There is no such table in the mirror.
    #[error("the mirror has no table {table}")]
    NoTable {
        /// The table.
        table: String,
    },
    /// Two tables that SQLite takes for one.
    #[error(
        "tables {table} and {other} differ by case only, which SQLite does not tell apart; leave one out"
    )]
    SameName {
        /// The one that comes.
        table: String,
        /// The one that is there.
        other: String,
    },
    /// SQLite finds the file broken. What it finds is not told here: a row's number can be its key.
    #[error(
        "table {table} is broken; PRAGMA integrity_check says how, REINDEX mends an index, regenerate the rest"
    )]
    Corrupt {
        /// The table.
        table: String,
    },
    /// A batch came for a tenant that was not taken over.
    #[error("tenant {tenant} must be loaded before anything is applied to it")]
    NotLoaded {
        /// The tenant.
        tenant: String,
    },
    /// The copy beside the live one is open elsewhere.
    #[error("{} is in use: another process regenerates this tenant; wait for it or stop it", path.display())]
    CopyInUse {
        /// The copy.
        path: PathBuf,
    },
    /// SQLite takes paths in UTF-8 only.
    #[error("the path {} is not UTF-8", path.display())]
    Path {
        /// The path.
        path: PathBuf,
    },
    /// The system's clock shows no time that a file can be named by.
    #[error("the system's clock shows no time")]
    Clock {
        /// Why.
        #[source]
        source: time::error::Format,
    },
    /// There is no such copy.
    #[error("there is no copy {}", path.display())]
    NoCopy {
        /// The copy.
        path: PathBuf,
    },
    /// What the mirror remembers of a table cannot be read.
    #[error("the mirror's memory of table {table} cannot be read")]
    Memory {
        /// The table.
        table: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A name that no topic or table of the mirror can have stands where one was expected.
    #[error("the mirror's memory holds the name of no table")]
    Name(#[from] mirrorbus_schemas::topic::NameError),
}

impl From<SqliteError> for DestinationError {
    fn from(error: SqliteError) -> Self {
        Self::Fault(Box::new(error))
    }
}

impl SqliteError {
    pub(crate) fn sql(action: impl Into<String>) -> impl FnOnce(rusqlite::Error) -> Self {
        let action = action.into();
        move |source| Self::Sql { action, source }
    }
}
