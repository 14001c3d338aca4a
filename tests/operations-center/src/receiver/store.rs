//! Every tenant's tables, in memory.
//!
//! Tenants do not wait for each other, and a tenant is held only while a whole call is worked on, never while one is
//! uploaded: the vendor may call for different tenants, and for different tables, at the same time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mirrorbus_schemas::checksum::TableChecksum;

use super::table::{Edit, Table};
use crate::answer::Position;
use crate::sql::{SqlType, Value};
use crate::wire::{Batch, TableInfo};

pub(super) type Tables = BTreeMap<String, Table>;

/// What the receiver holds; can be looked into at any time.
#[derive(Debug, Default)]
pub struct Store {
    tenants: Mutex<BTreeMap<String, Arc<Mutex<Tables>>>>,
}

/// A row's cells by the names of their columns.
pub type Cells = BTreeMap<String, (Option<SqlType>, Value)>;

impl Store {
    /// The tenants that have called.
    #[must_use]
    pub fn tenants(&self) -> Vec<String> {
        held(&self.tenants).keys().cloned().collect()
    }

    /// The names of a tenant's tables.
    #[must_use]
    pub fn tables(&self, tenant: &str) -> Vec<String> {
        self.on(tenant, |tables| tables.keys().cloned().collect())
    }

    /// The position of a table; `None` where everything must be sent.
    #[must_use]
    pub fn position(&self, tenant: &str, table: &str) -> Option<i64> {
        self.on(tenant, |tables| tables.get(table).and_then(|table| table.lsn))
    }

    /// Row count and checksum of a table; `None` where there is no such table.
    #[must_use]
    pub fn checksum(&self, tenant: &str, table: &str) -> Option<TableChecksum> {
        self.on(tenant, |tables| tables.get(table).map(Table::checksum))
    }

    /// A table's rows in the order of their keys' texts; none where there is no such table.
    #[must_use]
    pub fn rows(&self, tenant: &str, table: &str) -> Vec<Cells> {
        self.on(tenant, |tables| {
            let Some(table) = tables.get(table) else { return Vec::new() };
            let cells = |row: &Vec<Value>| {
                let columns = table.columns.iter().map(|column| (column.name.clone(), column.kind));
                columns.zip(row).map(|((name, kind), value)| (name, (kind, value.clone()))).collect()
            };
            table.rows.values().map(cells).collect()
        })
    }

    /// Takes the announced tables over. What is not among them no longer exists at the source.
    pub(super) fn announce(&self, tenant: &str, announced: &[TableInfo]) -> Vec<Position> {
        self.on(tenant, |tables| {
            let names: BTreeSet<&str> = announced.iter().map(|info| info.table.as_str()).collect();
            tables.retain(|name, _| names.contains(name.as_str()));
            let position = |info: &TableInfo| tables.entry(info.table.clone()).or_default().announce(info);
            announced.iter().map(position).collect()
        })
    }

    /// Empties a table.
    pub(super) fn wipe(&self, tenant: &str, table: &str) -> Result<(), String> {
        self.on(tenant, |tables| known(tables, table).map(Table::clear))
    }

    /// Writes all rows of a call, or none.
    pub(super) fn write(&self, tenant: &str, batches: &[Batch]) -> Result<(), String> {
        self.on(tenant, |tables| {
            for (name, lsn, edits) in decode(tables, batches)? {
                known(tables, name)?.apply(edits, lsn);
            }
            Ok(())
        })
    }

    /// Whether a call could be written.
    pub(super) fn check(&self, tenant: &str, batches: &[Batch]) -> Result<(), String> {
        self.on(tenant, |tables| decode(tables, batches).map(|_| ()))
    }

    /// Moves positions without rows.
    pub(super) fn advance(&self, tenant: &str, positions: &[Position]) -> Result<(), String> {
        self.on(tenant, |tables| {
            let mut each = positions.iter();
            each.try_for_each(|Position { table, lsn }| {
                known(tables, table).map(|table| table.apply(Vec::new(), *lsn))
            })
        })
    }

    /// One tenant's tables, which nobody else sees meanwhile.
    pub(super) fn on<T>(&self, tenant: &str, work: impl FnOnce(&mut Tables) -> T) -> T {
        let tables = Arc::clone(held(&self.tenants).entry(tenant.to_owned()).or_default());
        let mut tables = held(&tables);
        work(&mut tables)
    }
}

/// A batch that can be applied: its table, its LSN, and what its rows ask for.
type Decoded<'b> = (&'b str, i64, Vec<Edit>);

/// All batches of a call, if it can be carried out as a whole.
fn decode<'b>(tables: &mut Tables, batches: &'b [Batch]) -> Result<Vec<Decoded<'b>>, String> {
    let edits = |batch: &'b Batch| {
        let name = batch.table.table.as_str();
        let edits = known(tables, name)?.decode(batch).map_err(|rule| format!("table {name}, {rule}"))?;
        Ok((name, batch.lsn, edits))
    };
    batches.iter().map(edits).collect()
}

fn known<'t>(tables: &'t mut Tables, name: &str) -> Result<&'t mut Table, String> {
    tables.get_mut(name).ok_or_else(|| format!("table {name} was not announced by TableSchema"))
}

/// Whoever panicked while it held the lock has left nothing half done: changes are made after all that can fail.
pub(super) fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
