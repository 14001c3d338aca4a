//! What can go wrong with a tenant's database.

use std::path::PathBuf;

use super::settings::Preference;

/// Why a tenant's database could not be made, read or changed.
#[derive(Debug, thiserror::Error)]
pub enum TenantError {
    /// There is no such file.
    #[error("{} does not exist, make it with 'operations-center tenant create'", path.display())]
    NoFile {
        /// The file.
        path: PathBuf,
    },
    /// Whether another task runs cannot be found out.
    #[error("cannot lock {}, which keeps two tasks of a tenant apart", path.display())]
    TaskLock {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: std::io::Error,
    },
    /// A tenant would overwrite a file.
    #[error("{} exists already, choose another name or remove it", path.display())]
    FileExists {
        /// The file.
        path: PathBuf,
    },
    /// The file is something else.
    #[error("{} is not a tenant's database", path.display())]
    NotATenant {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        #[source]
        source: rusqlite::Error,
    },
    /// Somebody else has the database open.
    #[error("{} is in use, by a cycle or another command, try again later", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be removed.
    #[error("cannot remove {}", path.display())]
    Remove {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: std::io::Error,
    },
    /// A preference's value that makes no sense.
    #[error("{preference} cannot be '{value}', only {rule}")]
    Preference {
        /// The preference.
        preference: Preference,
        /// What was given.
        value: String,
        /// What is allowed.
        rule: &'static str,
    },
    /// No such table.
    #[error("the tenant has no table {table}")]
    NoTable {
        /// The table.
        table: String,
    },
    /// A table is made twice.
    #[error("the tenant has a table {table} already")]
    TableExists {
        /// The table.
        table: String,
    },
    /// No such column.
    #[error("table {table} has no column {column}")]
    NoColumn {
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// A table without columns, or with a key that may be NULL.
    #[error("table {table} needs a first column that is its key and not nullable")]
    NoKey {
        /// The table.
        table: String,
    },
    /// Something that a key column does not allow.
    #[error("column {column} is the key of table {table}: {rule}")]
    Key {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// What is not allowed.
        rule: &'static str,
    },
    /// A value that its column cannot hold.
    #[error("the value for column {column} of table {table} does not fit its type {sql_type}")]
    Value {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// The column's type, with its nullability.
        sql_type: String,
    },
    /// A row with more or fewer values than the table has columns.
    #[error("a row of {values} values does not fit table {table} with {columns} columns")]
    RowLength {
        /// The table.
        table: String,
        /// Values in the row.
        values: usize,
        /// Columns of the table.
        columns: usize,
    },
    /// The catalogue, or a row, is not as this program writes it.
    #[error("the tenant's database is damaged: {what} of table {table}")]
    Damaged {
        /// The table.
        table: String,
        /// What is wrong.
        what: &'static str,
    },
    /// Work should have changed rows of tracked tables.
    #[error(
        "the tenant stays at version {version} whatever is done, run a cycle first to switch change tracking on"
    )]
    NoVersion {
        /// The version.
        version: i64,
    },
    /// SQLite failed.
    #[error("the tenant's database failed while {doing}")]
    Sqlite {
        /// What was being done.
        doing: &'static str,
        /// What SQLite says.
        #[source]
        source: rusqlite::Error,
    },
}

impl TenantError {
    /// For `map_err`: SQLite failed while `doing`.
    pub(super) fn while_doing(doing: &'static str) -> impl FnOnce(rusqlite::Error) -> Self {
        move |source| Self::Sqlite { doing, source }
    }
}
