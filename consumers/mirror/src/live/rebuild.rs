//! Reading a table anew from the beginning of its topic, while readers of the destination see its old rows.
//!
//! All of it is one transaction: the first batch takes the rows away, and only the one that reaches the end that the
//! topic had when this began ends it. A mirror that is killed in between has changed nothing.

use mirrorbus_schemas::topic::Tenant;

use crate::destination::{Batch, Destination, Move, Position};
use crate::error::Fault;
use crate::live::caught_up::now_ms;
use crate::live::core::{Core, Seat, end};
use crate::live::flush::remember;
use crate::live::tally::Tally;
use crate::live::tenant::Live;
use crate::live::whole::Whole;
use crate::source::reader::{Feed, Topic};
use crate::table::changes::Changes;

/// Why a table is read anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reason {
    /// One of few, for metrics.
    pub(crate) rule: &'static str,
    /// What tells this case from others; may be empty.
    pub(crate) figures: String,
}

impl From<&'static str> for Reason {
    fn from(rule: &'static str) -> Self {
        Self { rule, figures: String::new() }
    }
}

impl<D: Destination> Core<'_, D> {
    /// Reads anew what was without a reader for too long.
    pub(crate) fn rebuild_overdue(&mut self, tenant: &Tenant) -> Result<(), Fault> {
        let Some(Seat::Live(live)) = self.seats.get(tenant) else { return Ok(()) };
        for overdue in live.overdue(&self.retentions) {
            self.start_over(tenant, &overdue.topic, &overdue.reason)?;
        }
        Ok(())
    }

    /// Reads a table anew whose columns and records contradict each other, unless that is how its topic is: then it
    /// says so, as for any other fault.
    pub(crate) fn rebuild_contradicted(&mut self, tenant: &Tenant, fault: Fault) -> Result<(), Fault> {
        let (Some(Seat::Live(live)), Fault::Conflict { topic, .. }) = (self.seats.get(tenant), &fault) else {
            return Err(fault);
        };
        let Some(followed) = live.topics.get(topic) else { return Err(fault) };
        let topic = followed.topic.clone();
        if followed.begun_ms.is_some() || self.contradictory.contains(&topic.id) {
            self.contradictory.insert(topic.id);
            return Err(fault);
        }
        let reason = Reason { rule: "its columns cannot be continued", figures: fault.to_string() };
        self.start_over(tenant, &topic, &reason)
    }

    /// Takes away the rows that came from a topic, and follows it from its beginning.
    pub(crate) fn start_over(
        &mut self,
        tenant: &Tenant,
        topic: &Topic,
        reason: &Reason,
    ) -> Result<(), Fault> {
        let ends = self.reader.stable_ends(std::slice::from_ref(topic)).map_err(Fault::Kafka)?;
        let target = |partition| ends.get(&(topic.name.clone(), partition)).copied().unwrap_or(0);
        let targets: Vec<i64> = (0..topic.partitions).map(target).collect();
        let Some(Seat::Live(live)) = self.seats.get_mut(tenant) else { return Ok(()) };
        tell(live, topic, &targets, reason);
        let bounds = bounds(live, topic);
        end(&self.reader, &live.leave(&topic.name));
        let positions = live.memory.positions.iter().filter(|((name, _), _)| *name == topic.name);
        let moves = positions.map(|((name, partition), position)| Move {
            topic: name.clone(),
            partition: *partition,
            from: Some(position.clone()),
            to: Position { topic_id: topic.id.clone(), next_offset: 0 },
        });
        let mut batch = Batch { moves: moves.collect(), ..Batch::default() };
        let known = match &topic.feed {
            Feed::Rows(table) => live.memory.tables.get(table).map(|known| (table, known.clone())),
            Feed::Cycles => None,
        };
        let mut changes = known.map(|(table, known)| Changes::new(table.clone(), known));
        let mut memory = None;
        if let Some(changes) = &mut changes {
            changes.forget_rows();
            let (change, kept) = changes.finish(&topic.name)?;
            memory = Some((change.table.clone(), kept));
            batch.tables.push(change);
        }
        self.destination.lock().apply(tenant, &batch, &Tally::default())?;
        self.watch.rebuilt(reason.rule);
        remember(live, &batch, memory);
        live.is_held = true;
        live.rebuilds.insert(topic.name.clone(), targets);
        if let Feed::Rows(table) = &topic.feed {
            live.memory.damaged.remove(table);
            live.events.forget(table);
        }
        let starts = live.follow(topic, now_ms());
        if let Some(followed) = live.topics.get_mut(&topic.name) {
            for (progress, bound) in followed.partitions.iter_mut().zip(bounds) {
                progress.bound = progress.bound.max(bound);
            }
        }
        live.stir();
        self.reader.start(&starts).map_err(|error| Fault::Kafka(error.to_string()))
    }
}

fn tell(live: &Live, topic: &Topic, targets: &[i64], reason: &Reason) {
    let table = match &topic.feed {
        Feed::Rows(table) => table.as_str(),
        Feed::Cycles => "",
    };
    let positions: Vec<i64> = live
        .memory
        .positions
        .iter()
        .filter(|((name, _), _)| *name == topic.name)
        .map(|(_, position)| position.next_offset)
        .collect();
    tracing::warn!(
        tenant = %live.tenant,
        table,
        topic = topic.name,
        ?positions,
        ends = ?targets,
        reason = reason.rule,
        figures = reason.figures,
        "read again from the beginning; until it is whole, readers see what was there"
    );
}

/// Where the topic may be read up to, if only whole cycles are shown: as far as it was, or, where it is another topic,
/// as far as the next cut says.
fn bounds(live: &mut Live, topic: &Topic) -> Vec<i64> {
    let stored: Vec<Option<i64>> = (0..topic.partitions)
        .map(|partition| live.stored(topic, partition).map(|position| position.next_offset))
        .collect();
    let Some(whole) = &mut live.whole else { return Vec::new() };
    if topic.feed == Feed::Cycles {
        *whole = Whole::new(0);
        return Vec::new();
    }
    if stored.iter().all(Option::is_none) {
        whole.is_adopted = false;
        return Vec::new();
    }
    let followed = live.topics.get(&topic.name).map(|live| live.partitions.as_slice()).unwrap_or_default();
    let bound = |partition: usize| followed.get(partition).map(|progress| progress.bound);
    stored
        .into_iter()
        .enumerate()
        .map(|(partition, stored)| bound(partition).or(stored).unwrap_or(0))
        .collect()
}
