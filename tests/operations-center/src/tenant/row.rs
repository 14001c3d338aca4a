//! A row while it is being read: its values stand in SQLite's memory, and nothing is copied.

use rusqlite::Row;

use super::catalogue::Table;
use super::error::TenantError;
use crate::sql::{Value, ValueRef};

/// One row of a table, or of a deleted one its key alone and NULL for everything else. It is gone with the next row.
#[derive(Clone, Copy)]
pub struct RowRef<'r> {
    table: &'r Table,
    row: &'r Row<'r>,
    /// Where the table's first column stands in what was selected.
    first: usize,
}

impl<'r> RowRef<'r> {
    pub(super) fn new(table: &'r Table, row: &'r Row<'r>, first: usize) -> Self {
        Self { table, row, first }
    }

    /// The values in the order of the table's columns.
    ///
    /// # Errors
    /// [`TenantError::Damaged`] for a value that is not of its column's type.
    pub fn values(self) -> impl Iterator<Item = Result<ValueRef<'r>, TenantError>> {
        self.table.columns.iter().enumerate().map(move |(place, column)| {
            let stored = self.row.get_ref(self.first + place);
            let stored = stored.map_err(TenantError::while_doing("reading a value"))?;
            ValueRef::from_sql(column.sql_type, stored)
                .ok_or_else(|| TenantError::Damaged { table: self.table.name.clone(), what: "a value" })
        })
    }

    /// A copy of the values.
    ///
    /// # Errors
    /// As [`RowRef::values`].
    pub fn to_values(self) -> Result<Vec<Value>, TenantError> {
        self.values().map(|value| value.map(Value::from)).collect()
    }
}
