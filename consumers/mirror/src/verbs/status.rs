//! How far every table is mirrored.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{SystemTime, UNIX_EPOCH};

use mirrorbus_schemas::topic::{Prefix, Table, Tenant};
use serde::Serialize;

use crate::copies::{Copies, Copy};
use crate::destination::{Cycle, Memory, Position};
use crate::settings::Settings;
use crate::source::reader::Topic;
use crate::stop::Stop;
use crate::verbs::error::VerbError;
use crate::verbs::source::{Source, tables};

/// What is to be told.
#[derive(Clone, Copy, Debug)]
pub struct Status<'s> {
    /// Where Kafka is; tenants and tables that match.
    pub settings: &'s Settings,
    /// Only what the destination itself knows; Kafka is not asked.
    pub is_offline: bool,
    /// The wish to end it early.
    pub stop: &'s Stop,
}

/// One tenant.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TenantStatus {
    /// The tenant.
    pub tenant: Tenant,
    /// Whether everything that its topics have is applied; nothing when Kafka was not asked.
    pub caught_up: Option<bool>,
    /// How old the newest state is that the mirror certainly had whole, in seconds: 0 while caught up.
    pub lag_seconds: Option<f64>,
    /// The newest cycle of the source that is whole in the mirror.
    pub last_cycle: Option<Cycle>,
    /// Its tables.
    pub tables: Vec<TableStatus>,
}

/// One table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TableStatus {
    /// The table.
    pub table: Table,
    /// How it stands.
    pub state: TableState,
    /// Rows in the mirror.
    pub rows: Option<u64>,
    /// The population that the rows belong to: milliseconds since 1970 UTC of when it began.
    pub epoch: Option<i64>,
    /// Records of its topic that are not applied; offsets that hold no record count too. Nothing when Kafka was not
    /// asked.
    pub lag_records: Option<u64>,
    /// How far each partition of its topic is applied.
    pub partitions: Vec<PartitionStatus>,
}

/// How a table stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TableState {
    /// All that its topic has is applied.
    CaughtUp,
    /// Its topic has more.
    Behind,
    /// Nothing of its topic is applied yet.
    NotBegun,
    /// The rows came from a topic that was deleted; another has its name.
    OtherTopic,
    /// Its topic is gone.
    NoTopic,
    /// Kafka was not asked.
    Unknown,
}

/// One partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartitionStatus {
    /// Its number.
    pub partition: i32,
    /// The next offset to be applied.
    pub position: i64,
    /// Where the partition ends for a reader of committed records; nothing when Kafka was not asked.
    pub end: Option<i64>,
}

impl Status<'_> {
    /// All tenants that match: those of the destination, and unless offline those of Kafka.
    ///
    /// # Errors
    /// [`VerbError`] when the destination or Kafka cannot be read.
    pub fn run(&self, destination: &mut dyn Copies) -> Result<Vec<TenantStatus>, VerbError> {
        let source = if self.is_offline { None } else { Some(Source::new(self.settings, self.stop)?) };
        // Positions first: ends that are asked later can never lie before them.
        let mut tenants: BTreeMap<Tenant, (Memory, BTreeMap<Table, u64>)> = BTreeMap::new();
        for tenant in destination.tenants()? {
            if self.settings.tenants.matches(tenant.as_str())
                && let Some(memory) = destination.inspect(&tenant, Copy::Live)?
            {
                let counts = destination.counts(&tenant, Copy::Live)?;
                tenants.insert(tenant, (memory, counts));
            }
        }
        let mut topics = source.as_ref().map(Source::topics).transpose()?;
        let ends = match (&source, &topics) {
            (Some(source), Some(topics)) => {
                let all: Vec<Topic> = topics.values().flatten().cloned().collect();
                source.reader.stable_ends(&all).map_err(VerbError::Kafka)?
            }
            _ => Ends::new(),
        };
        for tenant in topics.iter().flatten().map(|(tenant, _)| tenant) {
            tenants.entry(tenant.clone()).or_default();
        }
        let status = tenants.into_iter().map(|(tenant, (memory, counts))| {
            let topics = topics.as_mut().map(|topics| topics.remove(&tenant).unwrap_or_default());
            let told = Told { prefix: &self.settings.prefix, tenant: &tenant, memory: &memory, ends: &ends };
            let is_chosen = |table: &Table| self.settings.tables.matches(table.as_str());
            told.tenant(topics, &counts, &is_chosen)
        });
        Ok(status.collect())
    }
}

