//! One mirrored table: its columns as announced, its rows by key, and the position up to which they are right.

use std::collections::BTreeMap;

use mirrorbus_schemas::checksum::TableChecksum;

use super::value;
use crate::answer::Position;
use crate::sql::{SqlType, Value};
use crate::wire::{Batch, Row, TableInfo};

/// "Send everything."
pub(super) const NOTHING: i64 = -1;

/// A table of one tenant.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) columns: Vec<Column>,
    /// By the text of the key, which is the first column's value.
    pub(super) rows: BTreeMap<String, Vec<Value>>,
    /// `None` until the table is complete.
    pub(super) lsn: Option<i64>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Column {
    pub(super) name: String,
    /// `None` for types that are not known: their values are kept as text.
    pub(super) kind: Option<SqlType>,
}

/// What one row asks for.
pub(super) enum Edit {
    Put(String, Vec<Value>),
    Remove(String),
}

impl Table {
    /// Takes the announced columns over and gives the position. A change that cannot be made in place begins the
    /// table anew.
    pub(super) fn announce(&mut self, info: &TableInfo) -> Position {
        let columns = columns(info);
        if self.can_become(&columns) {
            let places: Vec<_> = columns.iter().map(|new| self.place(&new.name)).collect();
            for row in self.rows.values_mut() {
                let cell = |place: &Option<usize>| place.and_then(|place| row.get(place)).cloned();
                *row = places.iter().map(|place| cell(place).unwrap_or(Value::Null)).collect();
            }
        } else {
            self.clear();
        }
        self.columns = columns;
        Position { table: info.table.clone(), lsn: self.lsn.unwrap_or(NOTHING) }
    }

    /// All rows go, the columns stay.
    pub(super) fn clear(&mut self) {
        self.rows.clear();
        self.lsn = None;
    }

    /// Columns may come and go; the key, and the type of a column that stays, may not change.
    fn can_become(&self, new: &[Column]) -> bool {
        let key = |columns: &[Column]| columns.first().map(|key| key.name.clone());
        key(&self.columns) == key(new)
            && new.iter().all(|new| match self.columns.iter().find(|old| old.name == new.name) {
                Some(old) => old.kind == new.kind || (is_text(old.kind) && is_text(new.kind)),
                None => true,
            })
    }

    fn place(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|known| known.name == column)
    }

    /// Decodes a batch without changing anything: a call that fails must leave no trace.
    pub(super) fn decode(&self, batch: &Batch) -> Result<Vec<Edit>, String> {
        if columns(&batch.table) != self.columns {
            return Err("its columns are not those that TableSchema announced".to_owned());
        }
        let edits = batch.rows.iter().zip(1..);
        edits.map(|(row, number)| self.edit(row).map_err(|rule| format!("row {number}, {rule}"))).collect()
    }

    fn edit(&self, row: &Row) -> Result<Edit, String> {
        let is_delete = match row.operation.trim() {
            "I" | "i" | "U" | "u" => false,
            "D" | "d" => true,
            _ => return Err("its operation is none of I, U and D".to_owned()),
        };
        if is_delete {
            // Only the key can be relied on.
            let key = self.cell(0, row)?;
            return Ok(Edit::Remove(key_text(&key).ok_or("its key is NULL")?));
        }
        if row.values.len() != self.columns.len() {
            return Err("it has not one value per column".to_owned());
        }
        let values = (0..self.columns.len()).map(|place| self.cell(place, row));
        let values = values.collect::<Result<Vec<_>, _>>()?;
        let key = values.first().and_then(key_text).ok_or("its key is NULL")?;
        Ok(Edit::Put(key, values))
    }

    fn cell(&self, place: usize, row: &Row) -> Result<Value, String> {
        let column = self.columns.get(place).ok_or("the table has no columns")?;
        let value = row.values.get(place).ok_or("it has no key")?;
        value::decode(column.kind, value.as_deref()).map_err(|rule| format!("column {}, {rule}", column.name))
    }

    /// Applies what `decode` gave. An LSN of 0 or below is no position yet.
    pub(super) fn apply(&mut self, edits: Vec<Edit>, lsn: i64) {
        for edit in edits {
            match edit {
                Edit::Put(key, values) => self.rows.insert(key, values),
                Edit::Remove(key) => self.rows.remove(&key),
            };
        }
        if lsn > 0 {
            self.lsn = Some(lsn);
        }
    }

    /// Row count and checksum, to be compared with the source's.
    pub(super) fn checksum(&self) -> TableChecksum {
        let mut checksum = TableChecksum::default();
        for row in self.rows.values() {
            let names = self.columns.iter().map(|column| column.name.as_str());
            checksum.add(names.zip(row.iter().map(Value::canonical)));
        }
        checksum
    }
}

fn columns(info: &TableInfo) -> Vec<Column> {
    let column = |column: &crate::wire::ColumnInfo| Column {
        name: column.name.clone(),
        kind: column.sql_type.trim().to_ascii_lowercase().parse().ok(),
    };
    info.columns.iter().map(column).collect()
}

fn is_text(kind: Option<SqlType>) -> bool {
    matches!(kind, None | Some(SqlType::NVarChar(_) | SqlType::NText))
}

fn key_text(key: &Value) -> Option<String> {
    match key {
        Value::Null => None,
        Value::Whole(number) => Some(number.to_string()),
        Value::Decimal(unscaled) => Some(unscaled.to_string()),
        Value::Double(number) => Some(number.to_string()),
        Value::Text(text) => Some(text.clone()),
        Value::Bytes(bytes) => Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect()),
    }
}
