//! One batch of one tenant: confirm its topics, gather, apply, remember.
//!
//! A batch is applied only after its topics' ids were asked for once more, later than its last record was read. Ids
//! never come back, so an id that is still the one followed proves that every record came from that very topic, also
//! when a topic was deleted and its successor has already grown past our offset, which no error tells. A broker that
//! answers with an id that is no longer true can delay that proof, not prevent it: the next listing finds the other
//! id, and the table is read anew.

use std::time::{Duration, Instant};

use mirrorbus_librdkafka::{ConsumedRecord, TopicsAsked};
use mirrorbus_schemas::topic::{Table, Tenant};

use crate::destination::{Applied, Batch, Destination, TableMemory};
use crate::error::{Fault, MirrorError};
use crate::live::core::{Core, Seat, end};
use crate::live::event::Events;
use crate::live::gathering::Gathering;
use crate::live::tenant::Live;

/// Between two questions to a Kafka that does not answer.
const ASK_AGAIN: Duration = Duration::from_millis(500);

impl<D: Destination> Core<'_, D> {
    /// Applies what waits of every tenant for whom it is time.
    pub(crate) fn flush_ready(&mut self) -> Result<(), MirrorError> {
        self.look_after()?;
        let is_ready = |seat: &Seat| matches!(seat, Seat::Live(live) if live.is_ready(&self.settings));
        let ready: Vec<Tenant> =
            self.seats.iter().filter(|(_, seat)| is_ready(seat)).map(|(tenant, _)| tenant.clone()).collect();
        for tenant in ready {
            let flushed = self.flush(&tenant);
            self.settle(&tenant, flushed)?;
        }
        while !self.stop.is_requested()
            && let Some(tenant) = self.fullest_of_too_much()
        {
            let flushed = self.flush(&tenant);
            self.settle(&tenant, flushed)?;
        }
        Ok(())
    }

    /// The tenant of whom most waits, if more waits of all of them than may.
    fn fullest_of_too_much(&self) -> Option<Tenant> {
        let bytes = |seat: &Seat| match seat {
            Seat::Live(live) => live.inbox_bytes,
            Seat::Aside { .. } => 0,
        };
        if self.seats.values().map(bytes).sum::<usize>() <= self.settings.total_bytes {
            return None;
        }
        self.seats.iter().max_by_key(|(_, seat)| bytes(seat)).map(|(tenant, _)| tenant.clone())
    }

    /// One batch: everything of the tenant that was read so far. The question for its topics' ids is under way while it
    /// is decoded.
    fn flush(&mut self, tenant: &Tenant) -> Result<(), Fault> {
        self.rebuild_overdue(tenant)?;
        let Some(Seat::Live(live)) = self.seats.get_mut(tenant) else { return Ok(()) };
        let names = live.moved_topics();
        let asked = self.reader.ask(&names);
        let inbox = live.empty_inbox();
        let gathering = Gathering::new(live, &mut self.registry, &self.settings.tables, self.listings);
        let gathered = match gathering.gather(&inbox) {
            Ok(gathered) => gathered,
            Err(fault) => {
                live.refill_inbox(inbox);
                return self.rebuild_contradicted(tenant, fault);
            }
        };
        let (batch, memories) = gathered.batch(live)?;
        let others = self.others(tenant, names, asked)?;
        if others.is_empty() {
            return self.apply(tenant, inbox.len(), &batch, memories, &gathered.events);
        }
        drop(batch);
        drop(gathered);
        self.lose(tenant, inbox, &others)
    }

    /// Topics that are not the ones followed any more. Waits for Kafka: nothing can be applied without.
    fn others(
        &self,
        tenant: &Tenant,
        mut names: Vec<String>,
        mut asked: Result<TopicsAsked, String>,
    ) -> Result<Vec<String>, Fault> {
        let described = loop {
            match asked.and_then(|asked| asked.answer().map_err(|error| error.to_string())) {
                Ok(described) => break described,
                Err(reason) => tracing::warn!(reason, "topics could not be described; asking again"),
            }
            if self.stop.wait(ASK_AGAIN) {
                return Err(Fault::Stopped);
            }
            asked = self.reader.ask(&names);
        };
        let Some(Seat::Live(live)) = self.seats.get(tenant) else { return Ok(Vec::new()) };
        names.retain(|name| {
            let id = described.get(name).map(|described| &described.id);
            id != live.topics.get(name).map(|live| &live.topic.id)
        });
        Ok(names)
    }

    /// Leaves topics and what was read of them; the rest of the inbox is applied next.
    fn lose(&mut self, tenant: &Tenant, inbox: Vec<ConsumedRecord>, topics: &[String]) -> Result<(), Fault> {
        let Some(Seat::Live(live)) = self.seats.get_mut(tenant) else { return Ok(()) };
        live.refill_inbox(inbox);
        for topic in topics {
            end(&self.reader, &live.lose(topic));
        }
        self.list_at = Instant::now();
        if live.is_spoilt { Err(Fault::Spoilt) } else { Ok(()) }
    }

    fn apply(
        &mut self,
        tenant: &Tenant,
        records: usize,
        batch: &Batch<'_>,
        memories: Vec<(Table, TableMemory)>,
        events: &Events,
    ) -> Result<(), Fault> {
        let Some(Seat::Live(live)) = self.seats.get_mut(tenant) else { return Ok(()) };
        live.events = events.clone();
        // Positions alone open no transaction that has to stay open: they come with the next rows.
        if batch.says_something(live.is_held) {
            let begun = Instant::now();
            let applied = self.destination.apply(tenant, batch)?;
            log(tenant, records, batch, applied, begun.elapsed());
            remember(live, batch, memories);
            live.is_held = !batch.ends;
        }
        if batch.ends {
            live.rebuilds.clear();
            self.pauses.remove(tenant);
        }
        if batch.cycle.is_some() { self.tell_cycle(tenant) } else { Ok(()) }
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

impl Batch<'_> {
    fn says_something(&self, is_held: bool) -> bool {
        let says = !self.tables.is_empty() || self.cycle.is_some();
        says || (self.ends && (is_held || !self.moves.is_empty() || self.caught_up_ms.is_some()))
    }
}

/// Takes over what the destination has taken.
pub(crate) fn remember(
    live: &mut Live,
    batch: &Batch<'_>,
    tables: impl IntoIterator<Item = (Table, TableMemory)>,
) {
    for moved in &batch.moves {
        live.memory.positions.insert((moved.topic.clone(), moved.partition), moved.to.clone());
    }
    live.memory.tables.extend(tables);
    if let Some(at_ms) = batch.caught_up_ms {
        live.keep_caught_up(at_ms);
    }
    if batch.cycle.is_some() {
        live.memory.cycle = batch.cycle.clone();
    }
}
