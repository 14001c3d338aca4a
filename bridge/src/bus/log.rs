//! What the bus asks of Kafka, as traits: a real cluster is behind them in a bridge, a scripted one in tests that fail
//! every effect in turn.

use std::collections::HashMap;

use mirrorbus_librdkafka::{Isolation, Spec, TopicDescription};
use rdkafka::message::OwnedHeaders;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::error::BusError;
use super::topics::Kind;
use crate::clock::Deadline;

/// The two questions that decide about positions. Unreachable, slow or undecided is an error; only a topic that the
/// cluster says it does not know is absent from the answer.
pub trait Questions: Send + Sync {
    /// Ids and partitions of the topics that exist.
    ///
    /// # Errors
    /// [`BusError::Kafka`] when the cluster did not answer for each of them.
    fn describe(&self, topics: &[String]) -> Result<HashMap<String, TopicDescription>, BusError>;

    /// One offset per partition.
    ///
    /// # Errors
    /// [`BusError::Kafka`] when the cluster did not answer for each of them.
    fn offsets(
        &self,
        partitions: &[(String, i32)],
        spec: Spec,
        isolation: Isolation,
    ) -> Result<HashMap<(String, i32), i64>, BusError>;

    /// Whether the cluster is there; answers within seconds. Blocks.
    ///
    /// # Errors
    /// [`BusError::Kafka`] when it did not answer.
    fn check(&self) -> Result<(), BusError>;
}

/// A cluster's topics, read and written.
pub trait Log: Send + Sync {
    /// Names of all topics.
    ///
    /// # Errors
    /// [`BusError::Kafka`] when the cluster did not answer.
    fn list(&self) -> Result<Vec<String>, BusError>;

    /// Makes topics in one request; those that exist are left as they are.
    ///
    /// # Errors
    /// [`BusError::Kafka`] when one could not be made. Others may have been.
    fn create(&self, wanted: &[(String, Kind)]) -> Result<(), BusError>;

    /// Hands every committed record of the parts to `visit`, in order within a partition, until it wants no more.
    /// Gives what is left then; nothing once all was read to the end that the parts name.
    ///
    /// # Errors
    /// [`BusError::Kafka`] when a part could not be read, [`BusError::Deadline`], and what `visit` says.
    fn read(
        &self,
        parts: &[Part],
        deadline: &Deadline,
        visit: &mut dyn FnMut(&Record<'_>) -> Result<Next, BusError>,
    ) -> Result<Vec<Part>, BusError>;

    /// A transactional producer that has fenced all earlier ones with its id, and waited until their transactions were
    /// finished.
    ///
    /// # Errors
    /// [`BusError::Kafka`] when it could not.
    fn open(&self, id: &str, deadline: &Deadline) -> Result<Box<dyn Producer>, BusError>;

    /// Closes what was kept for the next caller and is too old by now. Called now and then.
    fn tidy(&self) {}
}

/// One transactional id's producer: a transaction at a time, begun, filled, confirmed, and ended in one of three ways.
pub trait Producer: Send {
    /// Whether another transaction may be begun with it. Once it may not, it never may again.
    fn is_usable(&self) -> bool;

    /// Begins a transaction.
    ///
    /// # Errors
    /// [`BusError::Kafka`] when it could not; the producer is spoilt then.
    fn begin(&mut self) -> Result<(), BusError>;

    /// Takes a record into the transaction, waiting until `deadline` while too many are under way. Accepted is not
    /// delivered.
    ///
    /// # Errors
    /// [`BusError::TooLarge`], or [`BusError::Kafka`]: the transaction must be aborted.
    fn send(&mut self, record: Outgoing<'_>, deadline: &Deadline) -> Result<(), BusError>;

    /// Waits until every record of the transaction is delivered.
    ///
    /// # Errors
    /// [`BusError::Kafka`] when one was not: the transaction must be aborted.
    fn confirm(&mut self, deadline: &Deadline) -> Result<(), BusError>;

    /// What was delivered so far in this transaction for `slot`, by partition.
    fn delivered(&self, slot: usize) -> Vec<(i32, Delivered)>;

    /// Commits. After this was begun there is no abort: an error leaves the outcome unknown and spoils the producer.
    ///
    /// # Errors
    /// [`BusError::Unknown`].
    fn commit(&mut self, deadline: &Deadline) -> Result<(), BusError>;

    /// Aborts. Where that fails the producer is spoilt, and the next one's opening finishes the transaction.
    fn abort(&mut self);
}

/// A record on its way into a transaction.
pub struct Outgoing<'r> {
    /// The topic.
    pub topic: &'r str,
    /// Under which number its delivery is counted.
    pub slot: usize,
    /// The key's bytes.
    pub key: Option<&'r [u8]>,
    /// The value's bytes; `None` is a tombstone.
    pub value: Option<&'r [u8]>,
    /// Headers.
    pub headers: OwnedHeaders,
}

/// What the delivery reports said of one topic's partition within a transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Lowest offset.
    pub first: i64,
    /// Highest offset.
    pub last: i64,
    /// Records.
    pub rows: u64,
    /// Wrapping sum of [`record_hash`].
    pub hash: u64,
}

impl Delivered {
    /// One record.
    #[must_use]
    pub fn one(offset: i64, key: &[u8], value: &[u8]) -> Self {
        Self { first: offset, last: offset, rows: 1, hash: record_hash(key, value) }
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            first: self.first.min(other.first),
            last: self.last.max(other.last),
            rows: self.rows + other.rows,
            hash: self.hash.wrapping_add(other.hash),
        }
    }
}

/// XXH3 of the key's bytes, then the value's.
#[must_use]
pub fn record_hash(key: &[u8], value: &[u8]) -> u64 {
    // Most records are small: copied together they are hashed in a fifth of the time that hashing in two steps takes.
    let mut both = [0; 1024];
    let length = key.len() + value.len();
    if let Some(both) = both.get_mut(..length) {
        both[..key.len()].copy_from_slice(key);
        both[key.len()..].copy_from_slice(value);
        return xxh3_64(both);
    }
    let mut hash = Xxh3::new();
    hash.update(key);
    hash.update(value);
    hash.digest()
}

/// What to read of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The topic.
    pub topic: String,
    /// Partition number.
    pub partition: i32,
    /// First offset to read.
    pub from: i64,
    /// One past the last offset to read.
    pub to: i64,
}

/// A record as it was read.
#[derive(Clone, Copy, Debug)]
pub struct Record<'r> {
    /// The topic.
    pub topic: &'r str,
    /// Partition number.
    pub partition: i32,
    /// Offset in the partition.
    pub offset: i64,
    /// The key's bytes.
    pub key: Option<&'r [u8]>,
    /// The value's bytes; `None` for a tombstone.
    pub value: Option<&'r [u8]>,
}

/// Whether a reader wants more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The next record.
    Go,
    /// No more this time.
    Stop,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_that_of_key_and_value_together_whatever_their_length() {
        for length in [0, 1, 512, 513, 5000] {
            let (key, value) = (vec![7; length / 2], vec![9; length - length / 2]);
            assert_eq!(record_hash(&key, &value), xxh3_64(&[key, value].concat()));
        }
    }
}
