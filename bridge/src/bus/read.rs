//! Reading topics to their end, and knowing that it was the end.
//!
//! Only a PartitionEOF at or past the listed end, or a record there, ends a read: with auto-commit on, a poll
//! returned nothing in the middle of a topic. An error, or no end within the deadline, fails the read.

use std::collections::HashMap;
use std::time::Duration;

use mirrorbus_librdkafka::{self as librdkafka, ConsumedRecord, Fetched};
use rdkafka::consumer::Consumer;

use super::error::BusError;
use super::log::{Next, Part, Record};
use super::readers::{Reader, Readers};
use crate::clock::Deadline;

const POLL: Duration = Duration::from_millis(200);

/// As [`super::log::Log::read`] says.
pub(super) fn read(
    readers: &Readers,
    parts: &[Part],
    deadline: &Deadline,
    visit: &mut dyn FnMut(&Record<'_>) -> Result<Next, BusError>,
) -> Result<Vec<Part>, BusError> {
    let mut open = Open::new(parts);
    if open.is_done() {
        return Ok(Vec::new());
    }
    let mut reader = readers.take()?;
    reader.assign(open.parts())?;
    while let Err(Failed { error, is_readers }) = go_on(&reader, &mut open, deadline, visit) {
        if !is_readers || !reader.is_second_hand() {
            return Err(error);
        }
        // What it tells may be from before, such as brokers that were away for a moment.
        tracing::debug!(%error, "a reader that was used before failed; a new one goes on");
        reader = readers.make()?;
        reader.assign(open.parts())?;
    }
    readers.keep(reader);
    Ok(open.left())
}

/// Why a read ended early.
struct Failed {
    error: BusError,
    /// Another reader might do better.
    is_readers: bool,
}

impl From<BusError> for Failed {
    fn from(error: BusError) -> Self {
        Self { error, is_readers: false }
    }
}

impl Failed {
    fn by_reader(reason: String) -> Self {
        Self { error: BusError::kafka("read", reason), is_readers: true }
    }
}

/// Reads until all is read or `visit` wants no more.
fn go_on(
    reader: &Reader,
    open: &mut Open,
    deadline: &Deadline,
    visit: &mut dyn FnMut(&Record<'_>) -> Result<Next, BusError>,
) -> Result<(), Failed> {
    while !open.is_done() {
        if deadline.is_over() {
            return Err(BusError::Deadline { before: "the end of a topic was read" }.into());
        }
        match librdkafka::fetch(reader.consumer().client(), deadline.left().min(POLL)) {
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
                return Err(Failed::by_reader(format!("{topic}, partition {partition}: {code}")));
            }
            Fetched::Failed(code) => return Err(Failed::by_reader(code.to_string())),
        }
    }
    Ok(())
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
