//! The copy beside the live one: a file of its own, `Cust1.beside`.
//!
//! Two processes must not make one at once, nor throw one away that the other writes: SQLite's files cannot be removed
//! while somebody has them open. So whoever makes one keeps a connection to it, from before it is written until it is
//! exchanged or discarded, and a file goes only when SQLite grants that nobody else is at it.

use std::path::Path;
use std::time::Duration;

use mirrorbus_mirror::Copy;
use mirrorbus_schemas::topic::Tenant;
use rusqlite::{Connection, ErrorCode};

use crate::client::{copy_path, open_to_write};
use crate::error::SqliteError;
use crate::kept::remove;

/// Makes an empty copy. The connection that is given keeps it from others.
pub(crate) fn make(folder: &Path, tenant: &Tenant) -> Result<Connection, SqliteError> {
    throw_away(folder, tenant)?;
    open_to_write(&copy_path(folder, tenant, Copy::Beside))
}

/// Removes the copy, if there is one and nobody has it open.
pub(crate) fn throw_away(folder: &Path, tenant: &Tenant) -> Result<(), SqliteError> {
    let path = copy_path(folder, tenant, Copy::Beside);
    if !path.exists() {
        return Ok(());
    }
    let connection = Connection::open(&path).map_err(SqliteError::sql(format!("open {}", path.display())))?;
    connection.busy_timeout(Duration::ZERO).map_err(SqliteError::sql("set a timeout"))?;
    // Leaving WAL takes the file for oneself, and removes what is beside it.
    match connection.pragma_update(None, "journal_mode", "DELETE") {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
            Err(SqliteError::CopyInUse { path })
        }
        Err(error) if error.sqlite_error_code() != Some(ErrorCode::NotADatabase) => {
            Err(SqliteError::sql(format!("throw {} away", path.display()))(error))
        }
        _ => {
            drop(connection);
            remove(&path)
        }
    }
}
