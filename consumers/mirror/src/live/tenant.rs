//! One tenant while it is mirrored: how far its topics are read, and what was read and is not applied yet.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

use mirrorbus_librdkafka::ConsumedRecord;
use mirrorbus_schemas::topic::{Prefix, Table, Tenant};

use crate::destination::{Memory, Move, Position};
use crate::live::caught_up::Stamps;
use crate::live::event::{Events, Reach};
use crate::live::tally::Tally;
use crate::live::whole::Whole;
use crate::settings::Settings;
use crate::source::reader::{Feed, Topic};

/// What librdkafka keeps of a record beside its key and value.
const OVERHEAD_BYTES: usize = 256;
/// The share of a full batch that is enough for a tenant's first: the destination does nothing until it comes.
const FIRST_SHARE: usize = 8;

/// Records that wait to be applied.
pub(crate) struct Inbox {
    pub(crate) records: Vec<ConsumedRecord>,
    pub(crate) tally: Tally,
}

/// Where to read on: topic, partition, next offset.
pub(crate) type Start = (String, i32, i64);

/// How far one partition is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    /// The next offset: everything below is in the destination or in the inbox.
    pub(crate) next: i64,
    /// Records from here on are not taken.
    pub(crate) bound: i64,
    /// Whether nothing more can be read now.
    pub(crate) is_at_end: bool,
    /// Not read: what comes next lies past the bound.
    pub(crate) is_parked: bool,
}

/// A topic that is read.
#[derive(Debug)]
pub(crate) struct LiveTopic {
    pub(crate) topic: Topic,
    pub(crate) partitions: Vec<Progress>,
    /// When reading it from the beginning began; `None` where it goes on from a stored position.
    pub(crate) begun_ms: Option<i64>,
}

pub(crate) struct Live {
    pub(crate) prefix: Prefix,
    pub(crate) tenant: Tenant,
    /// What the destination holds, the batches of a transaction that is open included.
    pub(crate) memory: Memory,
    pub(crate) topics: BTreeMap<String, LiveTopic>,
    /// Names of all topics that the tenant had when topics were listed last.
    pub(crate) listed: HashSet<String>,
    pub(crate) inbox: Vec<ConsumedRecord>,
    pub(crate) inbox_bytes: usize,
    /// Nothing was applied yet.
    pub(crate) is_first: bool,
    /// Of the inbox.
    pub(crate) tally: Tally,
    /// Since when something waits to be applied.
    pub(crate) since: Option<Instant>,
    pub(crate) events: Events,
    /// Where only whole cycles are shown.
    pub(crate) whole: Option<Whole>,
    /// Topics that are read anew in a transaction, and where their partitions ended when that began.
    pub(crate) rebuilds: BTreeMap<String, Vec<i64>>,
    /// Whether the destination holds a transaction open.
    pub(crate) is_held: bool,
    /// A topic went away in the middle of the transaction.
    pub(crate) is_spoilt: bool,
    pub(crate) stamps: Stamps,
    /// Partitions that were parked and are still assigned.
    pub(crate) to_park: Vec<(String, i32)>,
    /// Partitions that have more than was read.
    pub(crate) behind: usize,
}

impl Live {
    pub(crate) fn new(settings: &Settings, tenant: &Tenant, memory: Memory, now_ms: i64) -> Self {
        let cycles = memory.positions.get(&(settings.prefix.cycles(tenant), 0));
        let whole = settings.whole_cycles.then(|| Whole::new(cycles.map_or(0, |cycles| cycles.next_offset)));
        // A load from the beginning misses nothing that was deleted before it.
        let begun = memory.positions.is_empty().then_some(now_ms);
        Self {
            prefix: settings.prefix.clone(),
            tenant: tenant.clone(),
            memory,
            topics: BTreeMap::new(),
            listed: HashSet::new(),
            inbox: Vec::new(),
            inbox_bytes: 0,
            is_first: true,
            tally: Tally::default(),
            since: None,
            events: Events::default(),
            whole,
            rebuilds: BTreeMap::new(),
            is_held: false,
            is_spoilt: false,
            stamps: Stamps::new(begun),
            to_park: Vec::new(),
            behind: 0,
        }
    }

    /// Has what waits applied soon, also where that is nothing but a position.
    pub(crate) fn stir(&mut self) {
        self.since.get_or_insert_with(Instant::now);
    }

    /// The stored position of a partition of this very topic.
    pub(crate) fn stored(&self, topic: &Topic, partition: i32) -> Option<&Position> {
        let position = self.memory.positions.get(&(topic.name.clone(), partition));
        position.filter(|position| position.topic_id == topic.id)
    }

