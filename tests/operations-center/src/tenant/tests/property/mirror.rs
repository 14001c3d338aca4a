//! A receiver that obeys the protocol, as naively as it can be.

use std::collections::BTreeMap;

use mirrorbus_schemas::checksum::TableChecksum;

use crate::sql::{Column, Value};
use crate::tenant::{Change, Table};

/// All that a receiver has of a tenant. A copy of it is a backup.
#[derive(Clone, Debug, Default)]
pub(super) struct Mirror {
    pub(super) tables: BTreeMap<String, MirrorTable>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct MirrorTable {
    columns: Vec<Column>,
    /// By key, and in each by column.
    rows: BTreeMap<String, BTreeMap<String, Value>>,
    pub(super) position: Option<Position>,
    /// From where the source's history was when it sent rows that the position does not cover, since the last batch
    /// never came.
    pub(super) uncovered: Option<Position>,
    /// Whether the source was restored behind its back, which only a Wipe mends.
    pub(super) is_astray: bool,
}

/// An LSN, and in which course of the source's history it was given out, which no real receiver can know.
#[derive(Clone, Copy, Debug)]
pub(super) struct Position {
    pub(super) lsn: i64,
    pub(super) course: usize,
}

impl Mirror {
    /// Creates, alters and drops what the announced tables ask for.
    pub(super) fn table_schema(&mut self, announced: &[Table]) {
        self.tables.retain(|name, _| announced.iter().any(|table| table.name == *name));
        for table in announced {
            let mine = self.tables.entry(table.name.clone()).or_default();
            if !mine.can_become(&table.columns) {
                *mine = MirrorTable::default();
            }
            mine.columns.clone_from(&table.columns);
            for row in mine.rows.values_mut() {
                row.retain(|name, _| table.columns.iter().any(|column| column.name == *name));
                for column in &table.columns {
                    row.entry(column.name.clone()).or_insert(Value::Null);
                }
            }
        }
    }

    pub(super) fn lsn(&self, table: &str) -> i64 {
        self.tables[table].position.map_or(-1, |position| position.lsn)
    }

    pub(super) fn wipe(&mut self, table: &str) {
        let mine = self.tables.get_mut(table).unwrap();
        *mine = MirrorTable { columns: std::mem::take(&mut mine.columns), ..MirrorTable::default() };
    }

    /// Takes a batch, which was read at `read_at`. Only the last one of a table moves the position there.
    pub(super) fn row_data(
        &mut self,
        table: &Table,
        rows: &[(Change, Vec<Value>)],
        read_at: Position,
        is_last: bool,
    ) {
        let mine = self.tables.get_mut(&table.name).unwrap();
        for (change, values) in rows {
            let key = format!("{:?}", values[0]);
            if *change == Change::Delete {
                mine.rows.remove(&key);
                continue;
            }
            let names = table.columns.iter().map(|column| column.name.clone());
            mine.rows.insert(key, names.zip(values.iter().cloned()).collect());
        }
        if is_last {
            mine.position = Some(read_at);
        }
        mine.uncovered = (!is_last).then_some(read_at);
    }
}

impl MirrorTable {
    /// The key and the types of columns that stay must stay.
    fn can_become(&self, columns: &[Column]) -> bool {
        let same = |one: &Column, other: &Column| one.name == other.name && one.sql_type == other.sql_type;
        let stays =
            |mine: &Column| columns.iter().all(|column| column.name != mine.name || same(column, mine));
        self.columns.iter().all(stays) && self.columns.first().is_none_or(|key| same(key, &columns[0]))
    }

    pub(super) fn checksum(&self) -> TableChecksum {
        let mut checksum = TableChecksum::default();
        for row in self.rows.values() {
            checksum.add(row.iter().map(|(name, value)| (name.as_str(), value.canonical())));
        }
        checksum
    }
}