type Ends = HashMap<(String, i32), i64>;

/// What is known of a tenant.
struct Told<'t> {
    prefix: &'t Prefix,
    tenant: &'t Tenant,
    memory: &'t Memory,
    ends: &'t Ends,
}

impl Told<'_> {
    fn tenant(
        &self,
        topics: Option<Vec<Topic>>,
        counts: &BTreeMap<Table, u64>,
        is_chosen: &dyn Fn(&Table) -> bool,
    ) -> TenantStatus {
        let topics = topics.map(tables);
        let present = self.memory.tables.iter().filter(|(_, known)| known.columns.is_some());
        let mut names: BTreeSet<&Table> = present.map(|(table, _)| table).collect();
        names.extend(topics.iter().flatten().map(|(table, _)| table));
        let tables: Vec<TableStatus> = names
            .into_iter()
            .filter(|table| is_chosen(table))
            .map(|table| self.table(table, topics.as_ref().map(|topics| topics.get(table)), counts))
            .collect();
        // What is gone is waited for no more.
        let is_done = |table: &TableStatus| matches!(table.state, TableState::CaughtUp | TableState::NoTopic);
        let caught_up = topics.map(|_| tables.iter().all(is_done));
        TenantStatus {
            tenant: self.tenant.clone(),
            caught_up,
            lag_seconds: match caught_up {
                Some(true) => Some(0.0),
                _ => self.memory.caught_up_ms.map(seconds_since),
            },
            last_cycle: self.memory.cycle.clone(),
            tables,
        }
    }

    /// `topic` is the table's, if it has one; nothing when Kafka was not asked.
    fn table(
        &self,
        table: &Table,
        topic: Option<Option<&Topic>>,
        counts: &BTreeMap<Table, u64>,
    ) -> TableStatus {
        let stored = self.positions(table);
        let known = self.memory.tables.get(table).filter(|known| known.columns.is_some());
        let is_of = |topic: &Topic| stored.values().all(|position| position.topic_id == topic.id);
        let partitions: Vec<PartitionStatus> = match topic {
            Some(Some(topic)) if is_of(topic) => (0..topic.partitions)
                .map(|partition| PartitionStatus {
                    partition,
                    position: stored.get(&partition).map_or(0, |stored| stored.next_offset),
                    end: self.ends.get(&(topic.name.clone(), partition)).copied(),
                })
                .collect(),
            _ => stored
                .iter()
                .map(|(partition, stored)| PartitionStatus {
                    partition: *partition,
                    position: stored.next_offset,
                    end: None,
                })
                .collect(),
        };
        let lag = |partition: &PartitionStatus| {
            partition.end.map_or(0, |end| u64::try_from(end - partition.position).unwrap_or(0))
        };
        let lag: u64 = partitions.iter().map(lag).sum();
        let state = match topic {
            None => TableState::Unknown,
            Some(None) => TableState::NoTopic,
            Some(Some(topic)) if !is_of(topic) => TableState::OtherTopic,
            Some(Some(_)) if lag == 0 => TableState::CaughtUp,
            Some(Some(_)) if stored.is_empty() => TableState::NotBegun,
            Some(Some(_)) => TableState::Behind,
        };
        let is_comparable = matches!(state, TableState::CaughtUp | TableState::NotBegun | TableState::Behind);
        TableStatus {
            table: table.clone(),
            state,
            rows: counts.get(table).copied(),
            epoch: known.map(|known| known.marks.epoch),
            lag_records: is_comparable.then_some(lag),
            partitions,
        }
    }

    /// What is stored of a table's topic, by partition.
    fn positions(&self, table: &Table) -> BTreeMap<i32, &Position> {
        let topic = self.prefix.rows(self.tenant, table).unwrap_or_default();
        let stored = self.memory.positions.iter().filter(|((name, _), _)| *name == topic);
        stored.map(|((_, partition), position)| (*partition, position)).collect()
    }
}

// Milliseconds since 1970 are far below 2^52.
#[allow(clippy::cast_precision_loss)]
fn seconds_since(then_ms: i64) -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let passed = i64::try_from(now).unwrap_or(i64::MAX).saturating_sub(then_ms);
    passed.max(0) as f64 / 1000.0
}
