//! A destination in memory: a map per table, and faults by script.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use mirrorbus_mirror::{
    Applied, Batch, Column, Destination, DestinationError, Memory, Row, TableMemory, Value,
};
use mirrorbus_schemas::topic::Tenant;

/// What happens to a batch instead of being applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is refused and nothing of it kept.
    Refuse,
    /// It is applied, and said to have failed.
    DoThenFail,
}

type Rows = BTreeMap<String, Vec<String>>;

#[derive(Default)]
struct Kept {
    memory: BTreeMap<Tenant, Memory>,
    rows: BTreeMap<(Tenant, String), Rows>,
    faults: VecDeque<Fault>,
    batches: usize,
}

/// Clones share what is kept.
#[derive(Clone, Default)]
pub(crate) struct InMemory(Arc<Mutex<Kept>>);

impl InMemory {
    pub(crate) fn failing(faults: impl IntoIterator<Item = Fault>) -> Self {
        let memory = Self::default();
        memory.0.lock().unwrap().faults.extend(faults);
        memory
    }

    /// Rows of a table, each as its values in debug form.
    pub(crate) fn rows(&self, tenant: &str, table: &str) -> Vec<Vec<String>> {
        let key = (Tenant::new(tenant).unwrap(), table.to_owned());
        self.0.lock().unwrap().rows.get(&key).map(|rows| rows.values().cloned().collect()).unwrap_or_default()
    }

    pub(crate) fn next_offset(&self, tenant: &str, topic: &str) -> i64 {
        let kept = self.0.lock().unwrap();
        let memory = kept.memory.get(&Tenant::new(tenant).unwrap());
        let position = memory.and_then(|memory| memory.positions.get(&(topic.to_owned(), 0)));
        position.map_or(0, |position| position.next_offset)
    }

    pub(crate) fn batches(&self) -> usize {
        self.0.lock().unwrap().batches
    }
}

impl Destination for InMemory {
    fn load(&mut self, tenant: &Tenant) -> Result<Memory, DestinationError> {
        Ok(self.0.lock().unwrap().memory.get(tenant).cloned().unwrap_or_default())
    }

    fn apply(&mut self, tenant: &Tenant, batch: &Batch<'_>) -> Result<Applied, DestinationError> {
        let mut kept = self.0.lock().unwrap();
        let fault = kept.faults.pop_front();
        if fault == Some(Fault::Refuse) {
            return Err(DestinationError::Fault("refused".into()));
        }
        let memory = kept.memory.entry(tenant.clone()).or_default();
        for moved in &batch.moves {
            let place = (moved.topic.clone(), moved.partition);
            if memory.positions.get(&place) != moved.from.as_ref() {
                return Err(DestinationError::Fenced { topic: place.0, partition: place.1 });
            }
            memory.positions.insert(place, moved.to.clone());
        }
        for change in &batch.tables {
            let known = TableMemory { columns: change.after.clone(), marks: change.marks.clone() };
            memory.tables.insert(change.table.clone(), known);
        }
        for change in &batch.tables {
            let rows = kept.rows.entry((tenant.clone(), change.table.to_string())).or_default();
            if !change.keeps_rows {
                rows.clear();
            }
            for row in &change.rows {
                apply(rows, change.after.as_deref().unwrap(), row);
            }
        }
        kept.batches += 1;
        match fault {
            None => Ok(Applied::default()),
            Some(_) => Err(DestinationError::Fault("the answer was lost".into())),
        }
    }
}

fn apply(rows: &mut Rows, columns: &[Column], row: &Row<'_>) {
    let text = |values: &[Value<'_>]| values.iter().map(|value| format!("{value:?}")).collect::<Vec<_>>();
    match row {
        Row::Delete(key) => {
            rows.remove(&text(key).join(","));
        }
        Row::Upsert(values) => {
            let key = columns.iter().zip(text(values)).filter(|(column, _)| column.is_key);
            let key: Vec<String> = key.map(|(_, value)| value).collect();
            rows.insert(key.join(","), text(values));
        }
    }
}
