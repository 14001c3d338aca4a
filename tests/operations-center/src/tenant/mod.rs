//! A tenant: one SQLite file with the CRM's tables and change tracking as SQL Server has it.
//!
//! Change tracking counts one version for the whole database, each transaction that changes rows of tracked tables
//! taking the next. A mirror at some version learns final states, never what happened between. The version is the
//! wire's LSN, and begins at 1, since 0 means "no position".

mod backup;
mod catalogue;
mod definition;
mod edit;
mod error;
mod load;
mod removal;
mod row;
mod settings;
mod snapshot;
mod task_lock;
#[cfg(test)]
mod tests;
mod tracking;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mirrorbus_schemas::checksum::TableChecksum;
use rusqlite::{Connection, Transaction, TransactionBehavior, params};

pub use catalogue::Table;
pub use edit::Edit;
pub use error::TenantError;
pub use row::RowRef;
pub use settings::{Preference, Settings};
pub use snapshot::{Change, Snapshot};
pub use task_lock::TaskLock;
pub use tracking::DEFAULT_RETENTION_MS;

use crate::clock::{Clock, SystemClock};
use crate::sql::Value;

/// Another process may be changing the tenant while a cycle runs.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);
/// One insert and one update per table of a large tenant.
const CACHED_STATEMENTS: usize = 1000;

/// A tenant's database, open for reading and changing.
pub struct Tenant {
    db: Connection,
    path: PathBuf,
    name: String,
    clock: Arc<dyn Clock>,
    retention_ms: i64,
}

impl Tenant {
    fn new(db: Connection, path: &Path, name: String) -> Self {
        let (path, clock) = (path.to_owned(), Arc::new(SystemClock));
        Self { db, path, name, clock, retention_ms: DEFAULT_RETENTION_MS }
    }

    /// The clock by which versions are committed; the machine's unless given.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// How long [`Tenant::clean_up`] keeps changes, in milliseconds; [`DEFAULT_RETENTION_MS`] unless given.
    #[must_use]
    pub fn with_retention_ms(mut self, retention_ms: i64) -> Self {
        self.retention_ms = retention_ms;
        self
    }

