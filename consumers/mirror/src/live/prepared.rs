//! From a tenant's inbox to a batch that can be applied.
//!
//! A batch is applied only after its topics' ids were asked for once more, later than its last record was read. Ids
//! never come back, so an id that is still the one followed proves that every record came from that very topic, also
//! when a topic was deleted and its successor has already grown past our offset, which no error tells. A broker that
//! answers with an id that is no longer true can delay that proof, not prevent it: the next listing finds the other
//! id, and the table is read anew.

use std::time::Duration;

use mirrorbus_librdkafka::{ConsumedRecord, TopicsAsked};
use mirrorbus_schemas::topic::{Table, Tenant};
use self_cell::self_cell;

use crate::destination::{Batch, Destination, TableMemory};
use crate::error::Fault;
use crate::live::core::{Core, Seat};
use crate::live::event::Events;
use crate::live::gathering::{Gathered, Gathering};
use crate::live::tally::Tally;
use crate::live::tenant::Inbox;

/// Between two questions to a Kafka that does not answer.
const ASK_AGAIN: Duration = Duration::from_millis(500);

self_cell!(
    /// Changes, in the records that they are read from.
    struct Changed {
        owner: Vec<ConsumedRecord>,
        #[covariant]
        dependent: Gathered,
    }
);

/// The batch, and what to remember of its tables.
pub(crate) struct Decoded<'b> {
    pub(crate) batch: Batch<'b>,
    pub(crate) memories: Vec<(Table, TableMemory)>,
}

self_cell!(
    /// A batch, in the changes that it says.
    struct Held {
        owner: Changed,
        #[covariant]
        dependent: Decoded,
    }
);

/// A batch that is ready to be applied, with all that it borrows from.
pub(crate) struct Prepared {
    pub(crate) tenant: Tenant,
    /// Of the records in it.
    pub(crate) tally: Tally,
    held: Held,
}

/// Why there is no batch. What was read waits in the inbox as before.
pub(crate) enum Unprepared {
    Fault(Fault),
    /// These topics are not the ones followed any more.
    Others(Vec<String>),
}

impl Prepared {
    pub(crate) fn decoded(&self) -> &Decoded<'_> {
        self.held.borrow_dependent()
    }

    /// Events that wait after it.
    pub(crate) fn events(&self) -> &Events {
        &self.held.borrow_owner().borrow_dependent().events
    }
}

impl<D: Destination> Core<'_, D> {
    /// Everything of the tenant that was read so far. The question for its topics' ids is under way while it is decoded.
    pub(crate) fn prepare(&mut self, tenant: &Tenant) -> Result<Option<Prepared>, Unprepared> {
        let Some(Seat::Live(live)) = self.seats.get_mut(tenant) else { return Ok(None) };
        let names = live.moved_topics();
        let asked = self.reader.ask(&names);
        let Inbox { records, tally } = live.empty_inbox();
        let gathering = Gathering::new(live, &mut self.registry, &self.settings.tables, self.listings);
        let changed = Changed::try_new_or_recover(records, |records| gathering.gather(records));
        let changed = changed.map_err(|(records, fault)| {
            live.refill_inbox(records);
            Unprepared::Fault(fault)
        })?;
        let held = Held::try_new_or_recover(changed, |changed| changed.borrow_dependent().batch(live));
        let held = held.map_err(|(changed, fault)| {
            live.refill_inbox(changed.into_owner());
            Unprepared::Fault(fault)
        })?;
        let others = self.others(tenant, names, asked).map_err(Unprepared::Fault)?;
        if others.is_empty() {
            return Ok(Some(Prepared { tenant: tenant.clone(), tally, held }));
        }
        if let Some(Seat::Live(live)) = self.seats.get_mut(tenant) {
            live.refill_inbox(held.into_owner().into_owner());
        }
        Err(Unprepared::Others(others))
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
}
