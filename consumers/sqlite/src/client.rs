//! Where files lie, and how they are opened.
//!
//! WAL lets readers go on while a batch is written; `synchronous=FULL` syncs the log at every commit, so that what
//! was applied survives a power cut. No lock keeps two mirrors apart but SQLite's own, per file and transaction: what
//! they must not do, the owner's epoch in the file refuses.

use std::path::{Path, PathBuf};
use std::time::Duration;

use mirrorbus_mirror::Copy;
use mirrorbus_schemas::topic::Tenant;
use rusqlite::{Connection, OpenFlags};

use crate::error::SqliteError;
use crate::{checkpoint, layout};

/// Readers hold no lock that a writer waits for in WAL; another mirror's transaction, an exchange or a checkpoint can.
const BUSY: Duration = Duration::from_secs(10);
/// Prepared statements kept per file: three for each table in use.
const STATEMENTS: usize = 48;

/// The file of a tenant's copy.
pub(crate) fn copy_path(folder: &Path, tenant: &Tenant, copy: Copy) -> PathBuf {
    folder.join(match copy {
        Copy::Live => format!("{tenant}.sqlite"),
        Copy::Beside => format!("{tenant}.beside"),
    })
}

/// Opens a file for writing, made where it is missing.
pub(crate) fn open_to_write(path: &Path) -> Result<Connection, SqliteError> {
    let failed = || SqliteError::sql(format!("open {}", path.display()));
    let mut connection = Connection::open(path).map_err(failed())?;
    connection.busy_timeout(BUSY).map_err(failed())?;
    for (name, value) in [
        ("journal_mode", "WAL"),
        ("synchronous", "FULL"),
        // Users' tables may refer to the mirror's; the source's deletes are not theirs to refuse.
        ("foreign_keys", "OFF"),
        // A table that is made anew keeps its name, and users' views go on to find it by that.
        ("legacy_alter_table", "ON"),
    ] {
        connection.pragma_update(None, name, value).map_err(failed())?;
    }
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    checkpoint::beside(&mut connection, path).map_err(failed())?;
    layout::bring(&mut connection, path)?;
    Ok(connection)
}

/// Opens a mirror's file for reading, also while it is written.
pub(crate) fn open_to_read(path: &Path) -> Result<Connection, SqliteError> {
    let failed = || SqliteError::sql(format!("open {}", path.display()));
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed())?;
    connection.busy_timeout(BUSY).map_err(failed())?;
    match layout::found(&connection, path)? {
        0 => Err(SqliteError::Format { path: path.to_owned(), found: 0, known: layout::FORMAT }),
        _ => Ok(connection),
    }
}

pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> SqliteError {
    let path = path.to_owned();
    move |source| SqliteError::File { action, path, source }
}
