//! A destination in memory with owners and copies: a map per table and copy.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use mirrorbus_mirror::{
    Applied, Batch, Column, Copy, Destination, DestinationError, Memory, Row, TableMemory, Value,
};
use mirrorbus_schemas::topic::{Table, Tenant};

/// A value that is kept.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    Null,
    Whole(i64),
    Decimal(i128),
    Double(f64),
    Text(String),
    Bytes(Vec<u8>),
    /// Nothing that a mirror writes.
    Foreign,
}

impl Cell {
    pub(crate) fn of(value: Value<'_>) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Whole(number) => Self::Whole(number),
            Value::Decimal(number) => Self::Decimal(number),
            Value::Double(number) => Self::Double(number),
            Value::Text(text) => Self::Text(text.to_owned()),
            Value::Bytes(bytes) => Self::Bytes(bytes.to_owned()),
        }
    }

    pub(crate) fn value(&self) -> Option<Value<'_>> {
        Some(match self {
            Self::Null => Value::Null,
            Self::Whole(number) => Value::Whole(*number),
            Self::Decimal(number) => Value::Decimal(*number),
            Self::Double(number) => Value::Double(*number),
            Self::Text(text) => Value::Text(text),
            Self::Bytes(bytes) => Value::Bytes(bytes),
            Self::Foreign => return None,
        })
    }
}

/// Rows by their keys in debug form.
pub(crate) type Rows = BTreeMap<String, Vec<Cell>>;

/// One copy of a tenant.
#[derive(Clone, Default)]
pub(crate) struct Data {
    pub(crate) memory: Memory,
    pub(crate) rows: BTreeMap<Table, Rows>,
    /// Who loaded it last; nobody since it was exchanged.
    pub(crate) owner: Option<u64>,
}

#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) copies: BTreeMap<(Tenant, bool), Data>,
    /// What was exchanged: tenant, name, and the copy.
    pub(crate) old: Vec<(Tenant, String, Data)>,
    pub(crate) held: bool,
    batches: usize,
    owners: u64,
}

/// Clones share what is kept; each is an owner of its own once it loads.
pub(crate) struct InMemory {
    shared: Arc<(Mutex<Kept>, Condvar)>,
    copy: Copy,
    owned: BTreeMap<Tenant, u64>,
    /// Batches of a transaction that is open.
    open: BTreeMap<Tenant, Data>,
    /// Happens before a live copy is held for the first time.
    pub(crate) before_hold: Option<Box<dyn FnOnce() + Send>>,
}

impl Default for InMemory {
    fn default() -> Self {
        Self {
            shared: Arc::default(),
            copy: Copy::Live,
            owned: BTreeMap::new(),
            open: BTreeMap::new(),
            before_hold: None,
        }
    }
}

impl Clone for InMemory {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), copy: self.copy, ..Self::default() }
    }
}

pub(crate) fn place(tenant: &Tenant, copy: Copy) -> (Tenant, bool) {
    (tenant.clone(), copy == Copy::Live)
}

impl InMemory {
    /// Another handle on the same, for the copy beside the live one.
    pub(crate) fn of_beside(&self) -> Self {
        Self { copy: Copy::Beside, ..self.clone() }
    }

    pub(crate) fn kept(&self) -> MutexGuard<'_, Kept> {
        self.shared.0.lock().unwrap()
    }

    /// Waits until nobody holds the live copies, and holds them.
    pub(crate) fn hold_all(&self) -> MutexGuard<'_, Kept> {
        let mut kept = self.shared.1.wait_while(self.kept(), |kept| kept.held).unwrap();
        kept.held = true;
        kept
    }

    pub(crate) fn let_go(&self) {
        self.kept().held = false;
        self.shared.1.notify_all();
    }

    /// Rows of a table, each as its values in debug form.
    pub(crate) fn rows(&self, tenant: &str, table: &str) -> Vec<Vec<String>> {
        let kept = self.kept();
        let data = kept.copies.get(&(Tenant::new(tenant).unwrap(), true));
        let rows = data.and_then(|data| data.rows.get(&Table::new(table).unwrap()));
        let text = |row: &Vec<Cell>| row.iter().map(|cell| format!("{:?}", cell.value().unwrap())).collect();
        rows.map(|rows| rows.values().map(text).collect()).unwrap_or_default()
    }

    /// Changes a live copy by hand.
    pub(crate) fn spoil(&self, tenant: &str, change: impl FnOnce(&mut Data)) {
        change(self.kept().copies.get_mut(&(Tenant::new(tenant).unwrap(), true)).unwrap());
    }

    pub(crate) fn next_offset(&self, tenant: &str, topic: &str) -> i64 {
        let kept = self.kept();
        let data = kept.copies.get(&(Tenant::new(tenant).unwrap(), true));
        let position = data.and_then(|data| data.memory.positions.get(&(topic.to_owned(), 0)));
        position.map_or(0, |position| position.next_offset)
    }

    pub(crate) fn batches(&self) -> usize {
        self.kept().batches
    }
}

