//! What the cycles topic says, and what of it waits for rows.
//!
//! An event speaks of what lies below its `ends`; it is applied once the rows up to there are. Until then the cycles
//! topic's stored position stays before it, so a mirror that is killed reads it again.

use std::collections::VecDeque;

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use mirrorbus_schemas::event::{CycleEvent, Kind, SCHEMA, TableReceipt};
use mirrorbus_schemas::topic::Table;
use mirrorbus_schemas::wire;

use crate::destination::Cycle;
use crate::error::RecordFault;
use crate::pattern::Patterns;
use crate::source::registry::Registry;

/// What an event does to a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// The table leaves.
    Leave,
    /// Its columns become those of this schema id.
    Columns(u32),
}

/// One table of an event that changes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pending {
    pub(crate) offset: i64,
    pub(crate) reach: Reach,
    pub(crate) effect: Effect,
}

/// How far a table must be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reach {
    pub(crate) table: Table,
    pub(crate) epoch: i64,
    /// Next offsets by partition.
    pub(crate) ends: Vec<(i32, i64)>,
    /// How often topics had been listed when the event came.
    pub(crate) listing: u64,
}

/// A cycle that ended at the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Completed {
    pub(crate) offset: i64,
    pub(crate) cycle: Cycle,
    pub(crate) tables: Vec<Reach>,
}

/// Whether rows of a cycle may be coming that is not completed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Opening {
    is_open: bool,
    /// The source was asked to leave the cycle out.
    is_paused: bool,
    /// The first event since the last completed cycle that says anything of this.
    since: Option<i64>,
}

/// The events of a tenant that are not done with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Events {
    /// In the order they came.
    pub(crate) pending: Vec<Pending>,
    pub(crate) completed: VecDeque<Completed>,
    pub(crate) opening: Opening,
    /// The cycle that is whole in the destination, while its hooks have not been run.
    pub(crate) telling: Option<(i64, Cycle)>,
}

impl Opening {
    fn hear(&mut self, kind: Kind, offset: i64) {
        match kind {
            Kind::CycleCompleted => return *self = Self::default(),
            Kind::Authenticated
            | Kind::SchemaCreated
            | Kind::SchemaChanged
            | Kind::Wiped
            | Kind::RowsRefused => self.is_open = true,
            Kind::Paused => self.is_paused = true,
            Kind::Resumed => self.is_paused = false,
            // Sweeps go on between cycles, and so do alarms.
            Kind::Dropped | Kind::Alarm => return,
        }
        self.since.get_or_insert(offset);
    }

    /// Whether the source is within a cycle.
    pub(crate) fn is_open(&self) -> bool {
        self.is_open && !self.is_paused
    }
}

impl Events {
    /// Takes in an event; of tables that nobody wants nothing is kept.
    pub(crate) fn hear(&mut self, event: &CycleEvent, offset: i64, listing: u64, wanted: &Patterns) {
        self.opening.hear(event.kind, offset);
        let is_wanted = |reach: &Reach| wanted.matches(reach.table.as_str());
        let reach = |receipt: &TableReceipt| reach(receipt, listing).filter(is_wanted);
        if event.kind == Kind::CycleCompleted {
            let cycle = Cycle { id: event.cycle.clone(), completed_ms: event.at };
            let tables: Vec<Reach> = event.tables.iter().filter_map(reach).collect();
            self.forget_longer(&tables);
            self.completed.push_back(Completed { offset, cycle, tables });
            return;
        }
        let pending = event.tables.iter().filter_map(|receipt| {
            Some(Pending { offset, effect: effect(event.kind, receipt)?, reach: reach(receipt)? })
        });
        self.pending.extend(pending);
    }

    /// A table's end never goes back, unless its topic was made anew: what was asked of the former one never comes.
    fn forget_longer(&mut self, tables: &[Reach]) {
        for completed in &mut self.completed {
            completed.tables.retain(|earlier| {
                let later = tables.iter().find(|later| later.table == earlier.table);
                later.is_none_or(|later| !earlier.is_past(later))
            });
        }
    }

    /// The table is read anew: what was asked of it may have been asked of another topic of that name.
    pub(crate) fn forget(&mut self, table: &Table) {
        for completed in &mut self.completed {
            completed.tables.retain(|reach| reach.table != *table);
        }
    }

    /// The offset at which the cycles topic's stored position has to stay.
    pub(crate) fn held(&self, is_whole: bool) -> Option<i64> {
        let pending = self.pending.iter().map(|pending| pending.offset).min();
        let completed = self.completed.front().map(|completed| completed.offset);
        let telling = self.telling.as_ref().map(|(offset, _)| *offset);
        let opened = self.opening.since.filter(|_| is_whole);
        [pending, completed, telling, opened].into_iter().flatten().min()
    }

    /// Takes out the cycles that are whole, and remembers the newest of them to be told.
    pub(crate) fn advance(&mut self, is_whole: impl Fn(&Completed) -> bool) -> Option<Cycle> {
        let mut newest = None;
        while let Some(completed) = self.completed.pop_front_if(|completed| is_whole(completed)) {
            newest = Some((completed.offset, completed.cycle));
        }
        let (offset, cycle) = newest?;
        self.telling = Some((offset, cycle.clone()));
        Some(cycle)
    }
}

impl Reach {
    fn is_past(&self, other: &Self) -> bool {
        self.ends
            .iter()
            .any(|(partition, end)| other.ends.iter().any(|(of, other)| of == partition && other < end))
    }
}

fn reach(receipt: &TableReceipt, listing: u64) -> Option<Reach> {
    Some(Reach {
        table: Table::new(receipt.table.as_str()).ok()?,
        epoch: receipt.epoch,
        ends: receipt.ends.iter().map(|end| (end.partition, end.offset)).collect(),
        listing,
    })
}

/// Most events change no table.
fn effect(kind: Kind, receipt: &TableReceipt) -> Option<Effect> {
    match kind {
        Kind::Dropped => Some(Effect::Leave),
        Kind::SchemaCreated | Kind::SchemaChanged if receipt.value_schema_id > 0 => {
            u32::try_from(receipt.value_schema_id).ok().map(Effect::Columns)
        }
        _ => None,
    }
}

/// Reads a record of the cycles topic. Events of later versions are read with the schema that this version knows.
pub(crate) fn decode(record: &[u8], registry: &mut Registry) -> Result<CycleEvent, RecordFault> {
    let rule = |error: apache_avro::Error| RecordFault::Rule(format!("not a cycle event: {error}"));
    let (id, mut datum) = wire::split(record).map_err(|error| RecordFault::Rule(error.to_string()))?;
    let text = registry.text(id)?;
    let writer = Schema::parse_str(&text).map_err(rule)?;
    let reader = GenericDatumReader::builder(&writer).reader_schema(&SCHEMA).build().map_err(rule)?;
    let value = reader.read_value(&mut datum).map_err(rule)?;
    apache_avro::from_value(&value).map_err(rule)
}

#[cfg(test)]
#[path = "event_tests.rs"]
mod tests;
