//! One table's records of a batch, boiled down to what the destination must do.
//!
//! Of a key only its last record counts. Columns are settled by all records before any row is decoded, so every row
//! is written in the table's newest shape: columns that its own schema lacks hold what the source has there, or NULL where
//! nothing says that; those that left are not read.

use std::collections::HashMap;
use std::fmt;

use foldhash::fast::RandomState;
use mirrorbus_schemas::topic::Table;
use mirrorbus_schemas::wire;

use super::nullable;
use crate::destination::{Row, TableChange, TableMemory};
use crate::error::{Fault, RecordFault};
use crate::source::registry::Schemas;
use crate::table::decode::Plan;
use crate::table::places::Places;
use crate::table::rows::{Operation, Reading, is_key_of};
use crate::table::schema::Column;
use crate::table::state::{Announcement, Sighting, Verdict};

/// Where a record says to which population its row belongs. Asked of few records, for it costs more than all else that
/// is done with one.
pub(crate) trait HasEpoch: fmt::Debug {
    fn epoch(&self) -> Option<i64>;
}

/// A record of a table's topic.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowRecord<'r> {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) epoch: &'r dyn HasEpoch,
    pub(crate) key: Option<&'r [u8]>,
    pub(crate) value: Option<&'r [u8]>,
    pub(crate) is_only_partition: bool,
}

/// Records of one partition and one schema that follow each other. The first tells what they do to the table; what the
/// last one says is noted when another comes.
struct Run<'r> {
    reading: usize,
    last: RowRecord<'r>,
}

/// What a batch does to a table, while it is gathered.
pub(crate) struct Changes<'r> {
    table: Table,
    before: Option<Vec<Column>>,
    memory: TableMemory,
    keeps_rows: bool,
    operations: Vec<Option<Operation<'r>>>,
    /// Index of a key's last operation, by the key's datum: its schema id is no part of a row's identity here.
    newest: HashMap<&'r [u8], usize, RandomState>,
    readings: Vec<Reading>,
    run: Option<Run<'r>>,
}

impl<'r> Changes<'r> {
    pub(crate) fn new(table: Table, memory: TableMemory) -> Self {
        let before = memory.columns.clone();
        Self {
            table,
            before,
            memory,
            keeps_rows: true,
            operations: Vec::new(),
            newest: HashMap::default(),
            readings: Vec::new(),
            run: None,
        }
    }

    pub(crate) fn epoch(&self) -> i64 {
        self.memory.marks.epoch
    }

    /// Makes room for so many more records.
    pub(crate) fn expect(&mut self, records: usize) {
        self.operations.reserve(records);
        self.newest.reserve(records);
    }

    /// Takes a record in.
    pub(crate) fn take(
        &mut self,
        record: &RowRecord<'r>,
        schemas: &mut dyn Schemas,
    ) -> Result<(), RecordFault> {
        let split = |bytes| wire::split(bytes).map_err(|error| RecordFault::Rule(error.to_string()));
        let (key_id, key) = split(record.key.ok_or_else(|| RecordFault::Rule("has no key".to_owned()))?)?;
        let value = record.value.map(split).transpose()?;
        let reading = self.reading((key_id, value.map(|(id, _)| id)), schemas)?;
        let is_taken = match value {
            None => self.has_key(reading),
            Some(_) => self.take_note(record, reading)?,
        };
        if !is_taken {
            return Ok(());
        }
        if let Some(superseded) = self.newest.insert(key, self.operations.len())
            && let Some(operation) = self.operations.get_mut(superseded)
        {
            *operation = None;
        }
        let at = (record.partition, record.offset);
        let value = value.map(|(_, datum)| datum);
        self.operations.push(Some(Operation { at, reading, key, value }));
        Ok(())
    }

    /// Index of how records of these schemas are read.
    fn reading(&mut self, ids: (u32, Option<u32>), schemas: &mut dyn Schemas) -> Result<usize, RecordFault> {
        if let Some(known) = self.readings.iter().position(|reading| reading.ids == ids) {
            return Ok(known);
        }
        let key = schemas.plan(ids.0)?;
        let value = ids.1.map(|id| schemas.plan(id)).transpose()?;
        if let Some(value) = &value
            && !is_key_of(key.columns(), value.columns())
        {
            return Err(RecordFault::Rule("key and value schema do not agree on the key columns".to_owned()));
        }
        self.readings.push(Reading { ids, key, value });
        Ok(self.readings.len() - 1)
    }

