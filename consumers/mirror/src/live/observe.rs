//! What the loop does about once a second beside its work: shows where it is, asks whether the destination answers,
//! forgets what is no more.

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;
use std::time::Instant;

use mirrorbus_schemas::topic::Tenant;

use crate::admin::Sample;
use crate::destination::Destination;
use crate::error::{Fault, MirrorError};
use crate::live::core::{Core, Seat};
use crate::live::tally::older;
use crate::live::tenant::Live;

type Ends = HashMap<(String, i32), i64>;

impl<D: Destination> Core<'_, D> {
    /// Shows every tenant as it is now.
    pub(crate) fn observe(&mut self) {
        self.forget_gone();
        let ends = self.ends();
        let destination = self.destination.lock();
        for (tenant, seat) in &self.seats {
            let Seat::Live(live) = seat else { continue };
            let has_all = live.is_at_end() && live.since.is_none();
            if has_all {
                self.pauses.remove(tenant);
            }
            let sample = Sample {
                topics: live.topics.len(),
                to_go: ends.as_ref().map(|ends| to_go(live, ends) + destination.held(tenant)),
                oldest_ms: older(destination.oldest_ms(tenant), live.tally.oldest_ms),
                caught_up_ms: live.memory.caught_up_ms,
                cycle: live.memory.cycle.clone(),
                is_well: !self.pauses.contains_key(tenant),
            };
            self.watch.sampled(tenant, sample);
        }
        drop(destination);
        let contested = self.share.iter().flat_map(|share| share.contested());
        let tenants: BTreeSet<&Tenant> = self.seats.keys().chain(contested).collect();
        self.watch.keep(&tenants);
    }

    /// Ends of the partitions that are not read to theirs: of the others it is known. `None` when Kafka did not tell.
    /// librdkafka keeps ends too, but finds a topic by looking through all of them.
    fn ends(&mut self) -> Option<Ends> {
        let begun = Instant::now();
        let mut behind = Vec::new();
        for seat in self.seats.values() {
            let Seat::Live(live) = seat else { continue };
            for (name, topic) in &live.topics {
                let partitions = (0..)
                    .zip(&topic.partitions)
                    .filter(|(_, progress)| !progress.is_at_end || progress.is_parked);
                behind.extend(partitions.map(|(partition, _)| (name.clone(), partition)));
            }
        }
        match self.reader.ends(&behind) {
            Ok(ends) => {
                // As for listing: never more than a tenth of the time.
                self.list_at += begun.elapsed() * 9;
                Some(ends)
            }
            Err(reason) => {
                tracing::debug!(reason, "the ends of topics are not known");
                None
            }
        }
    }

    /// Asks about one tenant's place in the destination, another one every time.
    pub(crate) fn check_destination(&mut self) -> Result<(), MirrorError> {
        let is_live =
            |(tenant, seat): (&Tenant, &Seat)| matches!(seat, Seat::Live(_)).then(|| tenant.clone());
        let after = self.checked.take().map_or(Bound::Unbounded, Bound::Excluded);
        let next = self.seats.range((after, Bound::Unbounded)).find_map(is_live);
        let Some(tenant) = next.or_else(|| self.seats.iter().find_map(is_live)) else { return Ok(()) };
        let answer = self.destination.lock().check(&tenant).map_err(Fault::Destination);
        self.checked = Some(tenant.clone());
        self.settle(&tenant, answer)
    }

    /// Keeps nothing of tenants and topics that are no more: memory would grow with all that ever were.
    fn forget_gone(&mut self) {
        let is_gone = |seat: &Seat| matches!(seat, Seat::Live(live) if live.listed.is_empty());
        let gone = self.seats.iter().filter(|(_, seat)| is_gone(seat));
        let gone: Vec<Tenant> = gone.map(|(tenant, _)| tenant.clone()).collect();
        for tenant in gone {
            tracing::info!(%tenant, "it has no topics any more and is let go; what is mirrored of it stays");
            self.let_go(&tenant);
        }
        let seats = &self.seats;
        self.owners.retain(|topic, tenant| match seats.get(tenant) {
            Some(Seat::Live(live)) => live.listed.contains(topic),
            Some(Seat::Aside { .. }) => true,
            None => false,
        });
        self.suspects.retain(|topic, _| self.owners.contains_key(topic));
        self.pauses.retain(|tenant, _| seats.contains_key(tenant));
    }
}

/// Offsets from the stored positions to the ends.
fn to_go(live: &Live, ends: &Ends) -> u64 {
    let mut to_go = 0;
    for (name, of) in &live.topics {
        for (partition, progress) in (0..).zip(&of.partitions) {
            let stored = live.stored(&of.topic, partition).map_or(0, |stored| stored.next_offset);
            let end = ends.get(&(name.clone(), partition)).copied().unwrap_or(progress.next);
            to_go += u64::try_from(end - stored).unwrap_or(0);
        }
    }
    to_go
}
