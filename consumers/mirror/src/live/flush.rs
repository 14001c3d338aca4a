//! Batches, one after another: apply, remember, and prepare the next meanwhile.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mirrorbus_schemas::topic::{Table, Tenant};

use crate::destination::{Applied, Batch, Destination, DestinationError, TableMemory};
use crate::error::{Fault, MirrorError};
use crate::live::core::{Core, Seat, end};
use crate::live::prepared::{Prepared, Unprepared};
use crate::live::tenant::Live;

/// Fewer records are applied before a thread has started.
const LARGE: u64 = 1000;
/// How long records are waited for while a batch is applied, before it is asked whether that is done.
const GLANCE: Duration = Duration::from_millis(2);

impl<D: Destination> Core<'_, D> {
    /// Applies what waits of every tenant for whom it is time.
    pub(crate) fn flush_ready(&mut self) -> Result<(), MirrorError> {
        self.look_after()?;
        self.flush_all(self.ready().cloned().collect())?;
        while !self.stop.is_requested()
            && let Some(tenant) = self.fullest_of_too_much()
        {
            self.flush_all([tenant].into())?;
        }
        Ok(())
    }

    /// Tenants for whom it is time.
    fn ready(&self) -> impl Iterator<Item = &Tenant> {
        let is_ready = |seat: &Seat| matches!(seat, Seat::Live(live) if live.is_ready(&self.settings));
        self.seats.iter().filter(move |(_, seat)| is_ready(seat)).map(|(tenant, _)| tenant)
    }

    /// The tenant of whom most waits, if more waits of all of them than may.
    fn fullest_of_too_much(&self) -> Option<Tenant> {
        if !self.is_too_much() {
            return None;
        }
        self.seats.iter().max_by_key(|(_, seat)| waiting(seat)).map(|(tenant, _)| tenant.clone())
    }

    fn is_too_much(&self) -> bool {
        self.seats.values().map(waiting).sum::<usize>() > self.settings.total_bytes
    }

    /// A batch of each of the tenants, one after another, and of those for whom it is time by then: while one is applied
    /// the next is prepared.
    fn flush_all(&mut self, mut queue: VecDeque<Tenant>) -> Result<(), MirrorError> {
        let (mut ahead, mut spent) = (None::<Prepared>, None);
        loop {
            let prepared = match ahead.take() {
                Some(prepared) => prepared,
                None => {
                    let Some(tenant) = queue.pop_front() else { return Ok(()) };
                    match self.prepare_or_mend(&tenant) {
                        Ok(Some(prepared)) => prepared,
                        outcome => {
                            self.settle(&tenant, outcome.map(drop))?;
                            continue;
                        }
                    }
                }
            };
            let outcome;
            (outcome, ahead) = self.apply(&prepared, &mut queue, spent.take());
            self.settle(&prepared.tenant, outcome)?;
            spent = Some(prepared);
        }
    }

    /// One batch: everything of the tenant that was read so far. What stands against it is mended, or said.
    fn prepare_or_mend(&mut self, tenant: &Tenant) -> Result<Option<Prepared>, Fault> {
        self.rebuild_overdue(tenant)?;
        match self.prepare(tenant) {
            Ok(prepared) => Ok(prepared),
            Err(Unprepared::Fault(fault)) => self.rebuild_contradicted(tenant, fault).map(|()| None),
            Err(Unprepared::Others(topics)) => self.lose(tenant, &topics).map(|()| None),
        }
    }

    /// The next batch, of a tenant that waits or for whom it is time before `is_done`. Only where it goes straight on:
    /// whatever else there is to do needs to know what becomes of the batch that is being applied.
    fn prepare_ahead(
        &mut self,
        queue: &mut VecDeque<Tenant>,
        is_done: impl Fn() -> bool,
    ) -> Option<Prepared> {
        loop {
            if let Some(tenant) = queue.pop_front().or_else(|| self.ready().next().cloned()) {
                if self.goes_straight_on(&tenant) {
                    return self.prepare(&tenant).ok().flatten();
                }
                queue.push_front(tenant);
                return None;
            }
            if is_done() || !self.may_read_on() {
                return None;
            }
            self.take_in(GLANCE);
        }
    }

    fn may_read_on(&self) -> bool {
        !self.stop.is_requested() && self.list_at > Instant::now() && !self.is_too_much()
    }

    fn goes_straight_on(&self, tenant: &Tenant) -> bool {
        let Some(Seat::Live(live)) = self.seats.get(tenant) else { return false };
        live.goes_straight_on() && live.overdue(&self.retentions).is_empty()
    }

    /// Leaves topics and what was read of them; the rest of the inbox is applied next.
    fn lose(&mut self, tenant: &Tenant, topics: &[String]) -> Result<(), Fault> {
        let Some(Seat::Live(live)) = self.seats.get_mut(tenant) else { return Ok(()) };
        for topic in topics {
            end(&self.reader, &live.lose(topic));
        }
        self.list_at = Instant::now();
        if live.is_spoilt { Err(Fault::Spoilt) } else { Ok(()) }
    }

    /// Applies a batch, and drops `spent` and prepares the next one meanwhile. What the tenant remembers is changed
    /// before it is known whether that was right: if not, the tenant is forgotten as a whole.
    fn apply(
        &mut self,
        prepared: &Prepared,
        queue: &mut VecDeque<Tenant>,
        spent: Option<Prepared>,
    ) -> (Result<(), Fault>, Option<Prepared>) {
        let Prepared { tenant, tally, .. } = prepared;
        let (decoded, events) = (prepared.decoded(), prepared.events());
        let batch = &decoded.batch;
        // What was read ahead of a batch that failed is read again: its tenant was let go.
        let Some(Seat::Live(live)) = self.seats.get_mut(tenant) else { return (Ok(()), None) };
        live.events = events.clone();
        // Positions alone open no transaction that has to stay open: they come with the next rows.
        if !batch.says_something(live.is_held) {
            return (self.applied(tenant, batch), None);
        }
        let is_large = tally.records >= LARGE && batch.ends && batch.cycle.is_none();
        remember(live, batch, decoded.memories.iter().cloned());
        live.is_held = !batch.ends;
        let (begun, destination) = (Instant::now(), Arc::clone(&self.destination));
        let apply = || destination.lock().apply(tenant, batch, tally);
        let (applied, ahead) = if is_large {
            beside(apply, |is_done| {
                drop(spent);
                self.prepare_ahead(queue, is_done)
            })
        } else {
            (apply(), None)
        };
        let outcome = applied.map_err(Fault::Destination).and_then(|applied| {
            log(tenant, tally.records, batch, applied, begun.elapsed());
            self.applied(tenant, batch)
        });
        (outcome, ahead)
    }

    /// What follows once a batch is in the destination.
    fn applied(&mut self, tenant: &Tenant, batch: &Batch<'_>) -> Result<(), Fault> {
        if batch.ends {
            if let Some(Seat::Live(live)) = self.seats.get_mut(tenant) {
                live.rebuilds.clear();
            }
            self.pauses.remove(tenant);
        }
        if batch.cycle.is_some() { self.tell_cycle(tenant) } else { Ok(()) }
    }
}

fn waiting(seat: &Seat) -> usize {
    match seat {
        Seat::Live(live) => live.inbox_bytes,
        Seat::Aside { .. } => 0,
    }
}

/// Both at once, `there` on a thread of its own. `here` can ask whether that has ended.
fn beside<T>(
    there: impl FnOnce() -> Result<Applied, DestinationError> + Send,
    here: impl FnOnce(&dyn Fn() -> bool) -> Option<T>,
) -> (Result<Applied, DestinationError>, Option<T>) {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("mirror-apply".to_owned());
        match thread.spawn_scoped(scope, there) {
            Ok(thread) => {
                let next = here(&|| thread.is_finished());
                (thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), next)
            }
            Err(error) => (Err(DestinationError::Fault(error.into())), None),
        }
    })
}

fn log(tenant: &Tenant, records: u64, batch: &Batch<'_>, applied: Applied, took: Duration) {
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
