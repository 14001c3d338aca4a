//! A destination in memory: a map per table, owners by number, and faults by script.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use mirrorbus_mirror::{
    Applied, Batch, Column, Destination, DestinationError, Memory, Row, TableMemory, Value,
};
use mirrorbus_schemas::topic::Tenant;

use super::source::until;

/// What happens to a batch instead of being applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is refused and nothing of it kept.
    Refuse,
    /// It is applied, and said to have failed.
    DoThenFail,
}

pub(crate) type Rows = BTreeMap<String, Vec<String>>;

/// One tenant's copy.
#[derive(Default)]
pub(crate) struct Kept {
    /// The owner's number; `None` when nobody is it.
    pub(crate) owner: Option<u64>,
    /// The last owner's number.
    pub(crate) owners: u64,
    pub(crate) memory: Memory,
    pub(crate) rows: BTreeMap<String, Rows>,
    /// Who applied each batch.
    pub(crate) writers: Vec<String>,
}

impl Kept {
    /// Makes somebody new the owner, and says which number it is.
    pub(crate) fn take_over(&mut self) -> u64 {
        self.owners += 1;
        self.owner = Some(self.owners);
        self.owners
    }

    pub(crate) fn apply(
        &mut self,
        owner: u64,
        writer: &str,
        batch: &Batch<'_>,
    ) -> Result<(), DestinationError> {
        match self.owner {
            None => return Err(DestinationError::Replaced),
            Some(other) if other != owner => {
                return Err(DestinationError::Fenced { what: format!("owner {other} has it, not {owner}") });
            }
            Some(_) => {}
        }
        for moved in &batch.moves {
            let place = (moved.topic.clone(), moved.partition);
            if self.memory.positions.get(&place) != moved.from.as_ref() {
                return Err(DestinationError::Fenced { what: format!("{place:?} was moved") });
            }
        }
        for moved in &batch.moves {
            self.memory.positions.insert((moved.topic.clone(), moved.partition), moved.to.clone());
        }
        for change in &batch.tables {
            let known = TableMemory { columns: change.after.clone(), marks: change.marks.clone() };
            self.memory.tables.insert(change.table.clone(), known);
            let rows = self.rows.entry(change.table.to_string()).or_default();
            if !change.keeps_rows {
                rows.clear();
            }
            for row in &change.rows {
                apply(rows, change.after.as_deref().unwrap(), row);
            }
        }
        self.writers.push(writer.to_owned());
        Ok(())
    }
}

#[derive(Default)]
struct Place {
    tenants: BTreeMap<Tenant, Kept>,
    faults: VecDeque<Fault>,
    is_broken: bool,
    hanging: Option<String>,
    refused: usize,
    batches: usize,
}

/// Clones share what is kept, and are owners of their own.
#[derive(Default)]
pub(crate) struct InMemory {
    place: Arc<Mutex<Place>>,
    name: String,
    owned: BTreeMap<Tenant, u64>,
}

impl Clone for InMemory {
    fn clone(&self) -> Self {
        self.named("")
    }
}

impl InMemory {
    pub(crate) fn failing(faults: impl IntoIterator<Item = Fault>) -> Self {
        let memory = Self::default();
        memory.place().faults.extend(faults);
        memory
    }

    /// The same place for another mirror.
    pub(crate) fn named(&self, name: &str) -> Self {
        Self { place: Arc::clone(&self.place), name: name.to_owned(), owned: BTreeMap::new() }
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap()
    }

    fn of<T>(&self, tenant: &str, look: impl FnOnce(&mut Kept) -> T) -> T {
        look(self.place().tenants.entry(Tenant::new(tenant).unwrap()).or_default())
    }

    /// Rows of a table, each as its values in debug form.
    pub(crate) fn rows(&self, tenant: &str, table: &str) -> Vec<Vec<String>> {
        self.of(tenant, |kept| kept.rows.get(table).map(|rows| rows.values().cloned().collect()))
            .unwrap_or_default()
    }

    pub(crate) fn next_offset(&self, tenant: &str, topic: &str) -> i64 {
        self.of(tenant, |kept| {
            kept.memory.positions.get(&(topic.to_owned(), 0)).map_or(0, |position| position.next_offset)
        })
    }

    pub(crate) fn batches(&self) -> usize {
        self.place().batches
    }

    /// Who applied each batch of a tenant.
    pub(crate) fn writers(&self, tenant: &str) -> Vec<String> {
        self.of(tenant, |kept| kept.writers.clone())
    }

    /// How often a tenant was taken over.
    pub(crate) fn owners(&self, tenant: &str) -> u64 {
        self.of(tenant, |kept| kept.owners)
    }

    /// Batches that were refused because they came from an earlier owner.
    pub(crate) fn refused(&self) -> usize {
        self.place().refused
    }

    /// Takes a tenant over for nobody's mirror.
    pub(crate) fn take_over(&self, tenant: &str) -> u64 {
        self.of(tenant, Kept::take_over)
    }

    /// As when the copy is exchanged: nobody has it.
    pub(crate) fn disown(&self, tenant: &str) {
        self.of(tenant, |kept| kept.owner = None);
    }

    /// From now on nothing works, or everything again.
    pub(crate) fn set_broken(&self, is_broken: bool) {
        self.place().is_broken = is_broken;
    }

    /// Batches of this mirror do not end, until another name is given.
    pub(crate) fn set_hanging(&self, name: Option<&str>) {
        self.place().hanging = name.map(str::to_owned);
    }

    /// Nothing is answered as long as the value lives.
    pub(crate) fn hold(&self) -> impl Sized + '_ {
        self.place()
    }

    fn answer(&self) -> Result<(), DestinationError> {
        if self.place().is_broken { Err(DestinationError::Fault("it is broken".into())) } else { Ok(()) }
    }
}

impl Destination for InMemory {
    fn load(&mut self, tenant: &Tenant) -> Result<Memory, DestinationError> {
        self.answer()?;
        let mut place = self.place.lock().unwrap();
        let kept = place.tenants.entry(tenant.clone()).or_default();
        self.owned.insert(tenant.clone(), kept.take_over());
        Ok(kept.memory.clone())
    }

    fn apply(&mut self, tenant: &Tenant, batch: &Batch<'_>) -> Result<Applied, DestinationError> {
        self.answer()?;
        until("the batch goes on", || self.place().hanging.as_deref() != Some(self.name.as_str()));
        let mut place = self.place();
        let fault = place.faults.pop_front();
        if fault == Some(Fault::Refuse) {
            return Err(DestinationError::Fault("refused".into()));
        }
        let owner = self.owned.get(tenant).copied().unwrap_or_default();
        let applied = place.tenants.entry(tenant.clone()).or_default().apply(owner, &self.name, batch);
        place.refused += usize::from(matches!(applied, Err(DestinationError::Fenced { .. })));
        applied?;
        place.batches += 1;
        match fault {
            None => Ok(Applied::default()),
            Some(_) => Err(DestinationError::Fault("the answer was lost".into())),
        }
    }

    fn release(&mut self, tenant: &Tenant) {
        self.owned.remove(tenant);
    }

    fn check(&mut self, _: &Tenant) -> Result<(), DestinationError> {
        self.answer()
    }
}

pub(crate) fn apply(rows: &mut Rows, columns: &[Column], row: &Row<'_>) {
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
