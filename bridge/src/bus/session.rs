//! A tenant's open session: its producer, what the positions topic said when it was opened, and the one place
//! where anything is committed.
//!
//! Opening comes first and at most once per call: fence, then read the positions to the end that was listed after
//! the fence. Whatever another bridge was about to commit is then either in what was read, or never will be.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use mirrorbus_schemas::event::CycleEvent;
use mirrorbus_schemas::topic::Tenant;
use rdkafka::message::{Header, OwnedHeaders};

use super::error::BusError;
use super::log::{Next, Part};
use super::memory::{Changes, Memory};
use super::offsets::{self, Isolation, Spec};
use super::pair::Pair;
use super::sweep::Sweeping;
use super::topics::Kind;
use super::transaction::{MAX_SLOT, Transaction};
use super::{Bus, cluster, event};
use crate::clock::Deadline;
use crate::failpoint;
use crate::metrics;

/// Slot numbers of the records that are not rows.
const POSITIONS: usize = MAX_SLOT;
const EVENTS: usize = MAX_SLOT - 1;

/// How long the transactions that the fence has finished may take to show as finished.
const SETTLING: Duration = Duration::from_secs(5);
/// Between two questions to the cluster about something that it tells nobody.
const PAUSE: Duration = Duration::from_millis(10);

/// An open producer and everything known of its tenant.
pub(super) struct Session {
    producers: Pair,
    pub(super) memory: Memory,
    /// Where the positions topic ends once everything that this process committed is finished: markers follow later.
    settled_end: i64,
    /// Rows committed since the cycle's TableSchema, if this session handled it.
    pub(super) counts: Option<BTreeMap<String, Counts>>,
    pub(super) used: Instant,
    /// The sweep that this process is at.
    pub(super) sweeping: Option<Sweeping>,
    /// The cycle is over: nothing but a sweep keeps the session open.
    pub(super) completed: bool,
}

/// Rows committed of one table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) upserts: i64,
    pub(super) deletes: i64,
    /// Inserts of a key that the same call had inserted before.
    pub(super) repeated_inserts: i64,
}

/// What one transaction holds besides rows.
#[derive(Default)]
pub(super) struct Commit {
    pub(super) changes: Changes,
    pub(super) events: Vec<CycleEvent>,
}

impl Session {
    /// Fences all others and reads the positions. `admit` sees what they say before the fence: a call that will be
    /// refused anyway disturbs nobody.
    pub(super) fn open(
        bus: &Bus,
        tenant: &Tenant,
        deadline: &Deadline,
        admit: impl FnOnce(&Memory) -> Result<(), BusError>,
    ) -> Result<Self, BusError> {
        let topic = bus.settings.prefix.positions(tenant);
        ensure_system_topics(bus, tenant)?;
        let mut memory = Memory::default();
        let before = end(bus, &topic, Isolation::ReadCommitted)?;
        read_positions(bus, &topic, 0, before, deadline, &mut memory)?;
        admit(&memory)?;
        let producers = Pair::open(&*bus.log, &bus.settings.prefix, tenant, deadline)?;
        let after = stable_end(bus, &topic)?;
        read_positions(bus, &topic, before, after, deadline, &mut memory)?;
        failpoint::reach(failpoint::POSITIONS_READ);
        tracing::debug!(%tenant, positions = memory.tables.len(), "session opened");
        let used = Instant::now();
        Ok(Self {
            producers,
            memory,
            settled_end: after,
            counts: None,
            used,
            sweeping: None,
            completed: false,
        })
    }

    /// Whether nobody else has written positions since this session last did, and its producer still serves.
    pub(super) fn is_current(
        &self,
        bus: &Bus,
        tenant: &Tenant,
        asked: Option<i64>,
    ) -> Result<bool, BusError> {
        if !self.producers.is_usable() {
            return Ok(false);
        }
        // Another bridge finishes all of ours before it writes.
        let end = match asked {
            Some(end) => end,
            None => positions_end(bus, tenant)?,
        };
        Ok(end <= self.settled_end)
    }

    pub(super) fn is_usable(&self) -> bool {
        self.producers.is_usable()
    }

