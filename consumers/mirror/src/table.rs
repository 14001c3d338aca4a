//! One table's records of a batch, boiled down to what the destination must do.
//!
//! Of a key only its last record counts. Columns are settled by all records before any row is decoded, so every row
//! is written in the table's newest shape: columns that its own schema lacks are NULL, those that left are not read.

use std::collections::HashMap;
use std::sync::Arc;

use mirrorbus_schemas::topic::Table;
use mirrorbus_schemas::wire;

use crate::decode::Plan;
use crate::destination::{Row, TableChange, TableMemory};
use crate::error::{Fault, RecordFault};
use crate::registry::Schemas;
use crate::schema::Column;
use crate::state::{Announcement, Sighting, Verdict};
use crate::value::Value;

/// A record of a table's topic.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowRecord<'r> {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) epoch: Option<i64>,
    pub(crate) key: Option<&'r [u8]>,
    pub(crate) value: Option<&'r [u8]>,
    pub(crate) is_only_partition: bool,
}

struct Operation<'r> {
    at: (i32, i64),
    key: (Arc<Plan>, &'r [u8]),
    value: Option<(Arc<Plan>, &'r [u8])>,
}

/// What a batch does to a table, while it is gathered.
pub(crate) struct Changes<'r> {
    table: Table,
    before: Option<Vec<Column>>,
    memory: TableMemory,
    keeps_rows: bool,
    operations: Vec<Option<Operation<'r>>>,
    /// Index of a key's last operation, by the key's datum: its schema id is no part of a row's identity here.
    newest: HashMap<&'r [u8], usize>,
}

impl<'r> Changes<'r> {
    pub(crate) fn new(table: Table, memory: TableMemory) -> Self {
        let before = memory.columns.clone();
        Self { table, before, memory, keeps_rows: true, operations: Vec::new(), newest: HashMap::new() }
    }

    pub(crate) fn epoch(&self) -> i64 {
        self.memory.marks.epoch
    }

    /// Takes a record in.
    pub(crate) fn take(
        &mut self,
        record: &RowRecord<'r>,
        schemas: &mut dyn Schemas,
    ) -> Result<(), RecordFault> {
        let rule = |rule: &str| RecordFault::Rule(rule.to_owned());
        let (key_id, key) = wire::split(record.key.ok_or_else(|| rule("has no key"))?)
            .map_err(|error| RecordFault::Rule(error.to_string()))?;
        let key_plan = schemas.plan(key_id)?;
        let value = match record.value {
            None if !self.has_key(key_plan.columns()) => return Ok(()),
            None => None,
            Some(value) => {
                let (id, datum) = wire::split(value).map_err(|error| RecordFault::Rule(error.to_string()))?;
                let plan = schemas.plan(id)?;
                if !is_key_of(key_plan.columns(), plan.columns()) {
                    return Err(rule("key and value schema do not agree on the key columns"));
                }
                match self.sight(record, &plan)? {
                    Verdict::Apply => {}
                    Verdict::Recreate => self.discard_rows(),
                    Verdict::Skip => return Ok(()),
                }
                Some((plan, datum))
            }
        };
        if let Some(superseded) = self.newest.insert(key, self.operations.len())
            && let Some(operation) = self.operations.get_mut(superseded)
        {
            *operation = None;
        }
        let at = (record.partition, record.offset);
        self.operations.push(Some(Operation { at, key: (key_plan, key), value }));
        Ok(())
    }

    fn sight(&mut self, record: &RowRecord<'_>, plan: &Plan) -> Result<Verdict, RecordFault> {
        self.memory
            .sight(&Sighting {
                epoch: record.epoch,
                schema_id: plan.id(),
                columns: plan.columns(),
                partition: record.partition,
                offset: record.offset,
                is_only_partition: record.is_only_partition,
            })
            .map_err(RecordFault::Rule)
    }

    /// Sweeps tombstone with the bytes that the rows were written with, so a key of another shape belongs to rows that
    /// are gone already.
    fn has_key(&self, key: &[Column]) -> bool {
        self.memory.columns.as_deref().is_some_and(|columns| is_key_of(key, columns))
    }

    fn discard_rows(&mut self) {
        self.keeps_rows = false;
        self.operations.clear();
        self.newest.clear();
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

    /// What to remember of the table once the batch is durable.
    pub(crate) fn memory(&self) -> (Table, TableMemory) {
        (self.table.clone(), self.memory.clone())
    }

    /// Decodes what is left. A record that cannot be read is named with its `topic`.
    pub(crate) fn finish(&self, topic: &str) -> Result<TableChange<'r>, Fault> {
        let columns = self.memory.columns.as_deref().unwrap_or_default();
        let mut places = Places { columns, known: HashMap::new() };
        let rows = self.operations.iter().flatten().map(|operation| {
            let (partition, offset) = operation.at;
            places.row(operation).map_err(|fault| fault.at(topic, partition, offset))
        });
        Ok(TableChange {
            table: self.table.clone(),
            before: self.before.clone(),
            after: self.memory.columns.clone(),
            keeps_rows: self.keeps_rows,
            rows: rows.collect::<Result<_, _>>()?,
            marks: self.memory.marks.clone(),
        })
    }
}

/// Where each column of the table stands in a schema.
struct Places<'c> {
    columns: &'c [Column],
    known: HashMap<(u32, bool), Vec<Option<usize>>>,
}

impl Places<'_> {
    fn row<'r>(&mut self, operation: &Operation<'r>) -> Result<Row<'r>, RecordFault> {
        let ((plan, datum), is_key) = match &operation.value {
            Some(value) => (value, false),
            None => (&operation.key, true),
        };
        let values = plan.decode(datum)?;
        let columns = self.columns;
        let places = self.known.entry((plan.id(), is_key)).or_insert_with(|| {
            let place = |column: &Column| plan.columns().iter().position(|own| own.name == column.name);
            columns.iter().filter(|column| column.is_key || !is_key).map(place).collect()
        });
        let value =
            |place: &Option<usize>| place.and_then(|place| values.get(place)).copied().unwrap_or(Value::Null);
        let values = places.iter().map(value).collect();
        Ok(if is_key { Row::Delete(values) } else { Row::Upsert(values) })
    }
}

/// Whether `key` names exactly the key columns of `columns`, of the same kinds.
fn is_key_of(key: &[Column], columns: &[Column]) -> bool {
    let keys = columns.iter().filter(|column| column.is_key);
    keys.clone().count() == key.len()
        && keys
            .into_iter()
            .all(|column| key.iter().any(|field| field.name == column.name && field.kind == column.kind))
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
