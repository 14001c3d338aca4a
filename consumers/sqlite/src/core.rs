//! Batches to transactions.

use std::collections::HashMap;
use std::path::Path;

use mirrorbus_mirror::{
    Applied, Batch, Copy, Cycle, Destination, DestinationError, Memory, TableChange, failpoint,
};
use mirrorbus_schemas::topic::Tenant;
use rusqlite::{Connection, TransactionBehavior};

use crate::error::SqliteError;
use crate::open::OpenFiles;
use crate::owner::{self, Ownership};
use crate::{memory, rows, shape};

/// A folder with one file per tenant. Several mirrors can share it, each with tenants of its own.
#[derive(Debug)]
pub struct Sqlite {
    pub(crate) files: OpenFiles,
    /// Under which epoch each tenant was taken over.
    epochs: HashMap<Tenant, i64>,
    /// What keeps other processes from a copy beside: see [`crate::beside`].
    pub(crate) guards: HashMap<Tenant, Connection>,
    after_cycle: String,
}

impl Sqlite {
    /// The folder, made where it is missing. Tenants are taken over one by one, when they are loaded.
    ///
    /// # Errors
    /// [`SqliteError::File`] when the folder cannot be made.
    pub fn open(folder: &Path) -> Result<Self, SqliteError> {
        Self::of(folder, Copy::Live)
    }

    pub(crate) fn of(folder: &Path, copy: Copy) -> Result<Self, SqliteError> {
        Ok(Self {
            files: OpenFiles::new(folder, copy)?,
            epochs: HashMap::new(),
            guards: HashMap::new(),
            after_cycle: String::new(),
        })
    }

    /// Runs these SQL statements in a tenant's file after each of its cycles, in one transaction.
    #[must_use]
    pub fn with_after_cycle(self, statements: impl Into<String>) -> Self {
        Self { after_cycle: statements.into(), ..self }
    }

    fn try_load(&mut self, tenant: &Tenant) -> Result<Memory, SqliteError> {
        let connection = self.files.get(tenant)?;
        let failed = || SqliteError::sql("take the tenant over");
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed())?;
        let epoch = owner::take_over(&transaction)?;
        let mut memory = memory::read(&transaction)?;
        for (table, known) in &memory.tables {
            if let Some(columns) = &known.columns
                && memory::is_damaged(&transaction, table, columns)?
            {
                memory.damaged.insert(table.clone());
            }
        }
        transaction.commit().map_err(failed())?;
        self.epochs.insert(tenant.clone(), epoch);
        Ok(memory)
    }

    fn try_apply(&mut self, tenant: &Tenant, batch: &Batch<'_>) -> Result<Applied, DestinationError> {
        let connection = self.begin(tenant)?;
        failpoint::reach(failpoint::BEGUN);
        for moved in &batch.moves {
            if !memory::advance(connection, moved)? {
                let what = format!("{}, partition {}, was moved", moved.topic, moved.partition);
                return Err(DestinationError::Fenced { what });
            }
        }
        failpoint::reach(failpoint::POSITIONS_MOVED);
        let mut total = Applied::default();
        // One that leaves may make room for another that differs by case only.
        let (leaving, staying) = batch.tables.iter().partition::<Vec<_>, _>(|change| change.after.is_none());
        for change in leaving.into_iter().chain(staying) {
            let applied = change_table(connection, tenant, change)?;
            total.inserts += applied.inserts;
            total.updates += applied.updates;
            total.deletes += applied.deletes;
        }
        memory::note(connection, batch)?;
        failpoint::reach(failpoint::ROWS_APPLIED);
        if batch.ends {
            connection.execute_batch("COMMIT").map_err(SqliteError::sql("commit"))?;
        }
        Ok(total)
    }

    /// A tenant's file in the midst of a transaction, which is begun if none is open and the tenant is still ours.
    fn begin(&mut self, tenant: &Tenant) -> Result<&Connection, DestinationError> {
        let not_loaded = || SqliteError::NotLoaded { tenant: tenant.to_string() };
        let epoch = *self.epochs.get(tenant).ok_or_else(not_loaded)?;
        let connection = self.files.get(tenant)?;
        if connection.is_autocommit() {
            connection.execute_batch("BEGIN IMMEDIATE").map_err(SqliteError::sql("begin"))?;
            still_ours(connection, tenant, epoch)?;
        }
        Ok(connection)
    }

    /// Fails unless the tenant's file is there and still ours.
    fn try_check(&mut self, tenant: &Tenant) -> Result<(), DestinationError> {
        let path = self.files.path(tenant);
        if !path.exists() {
            return Err(SqliteError::NoCopy { path }.into());
        }
        let not_loaded = || SqliteError::NotLoaded { tenant: tenant.to_string() };
        let epoch = *self.epochs.get(tenant).ok_or_else(not_loaded)?;
        still_ours(self.files.get(tenant)?, tenant, epoch)
    }

    /// After a failure only what is in the file tells what it holds.
    fn forget(&mut self, tenant: &Tenant) {
        self.files.close(tenant);
        self.epochs.remove(tenant);
    }
}

