//! Tombstones for the keys that a new population did not bring again.
//!
//! A running sweep is part of the position: it is begun by a commit, done in transactions of its own, goes on after the
//! call where it takes longer ([`super::sweeper`]), and is begun again by whoever opens the tenant after a crash. Keys
//! are tombstoned with the very bytes they were written with.

use std::collections::HashSet;

use mirrorbus_schemas::event::Kind;
use mirrorbus_schemas::header;
use mirrorbus_schemas::topic::Tenant;
use rdkafka::message::{Header, OwnedHeaders};
use xxhash_rust::xxh3::xxh3_128;

use super::call::Call;
use super::error::BusError;
use super::log::{Next, Part};
use super::memory::Changes;
use super::offsets::{self, FoundTopic};
use super::position::{Position, Sweep, TableState};
use super::session::Commit;
use super::transaction::Transaction;
use super::{Bus, event};
use crate::clock::Deadline;
use crate::failpoint;
use crate::metrics;

/// Keys per transaction, and per reading of the old part: what a sweep holds of it at once.
const CHUNK_KEYS: usize = 50_000;
/// The message of a `dropped` event.
pub(super) const LEFT_SOURCE: &str = "the table left the source";

/// What this process knows of the sweep that it is at. Lost with the session: another begins the sweep again.
pub(super) struct Sweeping {
    table: String,
    topic: String,
    epoch: i64,
    /// Hashes of the present population's keys, as far as it was read.
    present: HashSet<u128>,
    /// Next offset of the present population to be read, by partition.
    seen: Vec<i64>,
    /// What is left of the earlier populations.
    old: Vec<Part>,
    swept: usize,
    _counted: metrics::Open,
}

/// Sweeps every table whose sweep is under way, a chunk at a time and one at least, until `until`. Says whether all are
/// done. Without an opening nothing is swept: who knows what was lost.
///
/// # Errors
/// The first failure; what it left is resumed later. One table that cannot be swept keeps no other from it.
pub(super) fn run(call: &mut Call<'_>, until: &Deadline) -> Result<bool, BusError> {
    if call.session.memory.opening().is_none() {
        return Ok(true);
    }
    let mut failure = None;
    for (number, table) in running(call).iter().enumerate() {
        if number > 0 && failure.is_none() && until.is_over() {
            return Ok(false);
        }
        match sweep_table(call, table, until) {
            Ok(true) => {}
            Ok(false) => return failure.map_or(Ok(false), Err),
            Err(error) => {
                failure.get_or_insert(error);
            }
        }
    }
    failure.map_or(Ok(true), Err)
}

/// Tables whose sweep is under way, the one that this process is at first.
fn running(call: &Call<'_>) -> Vec<String> {
    let at = call.session.sweeping.as_ref().map(|sweeping| sweeping.table.clone());
    let tables = call.session.memory.tables.iter();
    let running = tables.filter(|(_, position)| position.sweep == Sweep::Running);
    let mut running: Vec<String> = running.map(|(table, _)| table.clone()).collect();
    running.sort_by_key(|table| Some(table) != at.as_ref());
    running
}

/// Says whether the sweep is done; not when the time was over first.
fn sweep_table(call: &mut Call<'_>, table: &str, until: &Deadline) -> Result<bool, BusError> {
    loop {
        if step(call, table)? {
            return Ok(true);
        }
        if until.is_over() {
            return Ok(false);
        }
    }
}

/// One chunk of a table's sweep. Says whether it was the last.
fn step(call: &mut Call<'_>, table: &str) -> Result<bool, BusError> {
    let Some(position) = call.session.memory.tables.get(table).cloned() else { return Ok(true) };
    let topic = call.bus.rows_topic(call.tenant(), table)?;
    let Some(found) = find_recorded(call, &topic, &position)? else {
        tracing::warn!(tenant = %call.tenant(), table, "nothing to sweep: the topic is not the one recorded");
        finish(call, table)?;
        return Ok(true);
    };
    let mut sweeping = match call.session.sweeping.take() {
        Some(sweeping) if sweeping.table == table && sweeping.epoch == position.epoch => sweeping,
        _ => Sweeping::begin(table, topic, &position, &found),
    };
    sweeping.read_present(call, &found)?;
    let stale = sweeping.read_stale(call)?;
    let is_last = sweeping.old.is_empty();
    if !stale.is_empty() {
        tombstone(call, table, &sweeping.topic, &stale, is_last)?;
    } else if is_last {
        finish(call, table)?;
    }
    sweeping.swept += stale.len();
    metrics::keys_swept(call.bus.name(), stale.len());
    if is_last {
        tracing::info!(tenant = %call.tenant(), table, keys = sweeping.swept, "swept");
    } else {
        sweeping.keep(&stale, call.session.memory.tables.get(table));
        call.session.sweeping = Some(sweeping);
    }
    Ok(is_last)
}

impl Sweeping {
    fn begin(table: &str, topic: String, position: &Position, found: &FoundTopic) -> Self {
        let spans = position.spans.iter().zip(&found.spans);
        let old = (0..).zip(spans).map(|(partition, (span, &(start, _)))| Part {
            topic: topic.clone(),
            partition,
            from: start,
            to: span.first,
        });
        Self {
            table: table.to_owned(),
            old: old.collect(),
            epoch: position.epoch,
            present: HashSet::new(),
            seen: position.spans.iter().map(|span| span.first).collect(),
            topic,
            swept: 0,
            _counted: metrics::sweep(),
        }
    }