    /// What was read and is not applied yet.
    pub(crate) fn empty_inbox(&mut self) -> Inbox {
        self.inbox_bytes = 0;
        self.is_first = false;
        self.since = None;
        Inbox { records: std::mem::take(&mut self.inbox), tally: std::mem::take(&mut self.tally) }
    }

    /// Puts back what could not be applied yet.
    pub(crate) fn refill_inbox(&mut self, records: Vec<ConsumedRecord>) {
        self.inbox = records;
        self.weigh_inbox();
        self.stir();
    }

    /// Sums up what waits.
    pub(crate) fn weigh_inbox(&mut self) {
        self.inbox_bytes = self.inbox.iter().map(size).sum();
        self.tally = Tally::default();
        self.inbox.iter().for_each(|record| self.tally.take(record));
    }

    /// Whether the next batch can be prepared while one is applied: nothing depends on what becomes of that.
    pub(crate) fn goes_straight_on(&self) -> bool {
        self.whole.is_none() && self.rebuilds.is_empty() && !self.is_held && !self.is_spoilt
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
        let share = if self.is_first { FIRST_SHARE } else { 1 };
        self.inbox.len() >= settings.batch_records.div_ceil(share) || self.inbox_bytes >= settings.batch_bytes
    }

    /// How long what waits may wait.
    pub(crate) fn patience(&self, settings: &Settings) -> Option<Duration> {
        self.since.map(|since| settings.linger.saturating_sub(since.elapsed()))
    }

    /// The topic of a table.
    pub(crate) fn topic_of(&self, table: &Table) -> String {
        self.prefix.rows(&self.tenant, table).unwrap_or_default()
    }

    /// The topic that brings the tenant's events.
    pub(crate) fn cycles(&self) -> Option<&LiveTopic> {
        self.topics.get(&self.prefix.cycles(&self.tenant))
    }

    /// Topics that bring rows.
    pub(crate) fn row_topics(&self) -> impl Iterator<Item = &LiveTopic> {
        self.topics.values().filter(|live| live.topic.feed != Feed::Cycles)
    }

    /// Whether all that an event speaks of was read, or belongs to a population that is over. `epoch` is the table's.
    pub(crate) fn is_read(&self, reach: &Reach, epoch: Option<i64>) -> bool {
        if epoch.is_some_and(|epoch| epoch > reach.epoch) {
            return true;
        }
        match self.topics.get(&self.topic_of(&reach.table)) {
            Some(live) => reach.ends.iter().all(|(partition, end)| {
                let progress = usize::try_from(*partition).ok().and_then(|index| live.partitions.get(index));
                progress.is_some_and(|progress| progress.next >= *end)
            }),
            None => reach.ends.is_empty(),
        }
    }

    /// Whether the topic that an event speaks of is gone: rows of it never come.
    pub(crate) fn is_gone(&self, reach: &Reach, listings: u64) -> bool {
        let topic = self.topic_of(&reach.table);
        !self.topics.contains_key(&topic) && listings > reach.listing && !self.listed.contains(&topic)
    }

    /// Whether a transaction of the destination may end where everything that was read is applied.
    pub(crate) fn may_end(&self, listings: u64) -> bool {
        if let Some(whole) = &self.whole {
            return whole.is_adopted && self.is_at_cut(listings);
        }
        self.rebuilds.iter().all(|(topic, targets)| {
            let partitions =
                self.topics.get(topic).map(|live| live.partitions.as_slice()).unwrap_or_default();
            targets.iter().zip(partitions).all(|(target, progress)| progress.next >= *target)
        })
    }

    /// Positions that differ from what is stored.
    pub(crate) fn moves(&self, events: &Events) -> Vec<Move> {
        let held = events.held(self.whole.is_some());
        let mut moves = Vec::new();
        for LiveTopic { topic, partitions, .. } in self.topics.values() {
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
        let is_moved = |live: &&LiveTopic| self.is_moved(live);
        self.topics.values().filter(is_moved).map(|live| live.topic.name.clone()).collect()
    }

    pub(crate) fn is_moved(&self, live: &LiveTopic) -> bool {
        (0..).zip(&live.partitions).any(|(partition, progress)| {
            progress.next != self.stored(&live.topic, partition).map_or(0, |stored| stored.next_offset)
        })
    }
}

pub(crate) fn size(record: &ConsumedRecord) -> usize {
    OVERHEAD_BYTES + record.key().map_or(0, <[u8]>::len) + record.payload().map_or(0, <[u8]>::len)
}
