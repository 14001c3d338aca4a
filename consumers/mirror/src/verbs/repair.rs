//! Mending exactly the rows that differ, while a mirror runs.
//!
//! Rows are mended in portions of a batch's size. For each the live copy is held; what a mirror applied between the
//! pinned positions and that moment is read, and rows that it wrote again are left alone: they are newer than what was
//! compared.

use std::collections::{HashMap, HashSet};

use mirrorbus_schemas::topic::{Table, Tenant};
use mirrorbus_schemas::wire;

use crate::copies::Copies;
use crate::destination::{Memory, Row};
use crate::error::RecordFault;
use crate::source::reader::Feed;
use crate::source::registry::Schemas;
use crate::table::places::Places;
use crate::table::value::{OwnedValue, Value};
use crate::verbs::compare::Differing;
use crate::verbs::error::VerbError;
use crate::verbs::report::Repair;
use crate::verbs::reread::written;
use crate::verbs::source::{Offsets, Source};
use crate::verbs::verify::Pinned;

/// How one row is mended.
enum Mend {
    Delete(Vec<OwnedValue>),
    /// Written as the value of this record says.
    Upsert {
        record: (i32, i64),
        value: Vec<u8>,
    },
}

struct Mending<'m> {
    tenant: &'m Tenant,
    table: &'m Table,
    pinned: &'m Pinned,
    destination: &'m mut dyn Copies,
    /// Reads what was applied meanwhile, while another reads the rows.
    source: Source,
    /// By the hash of the key.
    portion: HashMap<u128, Mend>,
    bytes: usize,
    repair: Repair,
}

/// Mends the rows of a table that differ.
pub(crate) fn mend(
    tenant: &Tenant,
    pinned: &Pinned,
    differing: &[Differing],
    source: &mut Source,
    destination: &mut dyn Copies,
) -> Result<Repair, VerbError> {
    let Feed::Rows(table) = &pinned.topic.feed else { return Ok(Repair::default()) };
    let mut mending = Mending {
        tenant,
        table,
        pinned,
        destination,
        source: Source::new(&source.settings, &source.stop)?,
        portion: HashMap::new(),
        bytes: 0,
        repair: Repair::default(),
    };
    for extra in differing.iter().filter(|differing| differing.record.is_none()) {
        mending.add(extra.hash, Mend::Delete(extra.key.clone()))?;
    }
    let records: HashMap<(i32, i64), u128> =
        differing.iter().filter_map(|differing| Some((differing.record?, differing.hash))).collect();
    if !records.is_empty() {
        source.scan(&pinned.topic, &Offsets::new(), &pinned.positions, &mut |record, _| {
            let at = (record.partition(), record.offset());
            match (records.get(&at), record.payload()) {
                (Some(hash), Some(value)) => {
                    mending.add(*hash, Mend::Upsert { record: at, value: value.to_vec() })
                }
                _ => Ok(()),
            }
        })?;
    }
    mending.apply()?;
    Ok(mending.repair)
}

impl Mending<'_> {
    fn add(&mut self, hash: u128, mend: Mend) -> Result<(), VerbError> {
        self.bytes += match &mend {
            Mend::Delete(_) => 0,
            Mend::Upsert { value, .. } => value.len(),
        };
        self.portion.insert(hash, mend);
        let settings = &self.source.settings;
        if self.portion.len() >= settings.batch_records || self.bytes >= settings.batch_bytes {
            self.apply()?;
        }
        Ok(())
    }

    /// One portion, in one transaction.
    fn apply(&mut self) -> Result<(), VerbError> {
        if self.portion.is_empty() {
            return Ok(());
        }
        let mut portion = std::mem::take(&mut self.portion);
        self.bytes = 0;
        let mut held = self.destination.hold(self.tenant)?;
        let reached = reached(self.table, self.pinned, held.memory())?;
        let hashes: HashSet<u128> = portion.keys().copied().collect();
        for hash in written(&mut self.source, self.pinned, &reached, &hashes)? {
            portion.remove(&hash);
            self.repair.left_alone += 1;
        }
        let mut places = Places::new(&self.pinned.columns);
        let mut rows = Vec::with_capacity(portion.len());
        for mend in portion.values() {
            rows.push(match mend {
                Mend::Delete(key) => Row::Delete(key.iter().map(OwnedValue::as_value).collect()),
                Mend::Upsert { record: (partition, offset), value } => {
                    let row = row(value, &mut places, &mut self.source.registry);
                    Row::Upsert(row.map_err(|fault| fault.at(&self.pinned.topic.name, *partition, *offset))?)
                }
            });
        }
        let applied = held.repair(self.table, &rows)?;
        held.commit()?;
        self.repair.inserts += applied.inserts;
        self.repair.updates += applied.updates;
        self.repair.deletes += applied.deletes;
        Ok(())
    }
}

/// How far a mirror has come since the pinned positions.
fn reached(table: &Table, pinned: &Pinned, memory: &Memory) -> Result<Offsets, VerbError> {
    let refuse = |what: &str| {
        VerbError::Refused(format!("table {table} {what} while it was repaired: run verify --repair again"))
    };
    if memory.tables.get(table).and_then(|known| known.columns.as_ref()) != Some(&pinned.columns) {
        return Err(refuse("changed its columns"));
    }
    let mut reached = Offsets::new();
    for (partition, pinned_at) in &pinned.positions {
        let position = memory.positions.get(&(pinned.topic.name.clone(), *partition));
        let next = match position {
            None => 0,
            Some(position) if position.topic_id == pinned.topic.id => position.next_offset,
            Some(_) => return Err(refuse("began anew")),
        };
        if next < *pinned_at {
            return Err(refuse("began anew"));
        }
        reached.insert(*partition, next);
    }
    Ok(reached)
}

/// The row in a record's value.
pub(crate) fn row<'v, 'c: 'v>(
    value: &'v [u8],
    places: &mut Places<'c>,
    schemas: &mut dyn Schemas,
) -> Result<Vec<Value<'v>>, RecordFault> {
    let (id, datum) = wire::split(value).map_err(|error| RecordFault::Rule(error.to_string()))?;
    let plan = schemas.plan(id)?;
    Ok(places.row(&plan, datum)?)
}
