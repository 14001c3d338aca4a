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
use super::offsets;
use super::position::{Position, Sweep, TableState};
use super::producer::Transaction;
use super::read::{self, Part};
use super::session::Commit;
use super::{Bus, event};

/// Keys per transaction.
const CHUNK: usize = 100_000;
/// The message of a `dropped` event.
pub(super) const LEFT_SOURCE: &str = "the table left the source";

/// Sweeps every table whose sweep is under way. Says whether all are done.
pub(super) fn run(call: &mut Call<'_>) -> Result<bool, BusError> {
    let running: Vec<String> = call
        .session
        .memory
        .tables
        .iter()
        .filter(|(_, position)| position.sweep == Sweep::Running)
        .map(|(table, _)| table.clone())
        .collect();
    for table in running {
        sweep_table(call, &table)?;
    }
    Ok(true)
}

fn sweep_table(call: &mut Call<'_>, table: &str) -> Result<(), BusError> {
    let Some(position) = call.session.memory.tables.get(table).cloned() else { return Ok(()) };
    let topic = call.bus.rows_topic(call.tenant(), table)?;
    let found = offsets::find(&*call.bus.questions, std::slice::from_ref(&topic))?;
    let Some(found) = found.get(&topic).filter(|found| position.agrees_with(Some(found))) else {
        tracing::warn!(tenant = %call.tenant(), table, "nothing to sweep: the topic is not the one recorded");
        return finish(call, table, position);
    };
    let stale = stale_keys(call, &topic, &position, &found.spans)?;
    let mut chunks = stale.chunks(CHUNK).peekable();
    if chunks.peek().is_none() {
        return finish(call, table, position);
    }
    while let Some(keys) = chunks.next() {
        tombstone(call, table, &topic, keys, chunks.peek().is_none())?;
    }
    tracing::info!(tenant = %call.tenant(), table, keys = stale.len(), "swept");
    Ok(())
}

fn finish(call: &mut Call<'_>, table: &str, mut position: Position) -> Result<(), BusError> {
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

/// Keys that are alive in earlier populations and have no record in the present one. The present population is
/// read first, so that of the old part only what is missing in it is held.
fn stale_keys(
    call: &Call<'_>,
    topic: &str,
    position: &Position,
    found: &[(i64, i64)],
) -> Result<Vec<Vec<u8>>, BusError> {
    let parts = |old: bool| -> Vec<Part> {
        (0..)
            .zip(position.spans.iter().zip(found))
            .map(|(partition, (span, &(start, end)))| match old {
                true => Part { partition, from: start, to: span.first },
                false => Part { partition, from: span.first, to: end },
            })
            .collect()
    };
    let (config, deadline) = (&call.bus.reader_config, &call.caller.deadline);
    let mut present: HashSet<u128> = HashSet::new();
    read::read(config, topic, &parts(false), deadline, |record| {
        present.insert(xxh3_128(record.key().unwrap_or_default()));
        Ok(())
    })?;
    let mut alive: HashSet<Vec<u8>> = HashSet::new();
    read::read(config, topic, &parts(true), deadline, |record| {
        let key = record.key().unwrap_or_default();
        if record.payload().is_none() {
            alive.remove(key);
        } else if !present.contains(&xxh3_128(key)) {
            alive.insert(key.to_vec());
        }
        Ok(())
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
