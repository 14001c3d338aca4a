//! Whether the topics hold what the newest calls said they wrote.
//!
//! A transaction that a late EndTxn has torn apart could leave a position without its rows. The rules of
//! [`super::log::Producer`] keep that from happening; this is how it would be found: count and hash of the rows that a
//! reader sees are compared with the manifest that was committed with the position.

use std::collections::HashMap;
use std::time::Duration;

use super::call::Call;
use super::error::BusError;
use super::log::{Delivered, Next, Part};
use super::offsets::FoundTopic;
use super::position::{Manifest, Position, TableState};
use super::topics::MIN_COMPACTION_LAG_MS;
use crate::clock::Deadline;

/// How long the comparison may take. It is undecided then, and the call fails.
const TIME: Duration = Duration::from_secs(10);
/// Older manifests are not compared: compaction may have begun to take their rows away.
const MAX_AGE_MS: u64 = MIN_COMPACTION_LAG_MS - 10 * 60 * 1000;

type Sums = HashMap<(String, i32), Delivered>;

/// A table and the topic that holds it.
struct Written<'c> {
    table: &'c str,
    topic: String,
    manifest: &'c Manifest,
}

/// Tables written to since positions were last compared whose topic does not hold what their newest call wrote.
///
/// # Errors
/// [`BusError::Kafka`] or [`BusError::Deadline`] when it cannot be told.
pub(super) fn torn_tables(
    call: &Call<'_>,
    found: &HashMap<String, FoundTopic>,
) -> Result<Vec<String>, BusError> {
    let written = written_since(call, found);
    let parts: Vec<Part> = written.iter().flat_map(parts).collect();
    let deadline = Deadline::start(TIME.min(call.caller.deadline.left()));
    let mut sums = Sums::new();
    call.bus.log.read(&parts, &deadline, &mut |record| {
        let (key, value) = (record.key.unwrap_or_default(), record.value.unwrap_or_default());
        let one = Delivered::one(record.offset, key, value);
        let sum = sums.entry((record.topic.to_owned(), record.partition));
        sum.and_modify(|sum| *sum = sum.and(one)).or_insert(one);
        Ok(Next::Go)
    })?;
    let torn = written.iter().filter(|written| !holds(written, &sums));
    Ok(torn.map(|written| written.table.to_owned()).collect())
}

fn written_since<'c>(call: &'c Call<'_>, found: &HashMap<String, FoundTopic>) -> Vec<Written<'c>> {
    let memory = &call.session.memory;
    let compared = memory.opened.as_ref().map_or(0, |opened| opened.manifests_compared);
    let tables = memory.tables.iter().filter_map(|(table, position)| {
        let topic = call.bus.rows_topic(call.tenant(), table).ok()?;
        let manifest = position.manifest.as_ref()?;
        let is_new = manifest.opening >= compared && is_young(position, call.bus.clock.now_ms());
        let is_there = position.state == TableState::Mirrored
            && found.get(&topic).is_some_and(|found| position.agrees_with(Some(found)));
        (is_new && is_there).then_some(Written { table, topic, manifest })
    });
    tables.collect()
}

fn is_young(position: &Position, now_ms: i64) -> bool {
    let token_time = position.last_call.as_ref().map_or(0, |call| call.token_time);
    u64::try_from(now_ms - token_time * 1000).is_ok_and(|age_ms| age_ms < MAX_AGE_MS)
}

fn parts(written: &Written<'_>) -> Vec<Part> {
    let partitions = written.manifest.partitions.iter().filter(|partition| partition.rows > 0);
    let part = partitions.map(|partition| Part {
        topic: written.topic.clone(),
        partition: partition.partition,
        from: partition.first,
        to: partition.last + 1,
    });
    part.collect()
}

fn holds(written: &Written<'_>, sums: &Sums) -> bool {
    written.manifest.partitions.iter().filter(|partition| partition.rows > 0).all(|partition| {
        let sum = sums.get(&(written.topic.clone(), partition.partition));
        sum.is_some_and(|sum| sum.rows == partition.rows && format!("{:016x}", sum.hash) == partition.hash)
    })
}
