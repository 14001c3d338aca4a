//! Which partitions of a tenant are read, and how far they are.

use mirrorbus_librdkafka::ConsumedRecord;

use crate::live::event::Events;
use crate::live::tenant::{Live, LiveTopic, Progress, Start, size};
use crate::source::reader::{Feed, Topic};

impl Live {
    /// Begins to follow a topic from its stored positions. Says what to read.
    pub(crate) fn follow(&mut self, topic: &Topic, now_ms: i64) -> Vec<Start> {
        let is_bounded = self.whole.is_some() && topic.feed != Feed::Cycles;
        let waits = is_bounded && self.whole.as_ref().is_some_and(|whole| !whole.is_adopted);
        let next = |partition| self.stored(topic, partition).map_or(0, |position| position.next_offset);
        let partitions: Vec<_> = (0..topic.partitions)
            .map(|partition| {
                let next = next(partition);
                let bound = if is_bounded { next.max(self.receipt_end(topic, partition)) } else { i64::MAX };
                Progress { next, bound, is_at_end: waits, is_parked: waits }
            })
            .collect();
        let from_beginning = partitions.iter().all(|progress| progress.next == 0);
        let begun_ms = from_beginning.then_some(now_ms);
        let starts = starts(topic, &partitions, |progress| !progress.is_parked);
        self.behind += starts.len();
        self.topics.insert(topic.name.clone(), LiveTopic { topic: topic.clone(), partitions, begun_ms });
        starts
    }

    /// Follows a topic no longer; what was read of it and is not applied is forgotten. Says what to stop reading.
    pub(crate) fn leave(&mut self, topic: &str) -> Vec<(String, i32)> {
        let Some(live) = self.topics.remove(topic) else { return Vec::new() };
        self.behind -= live.partitions.iter().filter(|partition| !partition.is_at_end).count();
        self.inbox.retain(|record| record.topic() != topic);
        self.weigh_inbox();
        if live.topic.feed == Feed::Cycles {
            self.events = Events::default();
        }
        let is_read = |(_, progress): &(i32, Progress)| !progress.is_parked;
        let read = (0..).zip(live.partitions).filter(is_read);
        let mut left: Vec<_> = read.map(|(partition, _)| (topic.to_owned(), partition)).collect();
        left.extend(self.to_park.extract_if(.., |(name, _)| name == topic));
        left
    }

    /// Leaves a topic that is not there any more, or not the one that was followed.
    pub(crate) fn lose(&mut self, topic: &str) -> Vec<(String, i32)> {
        self.is_spoilt |= self.is_held;
        self.leave(topic)
    }

    /// Everything that is read for the tenant.
    pub(crate) fn partitions(&self) -> Vec<(String, i32)> {
        let starts = |live: &LiveTopic| starts(&live.topic, &live.partitions, |progress| !progress.is_parked);
        let parked = self.to_park.iter().cloned();
        self.topics
            .values()
            .flat_map(starts)
            .map(|(topic, partition, _)| (topic, partition))
            .chain(parked)
            .collect()
    }

    fn progress(&mut self, topic: &str, partition: i32) -> Option<&mut Progress> {
        self.topics.get_mut(topic)?.partitions.get_mut(usize::try_from(partition).ok()?)
    }

    /// Takes in a record, unless it was read before or lies past the bound.
    pub(crate) fn take(&mut self, record: ConsumedRecord) {
        let Some(progress) = self.progress(record.topic(), record.partition()) else { return };
        if record.offset() < progress.next || progress.is_parked {
            return;
        }
        let was_at_end = progress.is_at_end;
        if record.offset() >= progress.bound {
            let moves = progress.bound > progress.next;
            let next = progress.next.max(progress.bound);
            *progress = Progress { next, is_at_end: true, is_parked: true, ..*progress };
            self.behind -= usize::from(!was_at_end);
            self.to_park.push((record.topic().to_owned(), record.partition()));
            if moves {
                self.stir();
            }
            return;
        }
        progress.next = record.offset() + 1;
        progress.is_at_end = false;
        self.behind += usize::from(was_at_end);
        self.inbox_bytes += size(&record);
        self.tally.take(&record);
        self.inbox.push(record);
        self.stir();
    }

    /// Takes note of a partition's end. Markers of transactions take offsets, so it can lie past the last record.
    pub(crate) fn reach_end(&mut self, topic: &str, partition: i32, offset: i64) {
        let Some(progress) = self.progress(topic, partition) else { return };
        if progress.is_parked {
            return;
        }
        let was_at_end = std::mem::replace(&mut progress.is_at_end, true);
        let moves = offset > progress.next;
        progress.next = progress.next.max(offset);
        self.behind -= usize::from(!was_at_end);
        if moves {
            self.stir();
        }
    }

    /// Reads all parked partitions on.
    pub(crate) fn unpark(&mut self) -> Vec<Start> {
        let mut all = Vec::new();
        for live in self.topics.values_mut() {
            all.extend(starts(&live.topic, &live.partitions, |progress| progress.is_parked));
            for progress in live.partitions.iter_mut().filter(|progress| progress.is_parked) {
                *progress = Progress { is_parked: false, is_at_end: false, ..*progress };
            }
        }
        self.behind += all.len();
        all
    }
}

fn starts(topic: &Topic, partitions: &[Progress], which: impl Fn(&Progress) -> bool) -> Vec<Start> {
    let all = (0..).zip(partitions).filter(|(_, progress)| which(progress));
    all.map(|(partition, progress)| (topic.name.clone(), partition, progress.next)).collect()
}
