//! Showing whole cycles only: up to where a tenant's partitions may be read, and when a transaction may end.
//!
//! A cut is an offset of every partition. Rows past it are not read, and a transaction ends only where all partitions
//! stand at it. There are two ways to a cut. Where the source is within no cycle, everything that is there belongs to
//! cycles that are over, or to sweeps: the cut lies at the ends of all topics. That no cycle was open is proved in this
//! order: the topics' ends are asked for, then that of the cycles topic; once it is read up to there and has told of no
//! cycle that opened or ended meanwhile, none was open when the ends were asked for, for a cycle tells that it opens
//! before it brings rows.
//! Where a cycle is open, the receipts of the completed ones say how far the tables go that they touched, and the others
//! stay where they are.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use mirrorbus_schemas::topic::Table;

use crate::error::Fault;
use crate::live::event::Completed;
use crate::live::tenant::{Live, LiveTopic, Progress, Start};
use crate::source::reader::{Feed, Reader, Topic};

/// Between two looks for a cut that no completed cycle asks for.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The cut that a tenant is brought to.
#[derive(Debug)]
pub(crate) struct Whole {
    /// Events of the cycles topic below this offset belong to it.
    pub(crate) below: i64,
    /// Whether the partitions' bounds are a cut.
    pub(crate) is_adopted: bool,
    survey: Option<Survey>,
    look_at: Instant,
    /// The newest completed cycle that was known when a cut was last looked for.
    looked_for: Option<i64>,
    has_warned: bool,
}

/// Ends of partitions, and then that of the cycles topic.
#[derive(Debug)]
struct Survey {
    rows: HashMap<(String, i32), i64>,
    cycles: i64,
    /// Whether no cycle was open, as far as events had been read when it began.
    was_quiet: bool,
    /// The newest completed cycle that was known then.
    newest: Option<i64>,
}

impl Whole {
    pub(crate) fn new(below: i64) -> Self {
        Self {
            below,
            is_adopted: false,
            survey: None,
            look_at: Instant::now(),
            looked_for: None,
            has_warned: false,
        }
    }
}

impl Live {
    /// Says once that nothing can be shown of a tenant whose cycles nothing tells.
    pub(crate) fn warn_of_no_cycles(&mut self) {
        let has_none = !self.listed.is_empty() && !self.listed.contains(&self.prefix.cycles(&self.tenant));
        if let Some(whole) = self.whole.as_mut().filter(|whole| has_none && !whole.has_warned) {
            whole.has_warned = true;
            let tenant = &self.tenant;
            tracing::warn!(%tenant, "it has no cycles topic: nothing tells which cycles are whole, so none is shown");
        }
    }

    /// Whether all partitions stand at the cut.
    pub(crate) fn is_at_cut(&self, listings: u64) -> bool {
        let is_there = |progress: &Progress| progress.next >= progress.bound;
        self.row_topics().all(|live| live.partitions.iter().all(is_there))
            && self.cut_cycles().flat_map(|completed| &completed.tables).all(|reach| {
                self.topics.contains_key(&self.topic_of(&reach.table))
                    || reach.ends.is_empty()
                    || self.is_gone(reach, listings)
            })
    }

    /// Completed cycles that the cut shows and the destination does not.
    fn cut_cycles(&self) -> impl Iterator<Item = &Completed> {
        let below = self.whole.as_ref().map_or(0, |whole| whole.below);
        self.events.completed.iter().filter(move |completed| completed.offset < below)
    }

    /// How far the cut's receipts say that a partition goes.
    pub(crate) fn receipt_end(&self, topic: &Topic, partition: i32) -> i64 {
        let Feed::Rows(table) = &topic.feed else { return 0 };
        receipts(self.cut_cycles()).remove(&(table, partition)).unwrap_or(0)
    }

    /// Looks for a later cut, if it is time. Says what to read on.
    pub(crate) fn find_cut(&mut self, reader: &Reader, listings: u64) -> Result<Vec<Start>, Fault> {
        if self.wants_cut(listings) {
            let partitions = self.row_partitions();
            let rows = reader.watermarks(&partitions).map_err(Fault::Kafka)?;
            let cycles = vec![(self.prefix.cycles(&self.tenant), 0)];
            let cycles = reader.watermarks(&cycles).map_err(Fault::Kafka)?.into_values().max().unwrap_or(0);
            let newest = self.newest_completed();
            let was_quiet = !self.events.opening.is_open();
            if let Some(whole) = &mut self.whole {
                whole.survey = Some(Survey { rows, cycles, was_quiet, newest });
                whole.look_at = Instant::now() + LOOK_AGAIN;
                whole.looked_for = newest;
            }
        }
        Ok(self.adopt_cut())
    }