    /// What a record with a value says of its table. Says whether its row is to be applied.
    fn take_note(&mut self, record: &RowRecord<'r>, reading: usize) -> Result<bool, RecordFault> {
        if let Some(run) = &mut self.run
            && run.reading == reading
            && run.last.partition == record.partition
        {
            run.last = *record;
            return Ok(true);
        }
        self.end_run()?;
        match self.sight(record, reading)? {
            Verdict::Apply => {}
            Verdict::Recreate => self.discard_rows(),
            Verdict::Skip => return Ok(false),
        }
        self.run = Some(Run { reading, last: *record });
        Ok(true)
    }

    /// Takes note of the last record that came.
    pub(crate) fn end_run(&mut self) -> Result<(), RecordFault> {
        if let Some(run) = self.run.take() {
            self.sight(&run.last, run.reading)?;
        }
        Ok(())
    }

    fn sight(&mut self, record: &RowRecord<'_>, reading: usize) -> Result<Verdict, RecordFault> {
        let Some(reading) = self.readings.get(reading) else { return Ok(Verdict::Skip) };
        let plan = reading.plan();
        self.memory
            .sight(&Sighting {
                epoch: record.epoch.epoch(),
                schema_id: plan.id(),
                columns: plan.columns(),
                partition: record.partition,
                offset: record.offset,
                is_only_partition: record.is_only_partition,
            })
            .map_err(RecordFault::Conflict)
    }

    /// Sweeps tombstone with the bytes that the rows were written with, so a key of another shape belongs to rows that
    /// are gone already.
    fn has_key(&self, reading: usize) -> bool {
        let key = self.readings.get(reading).map(|reading| reading.key.columns()).unwrap_or_default();
        self.memory.columns.as_deref().is_some_and(|columns| is_key_of(key, columns))
    }

    fn discard_rows(&mut self) {
        self.keeps_rows = false;
        self.operations.clear();
        self.newest.clear();
        self.run = None;
    }

    /// The table left the source.
    pub(crate) fn leave(&mut self, announcement: &Announcement<'_>) -> bool {
        let leaves = self.memory.leave(announcement);
        if leaves {
            self.discard_rows();
        }
        leaves
    }

    /// The source changed the columns.
    pub(crate) fn announce(&mut self, announcement: &Announcement<'_>, plan: &Plan) {
        let verdict = self.memory.announce(announcement, plan.id(), plan.columns());
        if verdict == Some(Verdict::Recreate) {
            self.discard_rows();
        }
    }

    /// The topic was thrown away, and with it all that was read from it.
    pub(crate) fn forget_rows(&mut self) {
        self.memory.forget_rows();
        self.discard_rows();
    }

    /// Decodes what is left. A record that cannot be read is named with its `topic`. Gives what to remember of the table
    /// once the batch is durable, too.
    pub(crate) fn finish(&self, topic: &str) -> Result<(TableChange<'_>, TableMemory), Fault> {
        let columns = self.memory.columns.as_deref().unwrap_or_default();
        let mut places = Places::new(columns);
        let mut rows = Vec::with_capacity(self.newest.len());
        for operation in self.operations.iter().flatten() {
            let Some(reading) = self.readings.get(operation.reading) else { continue };
            let row = match (&reading.value, operation.value) {
                (Some(plan), Some(datum)) => places.row(plan, datum).map(Row::Upsert),
                _ => places.key(&reading.key, operation.key).map(Row::Delete),
            };
            let (partition, offset) = operation.at;
            rows.push(row.map_err(|error| RecordFault::from(error).at(topic, partition, offset))?);
        }
        let mut memory = self.memory.clone();
        if let Some(columns) = &mut memory.columns {
            let present = self.before.as_deref().filter(|_| self.keeps_rows);
            nullable::admit(columns, present, &rows);
        }
        let change = TableChange {
            table: self.table.clone(),
            before: self.before.clone(),
            after: memory.columns.clone(),
            keeps_rows: self.keeps_rows,
            rows,
            marks: memory.marks.clone(),
        };
        Ok((change, memory))
    }
}

#[cfg(test)]
#[path = "changes_tests.rs"]
mod tests;
