//! A destination that somebody else watches: how far it has come, and how many rows it took.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mirrorbus_schemas::topic::Tenant;

use crate::destination::{Applied, Batch, Cycle, Destination, DestinationError, Memory, Position};

pub(crate) type Positions = BTreeMap<(String, i32), Position>;

/// What was seen of it.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Positions of all that was applied.
    pub(crate) reached: Positions,
    /// Positions of all that is durable.
    pub(crate) durable: Positions,
    /// Inserts, updates and deletes that were handed over.
    pub(crate) rows: u64,
}

/// Clones see the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watch(Arc<(Mutex<Seen>, Condvar)>);

impl Watch {
    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits this long, or until something is so. Says whether it is.
    pub(crate) fn wait(&self, at_most: Duration, mut is_so: impl FnMut(&Seen) -> bool) -> bool {
        let waited = self.0.1.wait_timeout_while(self.seen(), at_most, |seen| !is_so(seen));
        let (seen, _) = waited.unwrap_or_else(PoisonError::into_inner);
        is_so(&seen)
    }

    fn change(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.seen());
        self.0.1.notify_all();
    }
}

pub(crate) struct Watched<D> {
    pub(crate) destination: D,
    pub(crate) watch: Watch,
}

impl<D: Destination> Destination for Watched<D> {
    fn load(&mut self, tenant: &Tenant) -> Result<Memory, DestinationError> {
        let memory = self.destination.load(tenant)?;
        self.watch.change(|seen| {
            seen.reached.clone_from(&memory.positions);
            seen.durable.clone_from(&memory.positions);
        });
        Ok(memory)
    }

    fn apply(&mut self, tenant: &Tenant, batch: &Batch<'_>) -> Result<Applied, DestinationError> {
        let applied = self.destination.apply(tenant, batch)?;
        self.watch.change(|seen| {
            for moved in &batch.moves {
                seen.reached.insert((moved.topic.clone(), moved.partition), moved.to.clone());
            }
            if batch.ends {
                seen.durable = seen.reached.clone();
            }
            let rows: usize = batch.tables.iter().map(|change| change.rows.len()).sum();
            seen.rows += u64::try_from(rows).unwrap_or(u64::MAX);
        });
        Ok(applied)
    }

    fn after_cycle(&mut self, tenant: &Tenant, cycle: &Cycle) -> Result<(), DestinationError> {
        self.destination.after_cycle(tenant, cycle)
    }
}
