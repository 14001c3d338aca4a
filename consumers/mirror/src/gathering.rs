//! From an inbox to the changes of each table.

use std::collections::BTreeMap;

use mirrorbus_librdkafka::ConsumedRecord;
use mirrorbus_schemas::topic::{Table, Tenant};

use crate::error::{Fault, RecordFault};
use crate::event::{self, Effect, Pending};
use crate::reader::Feed;
use crate::registry::{Registry, Schemas};
use crate::settings::Settings;
use crate::state::Announcement;
use crate::table::{Changes, RowRecord};
use crate::tenant::Live;

/// A batch in the making.
pub(crate) struct Gathering<'g, 'r> {
    pub(crate) live: &'g Live,
    pub(crate) registry: &'g mut Registry,
    pub(crate) changes: BTreeMap<Table, Changes<'r>>,
}

impl<'g, 'r> Gathering<'g, 'r> {
    fn changes(&mut self, table: &Table) -> &mut Changes<'r> {
        if !self.changes.contains_key(table) {
            let known = self.live.memory.tables.get(table).cloned().unwrap_or_default();
            self.changes.insert(table.clone(), Changes::new(table.clone(), known));
        }
        match self.changes.get_mut(table) {
            Some(changes) => changes,
            None => unreachable!("inserted above"),
        }
    }

    /// Takes in one record of the inbox; events are added to those that wait.
    pub(crate) fn take(
        &mut self,
        record: &'r ConsumedRecord,
        listings: u64,
        pending: &mut Vec<Pending>,
    ) -> Result<(), Fault> {
        let Some(live) = self.live.topics.get(record.topic()) else { return Ok(()) };
        let (partition, offset) = (record.partition(), record.offset());
        let fault = |fault: RecordFault| fault.at(record.topic(), partition, offset);
        match &live.topic.feed {
            Feed::Rows(table) => {
                let row = RowRecord {
                    partition,
                    offset,
                    epoch: record.header(EPOCH).and_then(number),
                    key: record.key(),
                    value: record.payload(),
                    is_only_partition: live.topic.partitions == 1,
                };
                // Two fields of self at once.
                self.changes(table);
                let Some(changes) = self.changes.get_mut(table) else { return Ok(()) };
                changes.take(&row, self.registry).map_err(fault)
            }
            Feed::Cycles => match event::read(record.payload(), offset, listings, self.registry) {
                Ok(events) => {
                    pending.extend(events);
                    Ok(())
                }
                Err(RecordFault::Rule(rule)) => {
                    tracing::warn!(topic = record.topic(), offset, rule, "an event is left out");
                    Ok(())
                }
                Err(other) => Err(fault(other)),
            },
        }
    }

    /// Carries out the events whose rows are all in; the others stay, and with them what follows for their tables.
    pub(crate) fn settle_events(
        &mut self,
        tenant: &Tenant,
        settings: &Settings,
        listings: u64,
        pending: &mut Vec<Pending>,
    ) -> Result<(), Fault> {
        let mut kept: Vec<Pending> = Vec::new();
        for event in std::mem::take(pending) {
            let waits = kept.iter().any(|kept| kept.table == event.table);
            if waits || !self.is_due(tenant, settings, listings, &event) {
                kept.push(event);
            } else {
                self.carry_out(tenant, settings, &event)?;
            }
        }
        *pending = kept;
        Ok(())
    }

    fn is_due(&self, tenant: &Tenant, settings: &Settings, listings: u64, event: &Pending) -> bool {
        let Ok(topic) = settings.prefix.rows(tenant, &event.table) else { return true };
        let stored = self.live.memory.tables.get(&event.table).map(|table| table.marks.epoch);
        let epoch = self.changes.get(&event.table).map(Changes::epoch).or(stored);
        if epoch.is_some_and(|epoch| epoch > event.epoch) {
            return true;
        }
        match self.live.topics.get(&topic) {
            Some(live) => event.ends.iter().all(|(partition, end)| {
                let progress = usize::try_from(*partition).ok().and_then(|index| live.partitions.get(index));
                progress.is_some_and(|progress| progress.next >= *end)
            }),
            None if event.ends.is_empty() => true,
            // Rows of a topic that is gone never come.
            None => {
                event.effect == Effect::Leave
                    && listings > event.listing
                    && !self.live.listed.contains(&topic)
            }
        }
    }

    fn carry_out(&mut self, tenant: &Tenant, settings: &Settings, event: &Pending) -> Result<(), Fault> {
        let cycles = settings.prefix.cycles(tenant);
        let Some(topic_id) = self.live.topics.get(&cycles).map(|live| live.topic.id.clone()) else {
            return Ok(());
        };
        let announcement =
            Announcement { epoch: event.epoch, mark: (&topic_id, event.offset), ends: &event.ends };
        match event.effect {
            Effect::Leave => {
                if self.changes(&event.table).leave(&announcement) {
                    tracing::info!(%tenant, table = %event.table, "the table left the source and leaves the mirror");
                }
            }
            Effect::Columns(id) => {
                let plan = self.registry.plan(id)?;
                self.changes(&event.table).announce(&announcement, &plan);
            }
        }
        Ok(())
    }
}

const EPOCH: &std::ffi::CStr = c"epoch";

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