    /// Takes in what came to the present population since it was last read.
    fn read_present(&mut self, call: &Call<'_>, found: &FoundTopic) -> Result<(), BusError> {
        let Self { topic, seen, present, .. } = self;
        let parts = (0..).zip(seen.iter_mut().zip(&found.spans)).map(|(partition, (seen, &(_, end)))| {
            let from = std::mem::replace(seen, end);
            Part { topic: topic.clone(), partition, from, to: end }
        });
        let parts: Vec<Part> = parts.collect();
        call.bus.log.read(&parts, &call.caller.deadline, &mut |record| {
            present.insert(xxh3_128(record.key.unwrap_or_default()));
            Ok(Next::Go)
        })?;
        Ok(())
    }

    /// Keys that are alive in earlier populations and not present, at most [`CHUNK_KEYS`]; moves on over what was read. A key
    /// whose old tombstone lies in a later chunk is tombstoned once more, which changes nothing.
    fn read_stale(&mut self, call: &Call<'_>) -> Result<Vec<Vec<u8>>, BusError> {
        let (mut alive, present) = (HashSet::<Vec<u8>>::new(), &self.present);
        let chunk_keys = chunk_keys();
        self.old = call.bus.log.read(&self.old, &call.caller.deadline, &mut |record| {
            let key = record.key.unwrap_or_default();
            if record.value.is_none() {
                alive.remove(key);
            } else if !present.contains(&xxh3_128(key)) {
                alive.insert(key.to_vec());
            }
            Ok(if alive.len() < chunk_keys { Next::Go } else { Next::Stop })
        })?;
        Ok(alive.into_iter().collect())
    }

    /// Tombstones that were just written need not be read back.
    fn keep(&mut self, tombstoned: &[Vec<u8>], position: Option<&Position>) {
        self.present.extend(tombstoned.iter().map(|key| xxh3_128(key)));
        let spans = position.map_or(&[][..], |position| &position.spans);
        for (seen, span) in self.seen.iter_mut().zip(spans) {
            *seen = (*seen).max(span.last + 1);
        }
    }
}

fn chunk_keys() -> usize {
    let set = failpoint::setting(failpoint::SWEEP_CHUNK_KEYS);
    set.and_then(|set| set.parse().ok()).unwrap_or(CHUNK_KEYS)
}

/// The topic as the position records it; `None` once it contradicts the record twice, a moment apart.
fn find_recorded(
    call: &Call<'_>,
    topic: &String,
    position: &Position,
) -> Result<Option<FoundTopic>, BusError> {
    let look = || -> Result<_, BusError> {
        let mut found = offsets::find(&*call.bus.questions, std::slice::from_ref(topic))?;
        Ok(found.remove(topic))
    };
    let first = look()?;
    if first.is_some() && position.agrees_with(first.as_ref()) {
        return Ok(first);
    }
    call.bus.clock.pause(offsets::MOMENT);
    if look()? == first { Ok(None) } else { Err(offsets::undecided()) }
}

fn finish(call: &mut Call<'_>, table: &str) -> Result<(), BusError> {
    let Some(mut position) = call.session.memory.tables.get(table).cloned() else { return Ok(()) };
    position.sweep = Sweep::None;
    let commit = swept(call.bus, call.tenant(), &call.cycle(), table, position);
    call.commit(commit)
}

/// The position after a chunk. The last chunk of a table that left the source tells so: its end offsets then cover
/// every tombstone.
fn swept(bus: &Bus, tenant: &Tenant, cycle: &str, table: &str, position: Position) -> Commit {
    let is_dropped = position.sweep == Sweep::None && position.state == TableState::Dropped;
    let events = is_dropped.then(|| {
        let receipt = event::receipt(table, &position);
        event::now(bus, tenant, cycle, Kind::Dropped, LEFT_SOURCE.to_owned(), vec![receipt])
    });
    let tables = [(table.to_owned(), position)].into();
    Commit { changes: Changes { opened: None, tables }, events: events.into_iter().collect() }
}

fn tombstone(
    call: &mut Call<'_>,
    table: &str,
    topic: &str,
    keys: &[Vec<u8>],
    is_last: bool,
) -> Result<(), BusError> {
    let (bus, tenant, cycle) = (call.bus, &call.caller.tenant, call.cycle());
    call.session.commit(bus, tenant, call.caller.deadline, |transaction, memory| {
        let mut position = memory.tables.get(table).cloned().unwrap_or_else(|| Position::blank(0));
        let epoch = position.epoch.to_string();
        for key in keys {
            let headers = headers(tenant.as_str(), table, &cycle, &epoch);
            transaction.send(topic, 0, Some(key), None, headers)?;
        }
        transaction.confirm()?;
        advance(&mut position, transaction, 0, table)?;
        if is_last {
            position.sweep = Sweep::None;
        }
        Ok(swept(bus, tenant, &cycle, table, position))
    })
}

/// Moves the spans over what was delivered in `slot`; an offset at or below a recorded one means that the topic is
/// not the one recorded.
pub(super) fn advance(
    position: &mut Position,
    transaction: &Transaction<'_>,
    slot: usize,
    table: &str,
) -> Result<(), BusError> {
    for (partition, delivered) in transaction.delivered(slot) {
        let span = usize::try_from(partition).ok().and_then(|index| position.spans.get_mut(index));
        match span {
            Some(span) if delivered.first > span.last => span.last = delivered.last,
            _ => {
                let reason = format!("table {table}, partition {partition}: written below the recorded end");
                return Err(BusError::kafka("write", reason));
            }
        }
    }
    Ok(())
}

fn headers(tenant: &str, table: &str, cycle: &str, epoch: &str) -> OwnedHeaders {
    [
        (header::TENANT, tenant),
        (header::TABLE, table),
        (header::OP, "S"),
        (header::CYCLE, cycle),
        (header::EPOCH, epoch),
    ]
    .into_iter()
    .fold(OwnedHeaders::new_with_capacity(5), |headers, (key, value)| {
        headers.insert(Header { key, value: Some(value) })
    })
}
