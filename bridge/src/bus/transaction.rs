//! One transaction: a guard that aborts what was not committed.

use std::time::Instant;

use rdkafka::message::OwnedHeaders;

use super::error::BusError;
use super::log::{Delivered, Outgoing, Producer};
use crate::clock::Deadline;
use crate::metrics;

/// Slot numbers below it are for tables.
pub(super) const MAX_SLOT: usize = u32::MAX as usize;

/// An open transaction; dropped without a commit it is aborted.
pub(super) struct Transaction<'p> {
    producer: &'p mut dyn Producer,
    /// Of keys and values sent.
    bytes: u64,
    open: bool,
    deadline: Deadline,
}

impl<'p> Transaction<'p> {
    pub(super) fn begin(producer: &'p mut dyn Producer, deadline: Deadline) -> Result<Self, BusError> {
        if deadline.is_over() {
            return Err(BusError::Deadline { before: "begin" });
        }
        producer.begin()?;
        Ok(Self { producer, bytes: 0, open: true, deadline })
    }

    /// Sends a record; `value` of `None` is a tombstone.
    pub(super) fn send(
        &mut self,
        topic: &str,
        slot: usize,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: OwnedHeaders,
    ) -> Result<(), BusError> {
        self.bytes += [key, value].into_iter().flatten().map(|part| part.len() as u64).sum::<u64>();
        self.producer.send(Outgoing { topic, slot, key, value, headers }, &self.deadline)
    }

    /// Waits until every record sent so far is confirmed: sends accepted = deliveries confirmed, or an error.
    pub(super) fn confirm(&mut self) -> Result<(), BusError> {
        self.producer.confirm(&self.deadline)
    }

    /// What was delivered so far for `slot`, by partition.
    pub(super) fn delivered(&self, slot: usize) -> Vec<(i32, Delivered)> {
        self.producer.delivered(slot)
    }

    /// Bytes of keys and values sent so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Commits what is confirmed. After this was begun there is no abort: an error leaves the outcome unknown.
    pub(super) fn commit(mut self) -> Result<(), BusError> {
        if self.deadline.is_over() {
            return Err(BusError::Deadline { before: "commit" });
        }
        self.open = false;
        let began = Instant::now();
        let committed = self.producer.commit(&self.deadline);
        metrics::transaction(&committed, began.elapsed());
        committed
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if self.open {
            self.producer.abort();
            metrics::aborted();
        }
    }
}
