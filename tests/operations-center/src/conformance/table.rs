//! Tables that the lines send: columns, and rows as texts of the wire.

use crate::sql::SqlType;
use crate::wire::{Batch, ColumnInfo, Row, TableInfo};

/// A table that exists for one line.
#[derive(Clone, Debug)]
pub(super) struct TestTable {
    info: TableInfo,
    kinds: Vec<SqlType>,
}

/// An int and a text, as most lines need no more.
pub(super) const KEYED: [(&str, SqlType); 2] = [("id", SqlType::Int), ("name", SqlType::NVarChar(Some(100)))];

impl TestTable {
    /// A table; its first column is the key, all others admit NULL.
    pub(super) fn new(name: &str, columns: &[(&str, SqlType)]) -> Self {
        let column = |(place, (name, kind)): (usize, &(&str, SqlType))| ColumnInfo {
            default_value: String::new(),
            is_nullable: place > 0,
            name: (*name).to_owned(),
            sql_type: kind.to_string(),
        };
        let info = columns.iter().enumerate().map(column).collect();
        Self {
            info: TableInfo { columns: info, table: name.to_owned() },
            kinds: columns.iter().map(|(_, kind)| *kind).collect(),
        }
    }

    /// A table of an int key and a text.
    pub(super) fn keyed(name: &str) -> Self {
        Self::new(name, &KEYED)
    }

    pub(super) fn name(&self) -> &str {
        &self.info.table
    }

    pub(super) fn info(&self) -> TableInfo {
        self.info.clone()
    }

    /// A column's name and type.
    pub(super) fn column(&self, place: usize) -> Option<(&str, SqlType)> {
        Some((self.info.columns.get(place)?.name.as_str(), *self.kinds.get(place)?))
    }

    /// A batch of rows: operation, and values as they stand on the wire.
    pub(super) fn batch(&self, lsn: i64, rows: &[(&str, &[Option<&str>])]) -> Batch {
        let row = |(operation, values): &(&str, &[Option<&str>])| Row {
            values: values.iter().map(|value| value.map(str::to_owned)).collect(),
            operation: (*operation).to_owned(),
        };
        Batch { rows: rows.iter().map(row).collect(), lsn, table: self.info() }
    }

    /// A batch of inserts into a table of [`KEYED`] columns.
    pub(super) fn inserts(&self, lsn: i64, rows: &[(i32, &str)]) -> Batch {
        let row = |(id, name): &(i32, &str)| Row {
            values: vec![Some(format!("[I:{id}]")), Some((*name).to_owned())],
            operation: "I".to_owned(),
        };
        Batch { rows: rows.iter().map(row).collect(), lsn, table: self.info() }
    }
}
