//! What calls say about tables and rows, in the words of the wire.

use super::encode;
use crate::sql::{Column, Value};
use crate::tenant::{Change, Table};

/// A column as TableSchema announces it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnInfo {
    /// Such as `default ((0))`, or empty.
    pub default_value: String,
    /// Whether NULL may stand.
    pub is_nullable: bool,
    /// The name.
    pub name: String,
    /// Such as `nvarchar(255)`.
    pub sql_type: String,
}

/// A table's columns and name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableInfo {
    /// The columns in order.
    pub columns: Vec<ColumnInfo>,
    /// The table's name.
    pub table: String,
}

/// A row with its operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// One value per column in the `[marker:value]` encoding; `None` is `i:nil`.
    pub values: Vec<Option<String>>,
    /// `I`, `U` or `D`.
    pub operation: String,
}

/// Rows of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The rows.
    pub rows: Vec<Row>,
    /// The position up to which the rows reach; 0 on all but a table's last batch.
    pub lsn: i64,
    /// The columns that the rows have.
    pub table: TableInfo,
}

/// A changed table's counts, for ReplicationCompleted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Rows deleted.
    pub deletes: i32,
    /// Rows inserted.
    pub inserts: i32,
    /// The table's name.
    pub table: String,
    /// Rows updated.
    pub updates: i32,
}

/// How a row's operation is written.
pub(super) fn operation(change: Change) -> &'static str {
    match change {
        Change::Insert => "I",
        Change::Update => "U",
        Change::Delete => "D",
    }
}

impl From<&Column> for ColumnInfo {
    fn from(column: &Column) -> Self {
        Self {
            default_value: column.default.clone(),
            is_nullable: column.nullable,
            name: column.name.clone(),
            sql_type: column.sql_type.to_string(),
        }
    }
}

impl From<&Table> for TableInfo {
    fn from(table: &Table) -> Self {
        Self { columns: table.columns.iter().map(ColumnInfo::from).collect(), table: table.name.clone() }
    }
}

impl Row {
    /// A row of `table`: one value per column.
    #[must_use]
    pub fn new(change: Change, table: &Table, values: &[Value]) -> Self {
        let cells = table.columns.iter().zip(values);
        let values = cells.map(|(column, value)| encode(column.sql_type, value)).collect();
        Self { values, operation: operation(change).to_owned() }
    }
}