    /// Makes an empty tenant named after the file's stem: `Cust24709.db` is `Cust24709`.
    ///
    /// # Errors
    /// [`TenantError`] when the file exists or cannot be written.
    pub fn create(path: &Path) -> Result<Self, TenantError> {
        if path.exists() {
            return Err(TenantError::FileExists { path: path.to_owned() });
        }
        let failed = || TenantError::while_doing("creating the file");
        let db = connect(path).map_err(failed())?;
        db.pragma_update(None, "journal_mode", "WAL").map_err(failed())?;
        db.execute_batch(catalogue::CREATE).map_err(failed())?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        db.execute(r#"INSERT INTO "sys.tenant" VALUES (?, 1, 0)"#, [&name]).map_err(failed())?;
        Ok(Self::new(db, path, name))
    }

    /// Opens a tenant that `create` made.
    ///
    /// # Errors
    /// [`TenantError`] when there is no such file or it is no tenant's.
    pub fn open(path: &Path) -> Result<Self, TenantError> {
        if !path.exists() {
            return Err(TenantError::NoFile { path: path.to_owned() });
        }
        let not_a_tenant = |source| TenantError::NotATenant { path: path.to_owned(), source };
        let db = connect(path).map_err(not_a_tenant)?;
        let name =
            db.query_row(r#"SELECT name FROM "sys.tenant""#, [], |row| row.get(0)).map_err(not_a_tenant)?;
        Ok(Self::new(db, path, name))
    }

    /// The context identifier, such as `Cust24709`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All tables in the order of their names.
    ///
    /// # Errors
    /// [`TenantError`] when the database fails.
    pub fn tables(&self) -> Result<Vec<Table>, TenantError> {
        catalogue::tables(&self.db)
    }

    /// One table.
    ///
    /// # Errors
    /// [`TenantError::NoTable`], or the database's failure.
    pub fn table(&self, name: &str) -> Result<Table, TenantError> {
        catalogue::table(&self.db, name)
    }

    /// The present version of change tracking.
    ///
    /// # Errors
    /// [`TenantError`] when the database fails.
    pub fn version(&self) -> Result<i64, TenantError> {
        tracking::version(&self.db)
    }

    /// A view of the database that later changes do not touch. It is a connection of its own: the tenant can be
    /// changed while a snapshot is read.
    ///
    /// # Errors
    /// [`TenantError`] when the database fails.
    pub fn snapshot(&self) -> Result<Snapshot, TenantError> {
        Snapshot::begin(connect(&self.path).map_err(TenantError::while_doing("opening the file"))?)
    }

    /// Row count and checksum of a table, from this database alone.
    ///
    /// # Errors
    /// [`TenantError`] when there is no such table or the database fails.
    pub fn checksum(&self, table: &str) -> Result<TableChecksum, TenantError> {
        self.snapshot()?.checksum(table)
    }

    /// All changes that `work` makes become one version, if a tracked table is among theirs; none are made when it fails.
    ///
    /// # Errors
    /// What `work` returns, or the database's failure.
    pub fn transaction<T, E: From<TenantError>>(
        &self,
        work: impl FnOnce(&mut Edit<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let transaction = self.begin()?;
        let result = work(&mut Edit::new(&transaction, self.clock()))?;
        commit(transaction)?;
        Ok(result)
    }

    /// Inserts one row; see [`Edit::insert`].
    ///
    /// # Errors
    /// [`TenantError`] naming table and column that do not fit.
    pub fn insert(&self, table: &str, cells: &[(&str, Value)]) -> Result<(), TenantError> {
        self.transaction(|edit| edit.insert(table, cells))
    }

    /// Updates one row; see [`Edit::update`].
    ///
    /// # Errors
    /// [`TenantError`] naming table and column that do not fit.
    pub fn update(&self, table: &str, key: &Value, cells: &[(&str, Value)]) -> Result<bool, TenantError> {
        self.transaction(|edit| edit.update(table, key, cells))
    }

    /// Deletes one row; see [`Edit::delete`].
    ///
    /// # Errors
    /// [`TenantError`] when there is no such table or the database fails.
    pub fn delete(&self, table: &str, key: &Value) -> Result<bool, TenantError> {
        self.transaction(|edit| edit.delete(table, key))
    }

    /// The token time (`nbf`) last used for this tenant, 0 if none was.
    ///
    /// # Errors
    /// [`TenantError`] when the database fails.
    pub fn last_not_before(&self) -> Result<i64, TenantError> {
        self.db
            .query_row(r#"SELECT last_not_before FROM "sys.tenant""#, [], |row| row.get(0))
            .map_err(TenantError::while_doing("reading the last token time"))
    }

    /// Notes a token time. It never goes back.
    pub(crate) fn set_last_not_before(&self, seconds: i64) -> Result<(), TenantError> {
        self.db
            .execute(
                r#"UPDATE "sys.tenant" SET last_not_before = ?1 WHERE last_not_before < ?1"#,
                params![seconds],
            )
            .map(|_| ())
            .map_err(TenantError::while_doing("noting the token time"))
    }

    fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    fn begin(&self) -> Result<Transaction<'_>, TenantError> {
        Transaction::new_unchecked(&self.db, TransactionBehavior::Immediate)
            .map_err(TenantError::while_doing("beginning a transaction"))
    }
}

impl fmt::Debug for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tenant").field("path", &self.path).finish_non_exhaustive()
    }
}

fn commit(transaction: Transaction<'_>) -> Result<(), TenantError> {
    transaction.commit().map_err(TenantError::while_doing("committing"))
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let db = Connection::open(path)?;
    db.busy_timeout(BUSY_TIMEOUT)?;
    // A tenant need not survive a power cut: whoever runs tests does not wait for the disk.
    db.pragma_update(None, "synchronous", "OFF")?;
    db.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    Ok(db)
}
