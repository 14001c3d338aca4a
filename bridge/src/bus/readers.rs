//! Consumers that read topics, used again.
//!
//! Every client costs threads and connections, and rdkafka 0.39 leaves a queue behind with each that it makes. A tenant
//! whose cycle begins reads its positions twice and perhaps a topic; one reader does for many tenants, one after
//! another. It is not used for ever: of every topic that it has read, librdkafka remembers something.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mirrorbus_librdkafka as librdkafka;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::cluster::QUESTION_TIMEOUT;
use super::error::BusError;
use super::log::Part;

/// Readers kept for the next who needs one.
const MAX_IDLE: usize = 2;
/// How many times a reader is used.
const MAX_USES: u32 = 100;
/// An older connection may have been cut by something in the middle, which shows only when an answer does not come.
const MAX_AGE: Duration = Duration::from_secs(60);

/// The readers of one cluster.
pub(super) struct Readers {
    config: ClientConfig,
    idle: Mutex<Vec<Reader>>,
}

/// A consumer without a group, assigned by hand.
pub(super) struct Reader {
    consumer: BaseConsumer,
    uses: u32,
    used: Instant,
}

impl Readers {
    pub(super) fn new(config: ClientConfig) -> Self {
        Self { config, idle: Mutex::default() }
    }

    /// One that was used before, if there is one, or a new one.
    pub(super) fn take(&self) -> Result<Reader, BusError> {
        self.tidy();
        let reader = self.idle().pop();
        reader.map_or_else(|| self.make(), Ok)
    }

    /// Closes what is too old.
    pub(super) fn tidy(&self) {
        let mut idle = self.idle();
        let (fit, aged) = std::mem::take(&mut *idle).into_iter().partition(Reader::is_fit);
        *idle = fit;
        drop(idle);
        // Closing them takes a moment: not under the lock.
        drop::<Vec<_>>(aged);
    }

    /// A new one.
    pub(super) fn make(&self) -> Result<Reader, BusError> {
        let made: KafkaResult<BaseConsumer> = self.config.create();
        let consumer = made.map_err(|error| BusError::kafka("create reader", error.to_string()))?;
        librdkafka::take_log(consumer.client());
        Ok(Reader { consumer, uses: 0, used: Instant::now() })
    }

    /// Keeps a reader that served well for the next.
    pub(super) fn keep(&self, mut reader: Reader) {
        reader.used = Instant::now();
        if !reader.is_fit() || reader.consumer.unassign().is_err() {
            return;
        }
        let mut idle = self.idle();
        if idle.len() < MAX_IDLE {
            idle.push(reader);
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Reader>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader {
    /// Begins to read at the parts' beginnings. Nothing of what was assigned before comes any more.
    pub(super) fn assign<'a>(&mut self, parts: impl Iterator<Item = &'a Part>) -> Result<(), BusError> {
        self.uses += 1;
        let mut assignment = TopicPartitionList::new();
        let mut add = |part: &Part| {
            assignment.add_partition_offset(&part.topic, part.partition, Offset::Offset(part.from))
        };
        parts
            .into_iter()
            .try_for_each(&mut add)
            .and_then(|()| self.consumer.assign(&assignment))
            .and_then(|()| if self.is_second_hand() { self.learn_leaders(&assignment) } else { Ok(()) })
            .map_err(|error| BusError::kafka("assign", error.to_string()))
    }

    /// A client that is connected already looks for the leader of a new topic once a second, unless it hears of it.
    fn learn_leaders(&self, assignment: &TopicPartitionList) -> KafkaResult<()> {
        let topics: BTreeSet<String> =
            assignment.to_topic_map().into_keys().map(|(topic, _)| topic).collect();
        let only = topics.first().filter(|_| topics.len() == 1);
        self.consumer.fetch_metadata(only.map(String::as_str), QUESTION_TIMEOUT).map(drop)
    }

    pub(super) fn consumer(&self) -> &BaseConsumer {
        &self.consumer
    }

    /// Whether it may have kept errors from before it was taken.
    pub(super) fn is_second_hand(&self) -> bool {
        self.uses > 1
    }

    fn is_fit(&self) -> bool {
        self.uses < MAX_USES && self.used.elapsed() < MAX_AGE
    }
}
