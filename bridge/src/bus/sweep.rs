//! Tombstones for the keys that a new population did not bring again.
//!
//! A running sweep is part of the position: it is begun by a commit, done in transactions of its own, and resumed
//! by whoever opens the tenant next. Keys are tombstoned with the very bytes they were written with.

use std::collections::HashSet;

use mirrorbus_schemas::event::Kind;
use mirrorbus_schemas::header;
use mirrorbus_schemas::topic::Tenant;
use rdkafka::message::{Header, OwnedHeaders};
use xxhash_rust::xxh3::xxh3_128;

use super::call::Call;
use super::error::BusError;
use super::memory::Changes;
use super::offsets::{self, FoundTopic};
use super::position::{Position, Sweep, TableState};
use super::producer::Transaction;
use super::read::{self, Next, Part};
use super::session::Commit;
use super::{Bus, event};

/// Keys per transaction, and per reading of the old part: what a sweep holds of it at once.
const CHUNK: usize = 100_000;
/// The message of a `dropped` event.
pub(super) const LEFT_SOURCE: &str = "the table left the source";

/// Sweeps every table whose sweep is under way. Without an opening nothing is swept: who knows what was lost.
///
/// # Errors
/// The first failure; what it left is resumed by a later call.
pub(super) fn run(call: &mut Call<'_>) -> Result<(), BusError> {
    if call.session.memory.opening().is_none() {
        return Ok(());
    }
    let running: Vec<String> = call
        .session
        .memory
        .tables
        .iter()
        .filter(|(_, position)| position.sweep == Sweep::Running)
        .map(|(table, _)| table.clone())
        .collect();
    let mut failure = None;
    for table in running {
        // One table that cannot be swept now must not keep the others from it.
        if let Err(error) = sweep_table(call, &table) {
            failure.get_or_insert(error);
        }
    }
    failure.map_or(Ok(()), Err)
}

fn sweep_table(call: &mut Call<'_>, table: &str) -> Result<(), BusError> {
    let Some(position) = call.session.memory.tables.get(table).cloned() else { return Ok(()) };
    let topic = call.bus.rows_topic(call.tenant(), table)?;
    let Some(found) = find_recorded(call, &topic, &position)? else {
        tracing::warn!(tenant = %call.tenant(), table, "nothing to sweep: the topic is not the one recorded");
        return finish(call, table);
    };
    let parts = Parts::of(&position, &found.spans);
    let mut present = present_keys(call, &topic, &parts.present)?;
    let (mut cursor, mut swept) = (parts.old, 0);
    loop {
        let stale = stale_keys(call, &topic, &mut cursor, &present)?;
        let is_last = cursor.is_empty();
        if stale.is_empty() && is_last {
            finish(call, table)?;
        } else if !stale.is_empty() {
            tombstone(call, table, &topic, &stale, is_last)?;
        }
        swept += stale.len();
        if is_last {
            tracing::info!(tenant = %call.tenant(), table, keys = swept, "swept");
            return Ok(());
        }
        present.extend(stale.iter().map(|key| xxh3_128(key)));
    }
}

/// Where the earlier populations lie, and where the present one does.
struct Parts {
    old: Vec<Part>,
    present: Vec<Part>,
}

impl Parts {
    fn of(position: &Position, found: &[(i64, i64)]) -> Self {
        let (mut old, mut present) = (Vec::new(), Vec::new());
        for (partition, (span, &(start, end))) in (0..).zip(position.spans.iter().zip(found)) {
            old.push(Part { partition, from: start, to: span.first });
            present.push(Part { partition, from: span.first, to: end });
        }
        Self { old, present }
    }
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
    std::thread::sleep(offsets::MOMENT);
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

/// Hashes of the keys that have a record in the present population.
fn present_keys(call: &Call<'_>, topic: &str, present: &[Part]) -> Result<HashSet<u128>, BusError> {
    let mut keys = HashSet::new();
    read::read(&call.bus.reader_config, topic, present, &call.caller.deadline, |record| {
        keys.insert(xxh3_128(record.key().unwrap_or_default()));
        Ok(Next::Go)
    })?;
    Ok(keys)
}

/// Keys that are alive in earlier populations and not `present`, at most [`CHUNK`]; moves the cursor over what was
/// read. A key whose old tombstone lies in a later chunk is tombstoned once more, which changes nothing.
fn stale_keys(
    call: &Call<'_>,
    topic: &str,
    cursor: &mut Vec<Part>,
    present: &HashSet<u128>,
) -> Result<Vec<Vec<u8>>, BusError> {
    let mut alive: HashSet<Vec<u8>> = HashSet::new();
    *cursor = read::read(&call.bus.reader_config, topic, cursor, &call.caller.deadline, |record| {
        let key = record.key().unwrap_or_default();
        if record.payload().is_none() {
            alive.remove(key);
        } else if !present.contains(&xxh3_128(key)) {
            alive.insert(key.to_vec());
        }
        Ok(if alive.len() < CHUNK { Next::Go } else { Next::Stop })
    })?;
    Ok(alive.into_iter().collect())
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
