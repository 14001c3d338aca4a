//! Reading a topic to its end, and knowing that it was the end.
//!
//! Only a PartitionEOF at or past the listed end, or a record there, ends a read: with auto-commit on, a poll
//! returned nothing in the middle of a topic. An error, or no end within the deadline, fails the read.

use std::collections::HashMap;
use std::time::Duration;

use mirrorbus_librdkafka::{self as librdkafka, ConsumedRecord, Polled};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::error::BusError;
use crate::clock::Deadline;

const POLL: Duration = Duration::from_millis(200);

/// What to read of one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) partition: i32,
    /// First offset to read.
    pub(super) from: i64,
    /// One past the last offset to read.
    pub(super) to: i64,
}

/// Whether a reader wants more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The next record.
    Go,
    /// No more this time.
    Stop,
}

/// Hands every committed record of the parts to `visit`, in order within a partition, until it wants no more. Gives
/// what is left then; nothing once all was read.
pub(super) fn read(
    config: &ClientConfig,
    topic: &str,
    parts: &[Part],
    deadline: &Deadline,
    mut visit: impl FnMut(&ConsumedRecord) -> Result<Next, BusError>,
) -> Result<Vec<Part>, BusError> {
    let parts = parts.iter().filter(|part| part.from < part.to);
    let mut open: HashMap<i32, Part> = parts.clone().map(|part| (part.partition, *part)).collect();
    if open.is_empty() {
        return Ok(Vec::new());
    }
    let consumer =
        assign(config, topic, parts.clone()).map_err(|error| BusError::kafka("assign", error.to_string()))?;
    while !open.is_empty() {
        if deadline.is_over() {
            return Err(BusError::Deadline { before: "the end of a topic was read" });
        }
        let mut wanted = Next::Go;
        let (partition, next) = match librdkafka::poll(consumer.client(), deadline.left().min(POLL))? {
            Polled::Nothing => continue,
            Polled::Record(record) => {
                if open.get(&record.partition()).is_some_and(|part| record.offset() < part.to) {
                    wanted = visit(&record)?;
                }
                (record.partition(), record.offset() + 1)
            }
            Polled::End { partition, offset } => (partition, offset),
        };
        if let Some(part) = open.get_mut(&partition) {
            part.from = part.from.max(next);
            if part.from >= part.to {
                open.remove(&partition);
            }
        }
        if wanted == Next::Stop {
            break;
        }
    }
    Ok(open.into_values().collect())
}

fn assign<'a>(
    config: &ClientConfig,
    topic: &str,
    parts: impl Iterator<Item = &'a Part>,
) -> Result<BaseConsumer, KafkaError> {
    let consumer: BaseConsumer = config.create()?;
    let mut assignment = TopicPartitionList::new();
    for part in parts {
        assignment.add_partition_offset(topic, part.partition, Offset::Offset(part.from))?;
    }
    consumer.assign(&assignment)?;
    Ok(consumer)
}
