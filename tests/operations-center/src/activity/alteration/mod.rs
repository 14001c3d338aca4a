//! Changing tables and columns while mirrors exist, and what comes of it.

mod random;
#[cfg(test)]
mod tests;

use std::fmt;

use super::tables::Tables;
use super::worker::Worker;
use crate::crm::blocked;
use crate::sql::{Column, SqlType, Value};
use crate::tenant::{Settings, Table, Tenant, TenantError};

/// One change of a tenant's schema.
#[derive(Clone, Debug, PartialEq)]
pub enum Alteration {
    /// A new table with so many generated rows.
    AddTable {
        /// Its name and columns.
        table: Table,
        /// Its rows.
        rows: u64,
    },
    /// A table goes.
    DropTable {
        /// Its name.
        table: String,
    },
    /// A new column, behind the others.
    AddColumn {
        /// The table's name.
        table: String,
        /// The column.
        column: Column,
        /// What stands in it in every row that exists.
        fill: Value,
    },
    /// A column goes.
    DropColumn {
        /// The table's name.
        table: String,
        /// The column's.
        column: String,
    },
    /// A column changes its type, and its values are converted.
    RetypeColumn {
        /// The table's name.
        table: String,
        /// The column's.
        column: String,
        /// The new type.
        sql_type: SqlType,
    },
    /// A table goes and comes back under the same name, with other columns or the same, and with so many generated
    /// rows.
    RecreateTable {
        /// Its name and columns.
        table: Table,
        /// Its rows.
        rows: u64,
    },
}

impl Alteration {
    /// Changes the tenant. The rows of a new table depend on the seed.
    ///
    /// # Errors
    /// [`TenantError`] when the table or column does not exist, or does already, when values cannot be converted, or
    /// when the database fails.
    pub fn apply(&self, tenant: &Tenant, seed: u64) -> Result<(), TenantError> {
        match self {
            Self::AddTable { table, rows } => {
                tenant.add_table(table)?;
                fill(tenant, &table.name, *rows, seed)
            }
            Self::DropTable { table } => tenant.drop_table(table),
            Self::AddColumn { table, column, fill } => tenant.add_column(table, column.clone(), fill),
            Self::DropColumn { table, column } => tenant.drop_column(table, column),
            Self::RetypeColumn { table, column, sql_type } => tenant.retype_column(table, column, *sql_type),
            Self::RecreateTable { table, rows } => {
                // Before anything is dropped that could not come back.
                if table.columns.first().is_none_or(|key| key.nullable) {
                    return Err(TenantError::NoKey { table: table.name.clone() });
                }
                tenant.drop_table(&table.name)?;
                tenant.add_table(table)?;
                fill(tenant, &table.name, *rows, seed)
            }
        }
    }

    /// The table's name.
    #[must_use]
    pub fn table(&self) -> &str {
        match self {
            Self::AddTable { table, .. } | Self::RecreateTable { table, .. } => &table.name,
            Self::DropTable { table }
            | Self::AddColumn { table, .. }
            | Self::DropColumn { table, .. }
            | Self::RetypeColumn { table, .. } => table,
        }
    }

    /// What the Mirroring Task does about it in the next cycle of a tenant with these settings, in a sentence.
    #[must_use]
    pub fn consequence(&self, settings: &Settings) -> String {
        let name = self.table();
        if !settings.mirrors(name) {
            let why = if blocked::is_blocked(name) { "blocked" } else { "skipped by the customer" };
            return format!("table {name} is {why}: no receiver learns of it");
        }
        match self {
            Self::AddTable { rows, .. } => format!(
                "the next cycle announces table {name} and, since change tracking is off for it, switches that on and \
                 sends a Wipe and all rows ({rows})"
            ),
            Self::DropTable { .. } => {
                format!("the next cycle does not announce table {name} any more: it must leave the mirror")
            }
            Self::AddColumn { column, fill: Value::Null, .. } => format!(
                "the next cycle announces table {name} with column {}; no row is sent for that, unless it had the same \
                 column before",
                column.name
            ),
            Self::AddColumn { column, .. } => format!(
                "the next cycle announces table {name} with column {} and sends every row as an update",
                column.name
            ),
            Self::DropColumn { column, .. } => {
                format!(
                    "the next cycle announces table {name} without column {column}; no row is sent for that"
                )
            }
            Self::RetypeColumn { column, sql_type, .. } => format!(
                "the next cycle announces column {column} of table {name} as {sql_type}; no row is sent for that, unless \
                 it had that type before, but a receiver that cannot change its copy in place makes it anew and answers \
                 -1, and gets a Wipe and all rows"
            ),
            Self::RecreateTable { rows, .. } => format!(
                "change tracking is off for the new table {name}: the next cycle switches it on and sends a Wipe and \
                 all rows ({rows}), whatever position the receiver answers"
            ),
        }
    }
}

fn fill(tenant: &Tenant, table: &str, rows: u64, seed: u64) -> Result<(), TenantError> {
    let tables = Tables::of(tenant)?;
    let work = Worker::at_work(tenant, &tables, None, seed, |worker| {
        let linked = tables.find(table).ok_or_else(|| TenantError::NoTable { table: table.to_owned() })?;
        for _ in 0..rows {
            worker.insert(linked)?;
        }
        Ok(())
    });
    work.map(|_| ())
}

impl fmt::Display for Alteration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddTable { table, .. } => {
                write!(f, "table {} is new, with {} columns", table.name, table.columns.len())
            }
            Self::DropTable { table } => write!(f, "table {table} is dropped"),
            Self::AddColumn { table, column, .. } => {
                write!(f, "table {table} has a new column {} {}", column.name, column.sql_type)
            }
            Self::DropColumn { table, column } => write!(f, "table {table} has lost its column {column}"),
            Self::RetypeColumn { table, column, sql_type } => {
                write!(f, "column {column} of table {table} is now {sql_type}")
            }
            Self::RecreateTable { table, .. } => {
                write!(
                    f,
                    "table {} was dropped and made anew, with {} columns",
                    table.name,
                    table.columns.len()
                )
            }
        }
    }
}