impl Destination for Sqlite {
    fn load(&mut self, tenant: &Tenant) -> Result<Memory, DestinationError> {
        self.forget(tenant);
        Ok(self.try_load(tenant)?)
    }

    fn apply(&mut self, tenant: &Tenant, batch: &Batch<'_>) -> Result<Applied, DestinationError> {
        let applied = self.try_apply(tenant, batch);
        if applied.is_err() {
            self.forget(tenant);
        }
        applied
    }

    fn release(&mut self, tenant: &Tenant) {
        self.forget(tenant);
    }

    fn check(&mut self, tenant: &Tenant) -> Result<(), DestinationError> {
        self.try_check(tenant)
    }

    fn after_cycle(&mut self, tenant: &Tenant, _: &Cycle) -> Result<(), DestinationError> {
        if self.after_cycle.is_empty() {
            return Ok(());
        }
        let statements = self.after_cycle.clone();
        let ran = self.begin(tenant).and_then(|connection| {
            let ran = connection.execute_batch(&statements).and_then(|()| connection.execute_batch("COMMIT"));
            Ok(ran.map_err(SqliteError::sql("run the statements after a cycle"))?)
        });
        if ran.is_err() {
            self.forget(tenant);
        }
        ran
    }
}

fn still_ours(connection: &Connection, tenant: &Tenant, epoch: i64) -> Result<(), DestinationError> {
    match owner::ownership(connection, epoch)? {
        Ownership::Ours => Ok(()),
        Ownership::Nobody => Err(DestinationError::Replaced),
        Ownership::Lost => Err(DestinationError::Fenced { what: format!("tenant {tenant} was taken over") }),
    }
}

fn change_table(
    connection: &Connection,
    tenant: &Tenant,
    change: &TableChange<'_>,
) -> Result<Applied, SqliteError> {
    let table = change.table.as_str();
    let gone = shape::change(connection, change)?;
    if change.before != change.after {
        let columns = change.after.as_ref().map_or(0, Vec::len);
        tracing::info!(%tenant, table, columns, what = words(change), "table");
    }
    let mut applied = match &change.after {
        Some(columns) => rows::apply(connection, table, columns, &change.rows)?,
        None => Applied::default(),
    };
    applied.deletes += gone;
    memory::remember(connection, change, &applied)?;
    Ok(applied)
}

fn words(change: &TableChange<'_>) -> &'static str {
    match (&change.before, &change.after) {
        (None, _) => "created",
        (_, None) => "dropped",
        _ if change.keeps_rows => "columns changed, rows kept",
        _ => "made anew in another shape",
    }
}

#[cfg(test)]
#[path = "core_tests.rs"]
mod tests;