impl Destination for InMemory {
    fn load(&mut self, tenant: &Tenant) -> Result<Memory, DestinationError> {
        self.open.remove(tenant);
        let mut kept = self.shared.0.lock().unwrap();
        kept.owners += 1;
        let owner = kept.owners;
        self.owned.insert(tenant.clone(), owner);
        let data = kept.copies.entry(place(tenant, self.copy)).or_default();
        data.owner = Some(owner);
        Ok(data.memory.clone())
    }

    fn apply(&mut self, tenant: &Tenant, batch: &Batch<'_>) -> Result<Applied, DestinationError> {
        let is_live = self.copy == Copy::Live;
        let kept = self.shared.0.lock().unwrap();
        let mut kept = self.shared.1.wait_while(kept, |kept| kept.held && is_live).unwrap();
        let present = kept.copies.get(&place(tenant, self.copy)).cloned().unwrap_or_default();
        match present.owner {
            None => return Err(DestinationError::Replaced),
            owner if owner.as_ref() != self.owned.get(tenant) => {
                return Err(DestinationError::Fenced { what: "another loaded it".to_owned() });
            }
            Some(_) => {}
        }
        let mut data = self.open.remove(tenant).unwrap_or(present);
        apply(&mut data, batch)?;
        if batch.ends {
            kept.copies.insert(place(tenant, self.copy), data);
        } else {
            self.open.insert(tenant.clone(), data);
        }
        kept.batches += 1;
        Ok(Applied::default())
    }
}

fn apply(data: &mut Data, batch: &Batch<'_>) -> Result<(), DestinationError> {
    for moved in &batch.moves {
        let place = (moved.topic.clone(), moved.partition);
        if data.memory.positions.get(&place) != moved.from.as_ref() {
            return Err(DestinationError::Fenced { what: format!("{place:?} was moved") });
        }
        data.memory.positions.insert(place, moved.to.clone());
    }
    for change in &batch.tables {
        let known = TableMemory { columns: change.after.clone(), marks: change.marks.clone() };
        data.memory.tables.insert(change.table.clone(), known);
        let rows = data.rows.entry(change.table.clone()).or_default();
        if !change.keeps_rows {
            rows.clear();
        }
        reshape(rows, change.before.as_deref(), change.after.as_deref());
        for row in &change.rows {
            apply_row(rows, change.after.as_deref().unwrap(), row);
        }
    }
    data.memory.caught_up_ms = batch.caught_up_ms.or(data.memory.caught_up_ms);
    data.memory.cycle = batch.cycle.clone().or(data.memory.cycle.take());
    Ok(())
}

/// Gives rows that stay the table's new columns.
fn reshape(rows: &mut Rows, before: Option<&[Column]>, after: Option<&[Column]>) {
    let (Some(before), Some(after)) = (before, after) else { return };
    for row in rows.values_mut() {
        let cell = |column: &Column| match before.iter().position(|known| known.name == column.name) {
            Some(index) => row[index].clone(),
            None => column.constant_default().filter(|_| !column.is_nullable).map_or(Cell::Null, Cell::of),
        };
        *row = after.iter().map(cell).collect();
    }
}

/// Says whether there was such a row.
pub(crate) fn apply_row(rows: &mut Rows, columns: &[Column], row: &Row<'_>) -> bool {
    let text = |values: &[Value<'_>]| values.iter().map(|value| format!("{value:?}")).collect::<Vec<_>>();
    match row {
        Row::Delete(key) => rows.remove(&text(key).join(",")).is_some(),
        Row::Upsert(values) => {
            let key = columns.iter().zip(text(values)).filter(|(column, _)| column.is_key);
            let key: Vec<String> = key.map(|(_, value)| value).collect();
            rows.insert(key.join(","), values.iter().map(|value| Cell::of(*value)).collect()).is_some()
        }
    }
}
