//! Reading topics to their end, and knowing that it was the end.
//!
//! Only a PartitionEOF at or past the listed end, or a record there, ends a read: with auto-commit on, a poll
//! returned nothing in the middle of a topic. An error, or no end within the deadline, fails the read.

use std::collections::HashMap;
use std::time::Duration;

use mirrorbus_librdkafka::{self as librdkafka, ConsumedRecord, Fetched};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::error::BusError;
use super::log::{Next, Part, Record};
use crate::clock::Deadline;

const POLL: Duration = Duration::from_millis(200);

/// As [`super::log::Log::read`] says.
pub(super) fn read(
    config: &ClientConfig,
    parts: &[Part],
    deadline: &Deadline,
    visit: &mut dyn FnMut(&Record<'_>) -> Result<Next, BusError>,
) -> Result<Vec<Part>, BusError> {
    let mut open = Open::new(parts);
    if open.is_done() {
        return Ok(Vec::new());
    }
    let consumer =
        assign(config, open.parts()).map_err(|error| BusError::kafka("assign", error.to_string()))?;
    while !open.is_done() {
        if deadline.is_over() {
            return Err(BusError::Deadline { before: "the end of a topic was read" });
        }
        match librdkafka::fetch(consumer.client(), deadline.left().min(POLL)) {
            Fetched::Nothing => {}
            Fetched::Record(record) => {
                let record = view(&record);
                let wanted = if open.wants(&record) { visit(&record)? } else { Next::Go };
                open.reached(record.topic, record.partition, record.offset + 1);
                if wanted == Next::Stop {
                    break;
                }
            }
            Fetched::End { topic, partition, offset } => open.reached(&topic, partition, offset),
            Fetched::PartitionFailed { topic, partition, code } => {
                return Err(BusError::kafka("read", format!("{topic}, partition {partition}: {code}")));
            }
            Fetched::Failed(code) => return Err(BusError::kafka("read", code.to_string())),
        }
    }
    Ok(open.left())
}

fn view(record: &ConsumedRecord) -> Record<'_> {
    Record {
        topic: record.topic(),
        partition: record.partition(),
        offset: record.offset(),
        key: record.key(),
        value: record.payload(),
    }
}

/// What is still to be read.
struct Open {
    topics: HashMap<String, HashMap<i32, Part>>,
}

impl Open {
    fn new(parts: &[Part]) -> Self {
        let mut topics: HashMap<String, HashMap<i32, Part>> = HashMap::new();
        for part in parts.iter().filter(|part| part.from < part.to) {
            topics.entry(part.topic.clone()).or_default().insert(part.partition, part.clone());
        }
        Self { topics }
    }

    fn is_done(&self) -> bool {
        self.topics.is_empty()
    }

    fn parts(&self) -> impl Iterator<Item = &Part> {
        self.topics.values().flat_map(HashMap::values)
    }

    fn wants(&self, record: &Record<'_>) -> bool {
        let part = self.topics.get(record.topic).and_then(|parts| parts.get(&record.partition));
        part.is_some_and(|part| record.offset < part.to)
    }

    /// Everything below `next` of the partition has been seen.
    fn reached(&mut self, topic: &str, partition: i32, next: i64) {
        let Some(parts) = self.topics.get_mut(topic) else { return };
        if let Some(part) = parts.get_mut(&partition) {
            part.from = part.from.max(next);
            if part.from >= part.to {
                parts.remove(&partition);
            }
        }
        if parts.is_empty() {
            self.topics.remove(topic);
        }
    }

    fn left(self) -> Vec<Part> {
        self.topics.into_values().flat_map(HashMap::into_values).collect()
    }
}

fn assign<'a>(
    config: &ClientConfig,
    parts: impl Iterator<Item = &'a Part>,
) -> Result<BaseConsumer, KafkaError> {
    let consumer: BaseConsumer = config.create()?;
    librdkafka::take_log(consumer.client());
    let mut assignment = TopicPartitionList::new();
    for part in parts {
        assignment.add_partition_offset(&part.topic, part.partition, Offset::Offset(part.from))?;
    }
    consumer.assign(&assignment)?;
    Ok(consumer)
}
