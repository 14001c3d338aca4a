//! The folder, its lock, and the files in it.
//!
//! WAL lets readers go on while a batch is written; `synchronous=FULL` syncs the log at every commit, so that what
//! was applied survives a power cut.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mirrorbus_schemas::topic::Tenant;
use rusqlite::{Connection, OpenFlags};

use crate::error::SqliteError;

/// Readers hold no lock that a writer waits for in WAL; a checkpoint or somebody's own write can.
const BUSY: Duration = Duration::from_secs(10);
/// Number of the layout of the `_mirrorbus_*` tables, in the file's `user_version`.
const FORMAT: i64 = 1;
/// Prepared statements kept per file: three for each table in use.
const STATEMENTS: usize = 256;

const LAYOUT: &str = "
    CREATE TABLE IF NOT EXISTS _mirrorbus_offsets (
        topic TEXT NOT NULL,
        partition INTEGER NOT NULL,
        topic_id TEXT NOT NULL,
        next_offset INTEGER NOT NULL,
        PRIMARY KEY (topic, partition)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS _mirrorbus_tables (
        name TEXT NOT NULL PRIMARY KEY,
        columns TEXT,
        marks TEXT NOT NULL,
        inserts INTEGER NOT NULL DEFAULT 0,
        updates INTEGER NOT NULL DEFAULT 0,
        deletes INTEGER NOT NULL DEFAULT 0
    );";

/// A folder that this process alone writes to. The kernel lifts the lock of a process that dies.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    pub(crate) fn lock(path: &Path) -> Result<Self, SqliteError> {
        fs::create_dir_all(path).map_err(file("create folder", path))?;
        let lock_path = path.join("mirror.lock");
        let lock = File::create(&lock_path).map_err(file("create", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(SqliteError::FolderInUse { folder: path.to_owned() }),
            Err(TryLockError::Error(source)) => Err(file("lock", &lock_path)(source)),
        }
    }

    /// Opens a tenant's file for writing, made where it is missing.
    pub(crate) fn open(&self, tenant: &Tenant) -> Result<Connection, SqliteError> {
        let path = tenant_path(&self.path, tenant);
        let failed = || SqliteError::sql(format!("open {}", path.display()));
        let connection = Connection::open(&path).map_err(failed())?;
        connection.busy_timeout(BUSY).map_err(failed())?;
        connection.pragma_update(None, "journal_mode", "WAL").map_err(failed())?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(failed())?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        if format(&connection, &path)? == 0 {
            connection.execute_batch(LAYOUT).map_err(failed())?;
            connection.pragma_update(None, "user_version", FORMAT).map_err(failed())?;
        }
        Ok(connection)
    }
}

/// The file of a tenant.
pub(crate) fn tenant_path(folder: &Path, tenant: &Tenant) -> PathBuf {
    folder.join(format!("{tenant}.sqlite"))
}

/// Opens a mirror's file for reading, also while it is written.
pub(crate) fn open_to_read(path: &Path) -> Result<Connection, SqliteError> {
    let failed = || SqliteError::sql(format!("open {}", path.display()));
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed())?;
    connection.busy_timeout(BUSY).map_err(failed())?;
    match format(&connection, path)? {
        0 => Err(SqliteError::Format { path: path.to_owned(), found: 0, known: FORMAT }),
        _ => Ok(connection),
    }
}

/// The layout's number; 0 for a file that has none yet.
fn format(connection: &Connection, path: &Path) -> Result<i64, SqliteError> {
    let found = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(SqliteError::sql(format!("read {}", path.display())))?;
    if (0..=FORMAT).contains(&found) {
        Ok(found)
    } else {
        Err(SqliteError::Format { path: path.to_owned(), found, known: FORMAT })
    }
}

pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> SqliteError {
    let path = path.to_owned();
    move |source| SqliteError::File { action, path, source }
}
