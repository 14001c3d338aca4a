//! One batch of one tenant: confirm its topics, gather, apply, remember.
//!
//! A batch is applied only after its topics' ids were asked for once more, later than its last record was read. Ids
//! never come back, so an id that is still the one followed proves that every record came from that very topic, also
//! when a topic was deleted and its successor has already grown past our offset, which no error tells. A broker that
//! answers with an id that is no longer true can delay that proof, not prevent it: the next listing finds the other
//! id, and the table is read anew.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use mirrorbus_schemas::topic::{Table, Tenant};

use crate::core::{Core, Seat, end};
use crate::destination::{Applied, Batch, Destination, Move, TableMemory};
use crate::error::{Fault, MirrorError};
use crate::gathering::Gathering;
use crate::table::Changes;
use crate::tenant::Live;

/// Between two questions to a Kafka that does not answer.
const ASK_AGAIN: Duration = Duration::from_millis(500);

impl<D: Destination> Core<'_, D> {
    /// Applies what waits of every tenant for whom it is time.
    pub(crate) fn flush_ready(&mut self) -> Result<(), MirrorError> {
        let is_ready = |seat: &Seat| matches!(seat, Seat::Live(live) if live.is_ready(&self.settings));
        let ready: Vec<Tenant> =
            self.seats.iter().filter(|(_, seat)| is_ready(seat)).map(|(tenant, _)| tenant.clone()).collect();
        for tenant in ready {
            let flushed = self.flush(&tenant);
            self.settle(&tenant, flushed)?;
        }
        Ok(())
    }

    /// One batch: everything of the tenant that was read so far.
    fn flush(&mut self, tenant: &Tenant) -> Result<(), Fault> {
        self.confirm_topics(tenant)?;
        let Some(Seat::Live(live)) = self.seats.get_mut(tenant) else { return Ok(()) };
        let inbox = live.empty_inbox();
        let mut pending = std::mem::take(&mut live.pending);
        let mut gathering = Gathering { live, registry: &mut self.registry, changes: BTreeMap::new() };
        for record in &inbox {
            gathering.take(record, self.listings, &mut pending)?;
        }
        gathering.settle_events(tenant, &self.settings, self.listings, &mut pending)?;
        let changes = gathering.changes;
        let mut batch = Batch { moves: live.moves(&pending), tables: Vec::with_capacity(changes.len()) };
        for (table, changes) in &changes {
            let topic = self.settings.prefix.rows(tenant, table).unwrap_or_default();
            batch.tables.push(changes.finish(&topic)?);
        }
        live.pending = pending;
        if !batch.moves.is_empty() || !batch.tables.is_empty() {
            let begun = Instant::now();
            let applied = self.destination.apply(tenant, &batch)?;
            log(tenant, inbox.len(), &batch, applied, begun.elapsed());
            remember(live, &batch.moves, changes.values().map(Changes::memory));
        }
        self.pauses.remove(tenant);
        Ok(())
    }

    /// Leaves every topic that is not the one followed any more. Waits for Kafka: nothing can be applied without.
    fn confirm_topics(&mut self, tenant: &Tenant) -> Result<(), Fault> {
        let Some(Seat::Live(live)) = self.seats.get_mut(tenant) else { return Ok(()) };
        let names = live.moved_topics();
        let described = loop {
            match self.reader.describe(&names) {
                Ok(described) => break described,
                Err(reason) => tracing::warn!(reason, "topics could not be described; asking again"),
            }
            if self.stop.wait(ASK_AGAIN) {
                return Err(Fault::Stopped);
            }
        };
        for name in names {
            let id = described.get(&name).map(|described| &described.id);
            if id != live.topics.get(&name).map(|live| &live.topic.id) {
                end(&self.reader, &live.leave(&name));
                self.list_at = Instant::now();
            }
        }
        Ok(())
    }
}

fn log(tenant: &Tenant, records: usize, batch: &Batch<'_>, applied: Applied, took: Duration) {
    tracing::debug!(
        %tenant,
        records,
        tables = batch.tables.len(),
        inserts = applied.inserts,
        updates = applied.updates,
        deletes = applied.deletes,
        ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        "applied"
    );
}

/// Takes over what has become durable.
pub(crate) fn remember(
    live: &mut Live,
    moves: &[Move],
    tables: impl IntoIterator<Item = (Table, TableMemory)>,
) {
    for moved in moves {
        live.memory.positions.insert((moved.topic.clone(), moved.partition), moved.to.clone());
    }
    live.memory.tables.extend(tables);
}