    /// One transaction: the rows that `write` sends, then positions and events, then the commit. `write` must
    /// confirm its rows before it says what they change. An error leaves nothing visible, unless it is
    /// [`BusError::Unknown`].
    pub(super) fn commit(
        &mut self,
        bus: &Bus,
        tenant: &Tenant,
        deadline: Deadline,
        write: impl FnOnce(&mut Transaction<'_>, &Memory) -> Result<Commit, BusError>,
    ) -> Result<(), BusError> {
        let mut transaction = self.producers.begin(deadline)?;
        let commit = write(&mut transaction, &self.memory)?;
        failpoint::reach(failpoint::ROWS_CONFIRMED);
        let topic = bus.settings.prefix.positions(tenant);
        for (key, value) in commit.changes.records()? {
            let headers = tenant_header(tenant);
            transaction.send(&topic, POSITIONS, Some(key.as_bytes()), Some(&value), headers)?;
        }
        send_events(bus, tenant, &mut transaction, &self.memory, &commit)?;
        transaction.confirm()?;
        let (positions, bytes) = (transaction.delivered(POSITIONS), transaction.bytes());
        failpoint::reach(failpoint::POSITIONS_CONFIRMED);
        transaction.commit()?;
        metrics::bytes_committed(bus.name(), bytes);
        failpoint::reach(failpoint::COMMITTED);
        self.producers.committed();
        if let Some((_, delivered)) = positions.first() {
            let records = i64::try_from(delivered.rows).unwrap_or(i64::MAX);
            // The records, and the marker that ends the transaction.
            self.settled_end = self.settled_end.saturating_add(records).saturating_add(1);
        }
        self.memory.keep(commit.changes);
        self.used = Instant::now();
        Ok(())
    }

    /// As [`Session::commit`], without rows.
    pub(super) fn commit_changes(
        &mut self,
        bus: &Bus,
        tenant: &Tenant,
        deadline: Deadline,
        commit: Commit,
    ) -> Result<(), BusError> {
        let is_empty =
            commit.changes.opened.is_none() && commit.changes.tables.is_empty() && commit.events.is_empty();
        if is_empty {
            return Ok(());
        }
        self.commit(bus, tenant, deadline, |_, _| Ok(commit))
    }
}

fn send_events(
    bus: &Bus,
    tenant: &Tenant,
    transaction: &mut Transaction<'_>,
    memory: &Memory,
    commit: &Commit,
) -> Result<(), BusError> {
    if commit.events.is_empty() {
        return Ok(());
    }
    let known = commit.changes.opened.as_ref().or(memory.opened.as_ref());
    let known = known.and_then(|opened| opened.event_schema.as_ref());
    let id = match known.filter(|schema| event::is_ours(schema)) {
        Some(schema) => schema.id,
        None => event::register(bus, tenant)?.id,
    };
    let topic = bus.settings.prefix.cycles(tenant);
    for event in &commit.events {
        let value = event::encode(id, event)?;
        transaction.send(&topic, EVENTS, None, Some(&value), tenant_header(tenant))?;
    }
    Ok(())
}

fn tenant_header(tenant: &Tenant) -> OwnedHeaders {
    let value = Some(tenant.as_str());
    OwnedHeaders::new_with_capacity(1).insert(Header { key: mirrorbus_schemas::header::TENANT, value })
}

/// Makes the tenant's system topics where they are missing. A topic that exists but cannot be read is not
/// "missing": everything after this fails then.
fn ensure_system_topics(bus: &Bus, tenant: &Tenant) -> Result<(), BusError> {
    let wanted = [
        (bus.settings.prefix.positions(tenant), Kind::Positions),
        (bus.settings.prefix.cycles(tenant), Kind::Cycles),
    ];
    let names: Vec<String> = wanted.iter().map(|(name, _)| name.clone()).collect();
    let found = bus.questions.describe(&names)?;
    let missing: Vec<_> = wanted.into_iter().filter(|(name, _)| !found.contains_key(name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    bus.log.create(&missing)?;
    bus.await_topics(&missing.into_iter().map(|(name, _)| name).collect::<Vec<_>>())?;
    Ok(())
}

/// The end of the topic once nothing before it is undecided. The fence has finished what was open, but the markers may
/// take a moment, above all on a broker that has just started.
fn stable_end(bus: &Bus, topic: &str) -> Result<i64, BusError> {
    let deadline = Deadline::start(SETTLING);
    loop {
        let after = end(bus, topic, Isolation::ReadUncommitted)?;
        if end(bus, topic, Isolation::ReadCommitted)? == after {
            return Ok(after);
        }
        if deadline.is_over() {
            return Err(BusError::Hanging { topic: topic.to_owned() });
        }
        // Nothing tells when a marker is written.
        bus.clock.pause(PAUSE);
    }
}

/// Where the tenant's positions end, open transactions included.
pub(super) fn positions_end(bus: &Bus, tenant: &Tenant) -> Result<i64, BusError> {
    end(bus, &bus.settings.prefix.positions(tenant), Isolation::ReadUncommitted)
}

fn end(bus: &Bus, topic: &str, isolation: Isolation) -> Result<i64, BusError> {
    let partition = (topic.to_owned(), 0);
    let ends = bus.questions.offsets(std::slice::from_ref(&partition), Spec::Latest, isolation)?;
    ends.get(&partition)
        .copied()
        .ok_or_else(|| BusError::kafka("list offsets", "no answer for the positions topic"))
}

fn read_positions(
    bus: &Bus,
    topic: &str,
    from: i64,
    to: i64,
    deadline: &Deadline,
    memory: &mut Memory,
) -> Result<(), BusError> {
    let part = Part { topic: topic.to_owned(), partition: 0, from, to };
    bus.log.read(&[part], deadline, &mut |record| {
        memory.take(record.key, record.value)?;
        Ok(Next::Go)
    })?;
    Ok(())
}

impl Bus {
    /// Waits until topics that were just created are known to the cluster.
    pub(super) fn await_topics(
        &self,
        names: &[String],
    ) -> Result<std::collections::HashMap<String, offsets::FoundTopic>, BusError> {
        let deadline = Deadline::start(cluster::QUESTION_TIMEOUT);
        loop {
            let found = offsets::find(&*self.questions, names);
            match found {
                Ok(found) if found.len() == names.len() => return Ok(found),
                Ok(_) if deadline.is_over() => {
                    return Err(BusError::kafka("create topics", "a new topic did not appear"));
                }
                Err(error) if deadline.is_over() => return Err(error),
                // A new topic has no leader for some milliseconds; nothing tells when.
                _ => self.clock.pause(PAUSE),
            }
        }
    }
}
