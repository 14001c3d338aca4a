//! What can go wrong with a mirror's files.

use std::path::PathBuf;

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
    /// Another process mirrors into the folder.
    #[error("{} is in use by another mirror; stop that one or choose another folder", folder.display())]
    FolderInUse {
        /// The folder.
        folder: PathBuf,
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
    #[error("{} has no table {table}", path.display())]
    NoTable {
        /// The file.
        path: PathBuf,
        /// The table.
        table: String,
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

impl SqliteError {
    pub(crate) fn sql(action: impl Into<String>) -> impl FnOnce(rusqlite::Error) -> Self {
        let action = action.into();
        move |source| Self::Sql { action, source }
    }
}
