//! One tenant while it is mirrored: how far its topics are read, and what was read and is not applied yet.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

use mirrorbus_librdkafka::ConsumedRecord;

use crate::destination::{Memory, Move, Position};
use crate::event::Pending;
use crate::reader::{Feed, Topic};
use crate::settings::Settings;

/// How far one partition is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    /// The next offset: everything below is in the destination or in the inbox.
    pub(crate) next: i64,
    pub(crate) is_at_end: bool,
}

/// A topic that is read.
#[derive(Debug)]
pub(crate) struct LiveTopic {
    pub(crate) topic: Topic,
    pub(crate) partitions: Vec<Progress>,
}

#[derive(Default)]
pub(crate) struct Live {
    /// What is durable.
    pub(crate) memory: Memory,
    pub(crate) topics: BTreeMap<String, LiveTopic>,
    /// Names of all topics that the tenant had when topics were listed last.
    pub(crate) listed: HashSet<String>,
    pub(crate) inbox: Vec<ConsumedRecord>,
    pub(crate) inbox_bytes: usize,
    /// Since when something waits to be applied.
    pub(crate) since: Option<Instant>,
    /// Events that wait for rows, in the order they came.
    pub(crate) pending: Vec<Pending>,
    /// Partitions that have more than was read.
    behind: usize,
}

impl Live {
    pub(crate) fn new(memory: Memory) -> Self {
        Self { memory, ..Self::default() }
    }

    /// The stored position of a partition of this very topic.
    pub(crate) fn stored(&self, topic: &Topic, partition: i32) -> Option<&Position> {
        let position = self.memory.positions.get(&(topic.name.clone(), partition));
        position.filter(|position| position.topic_id == topic.id)
    }

    /// Begins to follow a topic from its stored positions. Says what to read: topic, partition, next offset.
    pub(crate) fn follow(&mut self, topic: &Topic) -> Vec<(String, i32, i64)> {
        let next = |partition| self.stored(topic, partition).map_or(0, |position| position.next_offset);
        let starts: Vec<_> = (0..topic.partitions).map(|p| (topic.name.clone(), p, next(p))).collect();
        let partitions: Vec<_> =
            starts.iter().map(|&(_, _, next)| Progress { next, is_at_end: false }).collect();
        self.behind += partitions.len();
        self.topics.insert(topic.name.clone(), LiveTopic { topic: topic.clone(), partitions });
        starts
    }

    /// Follows a topic no longer; what was read of it and is not applied is forgotten. Says what to stop reading.
    pub(crate) fn leave(&mut self, topic: &str) -> Vec<(String, i32)> {
        let Some(live) = self.topics.remove(topic) else { return Vec::new() };
        self.behind -= live.partitions.iter().filter(|partition| !partition.is_at_end).count();
        self.inbox.retain(|record| record.topic() != topic);
        self.inbox_bytes = self.inbox.iter().map(size).sum();
        if live.topic.feed == Feed::Cycles {
            self.pending.clear();
        }
        (0..live.topic.partitions).map(|partition| (topic.to_owned(), partition)).collect()
    }

    /// Everything that is read for the tenant.
    pub(crate) fn partitions(&self) -> Vec<(String, i32)> {
        let of = |live: &LiveTopic| {
            let name = live.topic.name.clone();
            (0..live.topic.partitions).map(move |partition| (name.clone(), partition))
        };
        self.topics.values().flat_map(of).collect()
    }

    fn progress(&mut self, topic: &str, partition: i32) -> Option<&mut Progress> {
        self.topics.get_mut(topic)?.partitions.get_mut(usize::try_from(partition).ok()?)
    }

    /// Takes in a record, unless it was read before.
    pub(crate) fn take(&mut self, record: ConsumedRecord) {
        let Some(progress) = self.progress(record.topic(), record.partition()) else { return };
        if record.offset() < progress.next {
            return;
        }
        progress.next = record.offset() + 1;
        let was_at_end = std::mem::take(&mut progress.is_at_end);
        self.behind += usize::from(was_at_end);
        self.inbox_bytes += size(&record);
        self.inbox.push(record);
        self.since.get_or_insert_with(Instant::now);
    }

    /// Takes note of a partition's end. Markers of transactions take offsets, so it can lie past the last record.
    pub(crate) fn reach_end(&mut self, topic: &str, partition: i32, offset: i64) {
        let Some(progress) = self.progress(topic, partition) else { return };
        let was_at_end = std::mem::replace(&mut progress.is_at_end, true);
        let moves = offset > progress.next;
        progress.next = progress.next.max(offset);
        self.behind -= usize::from(!was_at_end);
        if moves {
            self.since.get_or_insert_with(Instant::now);
        }
    }

    /// What was read and is not applied yet.
    pub(crate) fn empty_inbox(&mut self) -> Vec<ConsumedRecord> {
        self.inbox_bytes = 0;
        self.since = None;
        std::mem::take(&mut self.inbox)
    }

    /// Whether everything that is there was read.
    pub(crate) fn is_at_end(&self) -> bool {
        self.behind == 0
    }

    /// Whether what waits should be applied now.
    pub(crate) fn is_ready(&self, settings: &Settings) -> bool {
        self.is_full(settings)
            || self.since.is_some_and(|since| self.is_at_end() || since.elapsed() >= settings.linger)
    }

    /// Whether no more should be taken in before it is applied.
    pub(crate) fn is_full(&self, settings: &Settings) -> bool {
        self.inbox.len() >= settings.batch_records || self.inbox_bytes >= settings.batch_bytes
    }

    /// How long what waits may wait.
    pub(crate) fn patience(&self, settings: &Settings) -> Option<Duration> {
        self.since.map(|since| settings.linger.saturating_sub(since.elapsed()))
    }

    /// Positions that differ from what is stored. The cycles topic's stays before the first event that waits.
    pub(crate) fn moves(&self, pending: &[Pending]) -> Vec<Move> {
        let held = pending.iter().map(|pending| pending.offset).min();
        let mut moves = Vec::new();
        for LiveTopic { topic, partitions } in self.topics.values() {
            for (partition, progress) in (0..).zip(partitions) {
                let held = held.filter(|_| topic.feed == Feed::Cycles);
                let next_offset = held.map_or(progress.next, |held| held.min(progress.next));
                let from = self.stored(topic, partition).cloned();
                let to = Position { topic_id: topic.id.clone(), next_offset };
                if from.as_ref() != Some(&to) && (from.is_some() || next_offset > 0) {
                    moves.push(Move { topic: topic.name.clone(), partition, from, to });
                }
            }
        }
        moves
    }

    /// Topics of which something was read that is not stored.
    pub(crate) fn moved_topics(&self) -> Vec<String> {
        let is_moved = |live: &&LiveTopic| {
            (0..).zip(&live.partitions).any(|(partition, progress)| {
                progress.next != self.stored(&live.topic, partition).map_or(0, |stored| stored.next_offset)
            })
        };
        self.topics.values().filter(is_moved).map(|live| live.topic.name.clone()).collect()
    }
}

fn size(record: &ConsumedRecord) -> usize {
    record.key().map_or(0, <[u8]>::len) + record.payload().map_or(0, <[u8]>::len)
}
