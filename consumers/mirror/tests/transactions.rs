//! A destination in memory whose readers are asked what they see: transactions of several batches, cycles, rows that
//! somebody changed, ends in the middle.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mirrorbus_mirror::{Applied, Batch, Cycle, Destination, DestinationError, Memory, TableMemory};
use mirrorbus_schemas::topic::{Table, Tenant};

use super::destination::{Rows, apply};

/// What happens to a batch instead of being applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is refused and nothing of it kept.
    Refuse,
}

/// What is kept of a tenant: all of it is durable together.
#[derive(Clone, Default)]
pub(crate) struct Copy {
    pub(crate) memory: Memory,
    pub(crate) rows: BTreeMap<String, Rows>,
}

#[derive(Default)]
struct Kept {
    durable: BTreeMap<Tenant, Copy>,
    /// Transactions that did not end, which no reader sees.
    open: BTreeMap<Tenant, Copy>,
    owners: BTreeMap<Tenant, u64>,
    owner: u64,
    delayed: Option<(usize, Fault)>,
    hook_faults: usize,
    hook_panics: bool,
    /// Counts down to the batch that panics.
    panics_in: Option<usize>,
    told: Vec<String>,
    rows_when_told: Vec<usize>,
    unended: usize,
    loads: usize,
    visible: Vec<Copy>,
    keeps_visible: bool,
}

/// Handles share what is kept.
#[derive(Clone, Default)]
pub(crate) struct InMemory {
    kept: Arc<Mutex<Kept>>,
    owner: u64,
}

impl InMemory {
    /// Keeps what a reader sees after every batch.
    pub(crate) fn watched() -> Self {
        let memory = Self::default();
        memory.kept().keeps_visible = true;
        memory
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // A mirror that panicked may have had it.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The batch after so many more fails.
    pub(crate) fn fail_batch(&self, after: usize, fault: Fault) {
        let mut kept = self.kept();
        kept.delayed = Some((after, fault));
    }

    /// The batch after so many more ends the mirror.
    pub(crate) fn panic_in_batch(&self, after: usize) {
        self.kept().panics_in = Some(after);
    }

    /// The next call of the hook ends the mirror.
    pub(crate) fn panic_in_hook(&self) {
        self.kept().hook_panics = true;
    }

    /// Rows of all tables that were durable at each call of the hook.
    pub(crate) fn rows_when_told(&self) -> Vec<usize> {
        self.kept().rows_when_told.clone()
    }

    /// So many calls of the hook fail from now on.
    pub(crate) fn fail_hooks(&self, count: usize) {
        self.kept().hook_faults = count;
    }

    /// What a reader saw after each batch so far.
    pub(crate) fn visible(&self) -> Vec<Copy> {
        self.kept().visible.clone()
    }

    /// Cycles for which the hook was called, failed calls included.
    pub(crate) fn told(&self) -> Vec<String> {
        self.kept().told.clone()
    }

    /// Changes what is durable, as somebody with the database's own tools would.
    pub(crate) fn tamper(&self, tenant: &str, change: impl FnOnce(&mut Copy)) {
        change(self.kept().durable.entry(Tenant::new(tenant).unwrap()).or_default());
    }

    pub(crate) fn copy(&self, tenant: &str) -> Copy {
        self.kept().durable.get(&Tenant::new(tenant).unwrap()).cloned().unwrap_or_default()
    }

    /// Rows of a table, each as its values in debug form.
    pub(crate) fn rows(&self, tenant: &str, table: &str) -> Vec<Vec<String>> {
        self.copy(tenant).rows.get(table).map(|rows| rows.values().cloned().collect()).unwrap_or_default()
    }

    pub(crate) fn next_offset(&self, tenant: &str, topic: &str) -> i64 {
        let copy = self.copy(tenant);
        copy.memory.positions.get(&(topic.to_owned(), 0)).map_or(0, |position| position.next_offset)
    }

    /// How often tenants were taken over.
    pub(crate) fn loads(&self) -> usize {
        self.kept().loads
    }

    /// Batches that did not end their transaction.
    pub(crate) fn unended(&self) -> usize {
        self.kept().unended
    }
}

impl Destination for InMemory {
    fn load(&mut self, tenant: &Tenant) -> Result<Memory, DestinationError> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if self.owner == 0 {
            kept.owner += 1;
            self.owner = kept.owner;
        }
        kept.owners.insert(tenant.clone(), self.owner);
        kept.open.remove(tenant);
        kept.loads += 1;
        Ok(kept.durable.get(tenant).map(|copy| copy.memory.clone()).unwrap_or_default())
    }

    fn apply(&mut self, tenant: &Tenant, batch: &Batch<'_>) -> Result<Applied, DestinationError> {
        let mut kept = self.kept();
        if kept.owners.get(tenant) != Some(&self.owner) {
            return Err(DestinationError::Fenced { what: format!("{tenant} has another owner") });
        }
        match kept.panics_in.take() {
            Some(0) => panic!("the mirror is killed here"),
            left => kept.panics_in = left.map(|left| left - 1),
        }
        match kept.delayed.take() {
            Some((0, Fault::Refuse)) => return Err(DestinationError::Fault("refused".into())),
            left => kept.delayed = left.map(|(left, delayed)| (left - 1, delayed)),
        }
        let begun = kept.open.remove(tenant).or_else(|| kept.durable.get(tenant).cloned());
        let mut copy = begun.unwrap_or_default();
        copy.apply(batch)?;
        if batch.ends {
            kept.durable.insert(tenant.clone(), copy);
        } else {
            kept.unended += 1;
            kept.open.insert(tenant.clone(), copy);
        }
        if kept.keeps_visible {
            let seen = kept.durable.get(tenant).cloned().unwrap_or_default();
            kept.visible.push(seen);
        }
        Ok(Applied::default())
    }

    fn after_cycle(&mut self, tenant: &Tenant, cycle: &Cycle) -> Result<(), DestinationError> {
        let mut kept = self.kept();
        kept.told.push(cycle.id.clone());
        let rows = kept.durable.get(tenant).map(|copy| copy.rows.values().map(BTreeMap::len).sum());
        kept.rows_when_told.push(rows.unwrap_or_default());
        assert!(!std::mem::take(&mut kept.hook_panics), "the mirror is killed here");
        if kept.hook_faults > 0 {
            kept.hook_faults -= 1;
            return Err(DestinationError::Fault("the hook failed".into()));
        }
        Ok(())
    }
}

impl Copy {
    fn apply(&mut self, batch: &Batch<'_>) -> Result<(), DestinationError> {
        for moved in &batch.moves {
            let place = (moved.topic.clone(), moved.partition);
            if self.memory.positions.get(&place) != moved.from.as_ref() {
                return Err(DestinationError::Fenced { what: format!("{place:?} was moved") });
            }
            self.memory.positions.insert(place, moved.to.clone());
        }
        for change in &batch.tables {
            let table: Table = change.table.clone();
            let before = self.memory.tables.get(&table).and_then(|known| known.columns.clone());
            assert_eq!(before, change.before, "the columns as they were");
            let known = TableMemory { columns: change.after.clone(), marks: change.marks.clone() };
            self.memory.tables.insert(table.clone(), known);
            let rows = self.rows.entry(table.to_string()).or_default();
            if !change.keeps_rows {
                rows.clear();
            }
            for row in &change.rows {
                apply(rows, change.after.as_deref().unwrap(), row);
            }
        }
        self.memory.caught_up_ms = batch.caught_up_ms.or(self.memory.caught_up_ms);
        self.memory.cycle = batch.cycle.clone().or(self.memory.cycle.take());
        Ok(())
    }
}
