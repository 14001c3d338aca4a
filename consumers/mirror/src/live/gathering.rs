//! From an inbox to the changes of each table.

use std::collections::BTreeMap;

use mirrorbus_librdkafka::ConsumedRecord;
use mirrorbus_schemas::topic::Table;

use crate::destination::{Batch, Cycle};
use crate::error::{Fault, RecordFault};
use crate::live::event::{self, Completed, Effect, Events, Pending, Reach};
use crate::live::prepared::Decoded;
use crate::live::tenant::Live;
use crate::pattern::Patterns;
use crate::source::reader::Feed;
use crate::source::registry::{Registry, Schemas};
use crate::table::changes::{Changes, HasEpoch, RowRecord};
use crate::table::state::Announcement;

/// A batch in the making.
pub(crate) struct Gathering<'g, 'r> {
    live: &'g Live,
    registry: &'g mut Registry,
    /// Of other tables nothing is told.
    tables: &'g Patterns,
    /// How often topics were listed.
    listings: u64,
    changes: BTreeMap<Table, Changes<'r>>,
    events: Events,
}

/// What a batch is made of.
pub(crate) struct Gathered<'r> {
    changes: BTreeMap<Table, Changes<'r>>,
    /// Events that wait after it.
    pub(crate) events: Events,
    ends: bool,
    cycle: Option<Cycle>,
}

impl Gathered<'_> {
    /// Decodes the rows.
    pub(crate) fn batch(&self, live: &Live) -> Result<Decoded<'_>, Fault> {
        let caught_up_ms = live.caught_up_ms();
        let mut moves = live.moves(&self.events);
        if caught_up_ms.is_some() {
            moves.extend(live.forgotten());
        }
        let (cycle, ends) = (self.cycle.clone(), self.ends);
        let mut batch = Batch { ends, tables: Vec::new(), moves, caught_up_ms, cycle };
        let mut memories = Vec::with_capacity(self.changes.len());
        for (table, changes) in &self.changes {
            let (change, memory) = changes.finish(&live.topic_of(table))?;
            batch.tables.push(change);
            memories.push((table.clone(), memory));
        }
        Ok(Decoded { batch, memories })
    }
}

impl<'g, 'r> Gathering<'g, 'r> {
    pub(crate) fn new(
        live: &'g Live,
        registry: &'g mut Registry,
        tables: &'g Patterns,
        listings: u64,
    ) -> Self {
        Self { live, registry, tables, listings, changes: BTreeMap::new(), events: live.events.clone() }
    }

    /// Takes in the inbox, and the events for which it brings the rows.
    pub(crate) fn gather(mut self, inbox: &'r [ConsumedRecord]) -> Result<Gathered<'r>, Fault> {
        self.take_all(inbox)?;
        self.settle_events()?;
        let ends = self.live.may_end(self.listings);
        let cycle = if ends { self.cycle() } else { None };
        Ok(Gathered { changes: self.changes, events: self.events, ends, cycle })
    }

    fn changes(&mut self, table: &Table) -> &mut Changes<'r> {
        let live = self.live;
        self.changes.entry(table.clone()).or_insert_with(|| {
            let known = live.memory.tables.get(table).cloned().unwrap_or_default();
            Changes::new(table.clone(), known)
        })
    }

    /// Takes in the inbox; events are added to those that wait.
    fn take_all(&mut self, inbox: &'r [ConsumedRecord]) -> Result<(), Fault> {
        for records in inbox.chunk_by(ConsumedRecord::is_of_same_topic) {
            let Some(first) = records.first() else { continue };
            let Some(live) = self.live.topics.get(first.topic()) else { continue };
            match &live.topic.feed {
                Feed::Rows(table) => self.take_rows(table, records, live.topic.partitions == 1)?,
                Feed::Cycles => records.iter().try_for_each(|record| self.take_event(record))?,
            }
        }
        for (table, changes) in &mut self.changes {
            // A record that contradicts the table is found before: these are of a kind that was taken.
            changes.end_run().map_err(|fault| fault.at(&self.live.topic_of(table), 0, 0))?;
        }
        Ok(())
    }

