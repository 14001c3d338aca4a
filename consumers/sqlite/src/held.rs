//! A live file that nobody else can write to, and the exchange.
//!
//! The copy beside is read into the live file, in one transaction: a file cannot be renamed over another that readers
//! have open. Until the commit they see what was there, after it what is.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mirrorbus_mirror::{Applied, Copy, DestinationError, Held, Memory, Row, Scope};
use mirrorbus_schemas::topic::{Table, Tenant};
use rusqlite::{Connection, params};

use crate::client::{copy_path, open_to_write};
use crate::error::SqliteError;
use crate::{beside, exchange, kept, memory, owner, rows, schema};

/// How long a transaction of somebody else is waited for: one of several batches takes longer than one batch.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection with an open transaction, which ends when it is closed.
pub(crate) struct Hold<'s> {
    connection: Connection,
    folder: PathBuf,
    tenant: Tenant,
    memory: Memory,
    guards: &'s mut HashMap<Tenant, Connection>,
    /// What an exchange kept, until it is committed.
    kept: Option<PathBuf>,
}

impl<'s> Hold<'s> {
    pub(crate) fn take(
        folder: &Path,
        tenant: &Tenant,
        guards: &'s mut HashMap<Tenant, Connection>,
    ) -> Result<Self, SqliteError> {
        let connection = open_to_write(&copy_path(folder, tenant, Copy::Live))?;
        let failed = || SqliteError::sql(format!("hold tenant {tenant}"));
        connection.busy_timeout(PATIENCE).map_err(failed())?;
        connection.execute_batch("BEGIN IMMEDIATE").map_err(failed())?;
        let memory = memory::read(&connection)?;
        let (folder, tenant) = (folder.to_owned(), tenant.clone());
        Ok(Self { connection, folder, tenant, memory, guards, kept: None })
    }

    fn try_repair(&self, table: &Table, rows: &[Row<'_>]) -> Result<Applied, SqliteError> {
        let missing = || SqliteError::NoTable { table: table.to_string() };
        let columns = self.memory.tables.get(table).and_then(|known| known.columns.as_ref());
        let applied = rows::apply(&self.connection, table.as_str(), columns.ok_or_else(missing)?, rows)?;
        recount(&self.connection, table, applied.updates)?;
        Ok(applied)
    }

    fn try_exchange(&mut self, scope: &Scope) -> Result<String, SqliteError> {
        let beside = copy_path(&self.folder, &self.tenant, Copy::Beside);
        if !beside.exists() {
            return Err(SqliteError::NoCopy { path: beside });
        }
        let live = copy_path(&self.folder, &self.tenant, Copy::Live);
        let kept = kept::keep(&self.folder, &self.tenant, &live)?;
        let name = kept.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.kept = Some(kept);
        exchange::exchange(&self.connection, &beside, &self.tenant, scope)?;
        owner::give_up(&self.connection)?;
        self.memory = memory::read(&self.connection)?;
        Ok(name)
    }
}

/// Brings the counts to the rows that are there: what was changed by hand and mended was never counted.
fn recount(connection: &Connection, table: &Table, updates: u64) -> Result<(), SqliteError> {
    let failed = || SqliteError::sql(format!("count the rows of table {table}"));
    let counted: i64 =
        connection.query_row(&schema::count(table.as_str()), [], |row| row.get(0)).map_err(failed())?;
    let updates = i64::try_from(updates).unwrap_or(i64::MAX);
    let sql = "UPDATE _mirrorbus_tables SET updates = updates + ?3, inserts = max(inserts, deletes + ?2),
               deletes = max(deletes, inserts - ?2) WHERE name = ?1";
    connection.execute(sql, params![table.as_str(), counted, updates]).map_err(failed())?;
    Ok(())
}

impl Held for Hold<'_> {
    fn memory(&self) -> &Memory {
        &self.memory
    }

    fn repair(&mut self, table: &Table, rows: &[Row<'_>]) -> Result<Applied, DestinationError> {
        Ok(self.try_repair(table, rows)?)
    }

    fn exchange(&mut self, scope: &Scope) -> Result<String, DestinationError> {
        Ok(self.try_exchange(scope)?)
    }

    fn commit(mut self: Box<Self>) -> Result<(), DestinationError> {
        // What was kept stays even when the commit fails: it may be durable all the same.
        let is_exchanged = self.kept.take().is_some();
        self.connection.execute_batch("COMMIT").map_err(SqliteError::sql("commit"))?;
        if is_exchanged {
            self.connection.execute_batch("DETACH beside").map_err(SqliteError::sql("detach"))?;
            self.guards.remove(&self.tenant);
            // The exchange is durable; what is left over goes with the next copy beside.
            if let Err(error) = beside::throw_away(&self.folder, &self.tenant) {
                tracing::warn!(tenant = %self.tenant, %error, "the copy beside stays");
            }
        }
        Ok(())
    }
}

impl Drop for Hold<'_> {
    /// Closing the connection gives the transaction up; what was kept is then what is there.
    fn drop(&mut self) {
        if let Some(kept) = &self.kept
            && let Err(error) = kept::remove(kept)
        {
            tracing::warn!(tenant = %self.tenant, %error, "a copy that is not needed stays");
        }
    }
}