    fn newest_completed(&self) -> Option<i64> {
        self.events.completed.back().map(|completed| completed.offset)
    }

    pub(crate) fn row_partitions(&self) -> Vec<(String, i32)> {
        let partitions = |live: &LiveTopic| {
            let name = live.topic.name.clone();
            (0..live.topic.partitions).map(move |partition| (name.clone(), partition))
        };
        self.row_topics().flat_map(partitions).collect()
    }

    fn wants_cut(&self, listings: u64) -> bool {
        let Some(whole) = &self.whole else { return false };
        let newest = self.newest_completed();
        let has_news = newest.is_some_and(|offset| offset >= whole.below);
        let is_time = whole.look_at <= Instant::now() || (has_news && newest != whole.looked_for);
        if !is_time || whole.survey.is_some() || !self.inbox.is_empty() {
            return false;
        }
        let are_events_read =
            || self.cycles().is_some_and(|live| live.partitions.iter().all(|progress| progress.is_at_end));
        let is_free = || !whole.is_adopted || (!self.is_held && self.is_at_cut(listings));
        let waits = || {
            self.row_topics().any(|live| live.partitions.iter().any(|progress| progress.is_parked))
                || self.events.pending.iter().any(|pending| pending.offset >= whole.below)
        };
        let is_wanted = has_news || !whole.is_adopted || (!self.events.opening.is_open() && waits());
        is_wanted && are_events_read() && is_free()
    }

    /// Adopts the cut that was surveyed, if there is one. Says what to read on.
    fn adopt_cut(&mut self) -> Vec<Start> {
        let asked = self.whole.as_ref().and_then(|whole| whole.survey.as_ref()).map(|survey| survey.cycles);
        let Some(asked) = asked.filter(|_| self.inbox.is_empty()) else { return Vec::new() };
        let cycles = self.cycles().and_then(|live| live.partitions.first()).map(|progress| progress.next);
        let Some(cycles) = cycles.filter(|read| *read >= asked) else { return Vec::new() };
        let Some(survey) = self.whole.as_mut().and_then(|whole| whole.survey.take()) else {
            return Vec::new();
        };
        let newest = self.newest_completed();
        if newest != survey.newest {
            // A cycle ended since, of which the survey may have seen a part.
            return Vec::new();
        }
        let is_quiet = survey.was_quiet && !self.events.opening.is_open();
        let Some(bounds) = self.bounds(&survey, is_quiet) else { return Vec::new() };
        for live in self.topics.values_mut() {
            for (partition, progress) in (0..).zip(&mut live.partitions) {
                let bound = bounds.get(&(live.topic.name.clone(), partition));
                progress.bound = bound.map_or(progress.bound, |bound| progress.bound.max(*bound));
            }
        }
        let below = if is_quiet { cycles } else { newest.map_or(0, |newest| newest + 1) };
        if let Some(whole) = &mut self.whole {
            whole.is_adopted = true;
            whole.below = whole.below.max(below);
        }
        self.stir();
        self.unpark()
    }

    /// Where the cut lies, if there is one: partitions of which no receipt tells and no position is stored can hold
    /// rows of the cycle that is open.
    fn bounds(&self, survey: &Survey, is_quiet: bool) -> Option<HashMap<(String, i32), i64>> {
        if is_quiet {
            return Some(survey.rows.clone());
        }
        let receipts = receipts(self.events.completed.iter());
        let mut bounds = HashMap::new();
        for live in self.row_topics() {
            let Feed::Rows(table) = &live.topic.feed else { continue };
            for (partition, progress) in (0..).zip(&live.partitions) {
                let place = (live.topic.name.clone(), partition);
                let end = survey.rows.get(&place).copied().unwrap_or(0);
                let receipt = receipts.get(&(table, partition)).copied().unwrap_or(0);
                let bound = progress.bound.max(receipt.min(end));
                if bound == 0 && end > 0 {
                    return None;
                }
                bounds.insert(place, bound);
            }
        }
        Some(bounds)
    }
}

/// The last ends that receipts tell.
fn receipts<'c>(cycles: impl Iterator<Item = &'c Completed>) -> HashMap<(&'c Table, i32), i64> {
    let mut ends = HashMap::new();
    for reach in cycles.flat_map(|completed| &completed.tables) {
        for (partition, end) in &reach.ends {
            ends.insert((&reach.table, *partition), *end);
        }
    }
    ends
}

#[cfg(test)]
#[path = "whole_tests.rs"]
mod tests;