    fn take_rows(
        &mut self,
        table: &Table,
        records: &'r [ConsumedRecord],
        is_only_partition: bool,
    ) -> Result<(), Fault> {
        // Two fields of self at once.
        self.changes(table);
        let Some(changes) = self.changes.get_mut(table) else { return Ok(()) };
        changes.expect(records.len());
        for record in records {
            let (partition, offset) = (record.partition(), record.offset());
            let (key, value) = (record.key(), record.payload());
            let row = RowRecord { partition, offset, epoch: record, key, value, is_only_partition };
            let taken = changes.take(&row, self.registry);
            taken.map_err(|fault| fault.at(record.topic(), partition, offset))?;
        }
        Ok(())
    }

    fn take_event(&mut self, record: &ConsumedRecord) -> Result<(), Fault> {
        let offset = record.offset();
        let Some(payload) = record.payload() else { return Ok(()) };
        match event::decode(payload, self.registry) {
            Ok(event) => self.events.hear(&event, offset, self.listings, self.tables),
            Err(RecordFault::Other(other)) => return Err(other),
            Err(RecordFault::Rule(rule) | RecordFault::Conflict(rule)) => {
                tracing::warn!(topic = record.topic(), offset, rule, "an event is left out");
            }
        }
        Ok(())
    }

    /// Carries out the events whose rows are all in; the others stay, and with them what follows for their tables.
    fn settle_events(&mut self) -> Result<(), Fault> {
        let below = self.live.whole.as_ref().map_or(i64::MAX, |whole| whole.below);
        let mut kept: Vec<Pending> = Vec::new();
        for event in std::mem::take(&mut self.events.pending) {
            let waits = kept.iter().any(|kept| kept.reach.table == event.reach.table);
            if waits || event.offset >= below || !self.is_due(&event) {
                kept.push(event);
            } else {
                self.carry_out(&event)?;
            }
        }
        self.events.pending = kept;
        Ok(())
    }

    fn is_due(&self, event: &Pending) -> bool {
        let Ok(_) = self.live.prefix.rows(&self.live.tenant, &event.reach.table) else { return true };
        let leaves = event.effect == Effect::Leave;
        self.live.is_read(&event.reach, self.epoch(&event.reach.table))
            || (leaves && self.live.is_gone(&event.reach, self.listings))
    }

    fn epoch(&self, table: &Table) -> Option<i64> {
        let stored = self.live.memory.tables.get(table).map(|table| table.marks.epoch);
        self.changes.get(table).map(Changes::epoch).or(stored)
    }

    /// The newest cycle that is whole with this batch.
    fn cycle(&mut self) -> Option<Cycle> {
        let mut events = std::mem::take(&mut self.events);
        let is_whole = |completed: &Completed| match &self.live.whole {
            Some(whole) => completed.offset < whole.below,
            None => completed.tables.iter().all(|reach| {
                self.live.is_read(reach, self.epoch(&reach.table)) || self.live.is_gone(reach, self.listings)
            }),
        };
        let cycle = events.advance(is_whole);
        self.events = events;
        cycle
    }

    fn carry_out(&mut self, event: &Pending) -> Result<(), Fault> {
        let Some(cycles) = self.live.cycles() else { return Ok(()) };
        let Reach { table, epoch, ends, .. } = &event.reach;
        let announcement = Announcement { epoch: *epoch, mark: (&cycles.topic.id, event.offset), ends };
        match event.effect {
            Effect::Leave => {
                if self.changes(table).leave(&announcement) {
                    let tenant = &self.live.tenant;
                    tracing::info!(%tenant, %table, "the table left the source and leaves the mirror");
                }
            }
            Effect::Columns(id) => {
                let plan = self.registry.plan(id)?;
                self.changes(table).announce(&announcement, &plan);
            }
        }
        Ok(())
    }
}

const EPOCH: &std::ffi::CStr = c"epoch";

impl HasEpoch for ConsumedRecord {
    fn epoch(&self) -> Option<i64> {
        self.header(EPOCH).and_then(number)
    }
}

fn number(header: &[u8]) -> Option<i64> {
    str::from_utf8(header).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use mirrorbus_schemas::header;

    use super::*;

    #[test]
    fn the_epoch_header_is_the_one_of_the_contract() {
        assert_eq!(EPOCH.to_str(), Ok(header::EPOCH));
        assert_eq!(number(b"1795000000000"), Some(1_795_000_000_000));
        assert_eq!(number(b""), None);
    }
}
