//! What a table must be: one entry of a fixed size per key, taken from its topic.

use std::collections::{BTreeSet, HashMap};
use std::ffi::CStr;

use mirrorbus_librdkafka::ConsumedRecord;
use mirrorbus_schemas::checksum::{Canonical, TableChecksum, row_hash};
use mirrorbus_schemas::wire;

use crate::destination::TableMemory;
use crate::error::{Fault, RecordFault};
use crate::source::registry::Schemas;
use crate::table::places::Places;
use crate::table::rows::is_key_of;
use crate::table::schema::{Column, conflict};
use crate::table::value::Value;

const EPOCH: &CStr = c"epoch";

/// The newest record of a key, and the row in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Newest {
    /// Hash of the whole row.
    pub(crate) row: u128,
    pub(crate) offset: i64,
    pub(crate) partition: i32,
    /// Whether the copy has a row of this key.
    pub(crate) is_met: bool,
}

/// The rows that a topic says a table has.
pub(crate) struct Expected<'t> {
    columns: &'t [Column],
    memory: &'t TableMemory,
    places: Places<'t>,
    /// By the hash of the key columns.
    pub(crate) rows: HashMap<u128, Newest>,
    /// Schemas of the table's present population that the table never took.
    strange: BTreeSet<u32>,
}

impl<'t> Expected<'t> {
    pub(crate) fn new(columns: &'t [Column], memory: &'t TableMemory) -> Self {
        let places = Places::new(columns);
        Self { columns, memory, places, rows: HashMap::new(), strange: BTreeSet::new() }
    }

    /// Takes the next record in.
    pub(crate) fn take(&mut self, record: &ConsumedRecord, schemas: &mut dyn Schemas) -> Result<(), Fault> {
        self.read(record, schemas)
            .map_err(|fault| fault.at(record.topic(), record.partition(), record.offset()))
    }

    fn read(&mut self, record: &ConsumedRecord, schemas: &mut dyn Schemas) -> Result<(), RecordFault> {
        let Some(key) = key_hash(record, self.columns, &mut self.places, schemas)? else { return Ok(()) };
        let Some(value) = record.payload() else {
            self.rows.remove(&key);
            return Ok(());
        };
        let (id, datum) = split(value)?;
        let plan = schemas.plan(id)?;
        // A record's epoch is costly to ask for.
        if !self.memory.marks.has_seen(id) && !is_earlier(record, self.memory) {
            self.strange.insert(id);
        }
        // A row of another shape went when the table was made anew.
        if conflict(self.columns, plan.columns()).is_some() {
            self.rows.remove(&key);
            return Ok(());
        }
        let values = self.places.row(&plan, datum)?;
        let newest = Newest {
            row: row_hash(cells(self.columns, &values)),
            offset: record.offset(),
            partition: record.partition(),
            is_met: false,
        };
        self.rows.insert(key, newest);
        Ok(())
    }

    pub(crate) fn sum(&self) -> TableChecksum {
        let mut sum = TableChecksum::default();
        self.rows.values().for_each(|newest| sum.add_hash(newest.row));
        sum
    }

    /// What is wrong with the table's columns.
    pub(crate) fn column_fault(&self, schemas: &mut dyn Schemas) -> Result<Option<String>, Fault> {
        let marks = &self.memory.marks;
        if let Some(id) = self.strange.first() {
            return Ok(Some(format!("the topic has rows of schema {id}, which the table never took")));
        }
        if marks.schema_id == 0 {
            return Ok(None);
        }
        let plan = schemas.plan(marks.schema_id)?;
        let differs = |wanted: &&Column| {
            let is_same = |own: &Column| {
                own.name == wanted.name && own.kind == wanted.kind && own.is_key == wanted.is_key
            };
            !self.columns.iter().any(is_same)
        };
        Ok(plan
            .columns()
            .iter()
            .find(differs)
            .map(|column| format!("column {} is not as schema {} has it", column.name, marks.schema_id)))
    }
}

/// Whether a record belongs to a population that another one followed. Where the table left in between, the row did
/// too, and its tombstone is yet to come.
pub(crate) fn is_earlier(record: &ConsumedRecord, memory: &TableMemory) -> bool {
    let epoch = record.header(EPOCH).and_then(|epoch| str::from_utf8(epoch).ok()?.parse::<i64>().ok());
    epoch.is_some_and(|epoch| epoch < memory.marks.epoch)
}

/// Hash of a record's key; `None` for a key of another shape: its rows are gone already.
pub(crate) fn key_hash<'t>(
    record: &ConsumedRecord,
    columns: &'t [Column],
    places: &mut Places<'t>,
    schemas: &mut dyn Schemas,
) -> Result<Option<u128>, RecordFault> {
    let Some(key) = record.key() else { return Err(RecordFault::Rule("has no key".to_owned())) };
    let (id, datum) = split(key)?;
    let plan = schemas.plan(id)?;
    if !is_key_of(plan.columns(), columns) {
        return Ok(None);
    }
    let values = places.key(&plan, datum)?;
    Ok(Some(row_hash(cells(columns.iter().filter(|column| column.is_key), &values))))
}

fn split(record: &[u8]) -> Result<(u32, &[u8]), RecordFault> {
    wire::split(record).map_err(|error| RecordFault::Rule(error.to_string()))
}

/// Columns and values as a checksum takes them.
pub(crate) fn cells<'a>(
    columns: impl IntoIterator<Item = &'a Column>,
    values: &[Value<'a>],
) -> Vec<(&'a str, Canonical<'a>)> {
    let names = columns.into_iter().map(|column| column.name.as_str());
    names.zip(values.iter().map(|value| value.canonical())).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_epoch_header_is_the_one_of_the_contract() {
        assert_eq!(super::EPOCH.to_str(), Ok(mirrorbus_schemas::header::EPOCH));
    }
}
