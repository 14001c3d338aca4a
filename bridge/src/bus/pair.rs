//! A tenant's two producers, used in turn.
//!
//! Kafka finishes a transaction some milliseconds after its commit was answered, and the next one of the same id waits
//! for that; so the next one has the other id. Whoever opens fences both ids, in their order, before it reads
//! anything. The second is used only after a commit with the first has shown that nobody has fenced it since: without
//! that, two bridges that open at once could own one id each and both commit.

use mirrorbus_schemas::topic::{Prefix, Tenant};

use super::error::BusError;
use super::log::{Log, Producer};
use super::transaction::Transaction;
use crate::clock::Deadline;

/// Both producers of a tenant.
pub(super) struct Pair {
    producers: [Box<dyn Producer>; 2],
    /// Whose turn it is.
    next: usize,
}

impl Pair {
    /// Fences all others.
    pub(super) fn open(
        log: &dyn Log,
        prefix: &Prefix,
        tenant: &Tenant,
        deadline: &Deadline,
    ) -> Result<Self, BusError> {
        let [first, second] = ids(prefix, tenant);
        let first = log.open(&first, deadline)?;
        let second = log.open(&second, deadline)?;
        Ok(Self { producers: [first, second], next: 0 })
    }

    /// One that is spent ends both: what made it so may have been another bridge.
    pub(super) fn is_usable(&self) -> bool {
        self.producers.iter().all(|producer| producer.is_usable())
    }

    /// Begins a transaction with the producer whose turn it is. It stays its turn until [`Pair::committed`].
    pub(super) fn begin(&mut self, deadline: Deadline) -> Result<Transaction<'_>, BusError> {
        if !self.is_usable() {
            return Err(BusError::kafka("begin transaction", "the producer is spent"));
        }
        let [first, second] = &mut self.producers;
        let producer = if self.next == 0 { first } else { second };
        Transaction::begin(producer.as_mut(), deadline)
    }

    /// The transaction begun last was committed.
    pub(super) fn committed(&mut self) {
        self.next = 1 - self.next;
    }
}

/// The tenant's transactional ids: stable, so that whoever opens fences whoever was there before.
pub(super) fn ids(prefix: &Prefix, tenant: &Tenant) -> [String; 2] {
    [format!("{prefix}.{tenant}"), format!("{prefix}.{tenant}.2")]
}

#[cfg(test)]
#[path = "pair_tests.rs"]
mod tests;
