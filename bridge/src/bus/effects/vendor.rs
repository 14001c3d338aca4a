//! A source with change tracking, its mirroring task, and the check of what it is answered.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use mirrorbus_schemas::topic::{Prefix, Tenant};

use super::cluster::{FakeCluster, Process};
use crate::batch::{Batch, Column, ColumnType, Lsn, Operation, TableColumns, Value};
use crate::bus::order::CallMark;
use crate::bus::settings::BusSettings;
use crate::bus::{Bus, BusError, Caller};
use crate::clock::{Clock, Deadline};

/// Rows of one call.
const ROWS: usize = 2;

/// Every call comes a second after the one before.
#[derive(Default)]
struct Ticks(AtomicI64);

impl Clock for Ticks {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed) * 1000
    }

    /// Nothing changes in this cluster while nobody asks.
    fn pause(&self, _time: Duration) {}
}

/// The last change of a row: its text, or `None` when it was deleted, and the version.
type Rows = BTreeMap<i32, (Option<String>, i64)>;

/// The vendor, its tenant's database, and the bridge that it calls.
pub(super) struct Vendor {
    cluster: FakeCluster,
    process: Arc<Process>,
    bus: Bus,
    clock: Arc<Ticks>,
    tables: BTreeMap<String, Rows>,
    version: i64,
}

/// Why a cycle ended early.
#[derive(Debug)]
pub(super) enum Ended {
    Failed,
    AskedToWait,
}

impl From<BusError> for Ended {
    fn from(_: BusError) -> Self {
        Self::Failed
    }
}

impl Vendor {
    pub(super) fn new(cluster: &FakeCluster) -> Self {
        let clock = Arc::new(Ticks::default());
        let process = Process::on(cluster);
        let bus = bus(&process, &clock);
        Self { cluster: cluster.clone(), process, bus, clock, tables: BTreeMap::new(), version: 0 }
    }

    pub(super) fn set(&mut self, table: &str, id: i32, text: Option<&str>) {
        self.version += 1;
        let rows = self.tables.entry(table.to_owned()).or_default();
        rows.insert(id, (text.map(str::to_owned), self.version));
    }

    pub(super) fn drop_table(&mut self, table: &str) {
        self.tables.remove(table);
    }

    /// One cycle. The next one is a new process's if this one dies.
    pub(super) fn cycle(&mut self) -> Result<(), Ended> {
        match catch_unwind(AssertUnwindSafe(|| self.call_all())) {
            Ok(ended) => ended,
            Err(_) if self.process.is_dead() => {
                self.process = Process::on(&self.cluster);
                self.bus = bus(&self.process, &self.clock);
                Err(Ended::Failed)
            }
            Err(failed) => resume_unwind(failed),
        }
    }

    fn call_all(&self) -> Result<(), Ended> {
        let authenticated = self.bus.authenticate(&self.caller())?;
        if authenticated.do_not_replicate {
            return Err(Ended::AskedToWait);
        }
        let columns = self.tables.keys().map(|table| columns(table)).collect();
        let positions = self.bus.table_schema(&self.caller(), columns)?;
        for (table, lsn) in &positions {
            self.check_answer(table, *lsn);
        }
        for (table, lsn) in positions {
            if lsn == -1 {
                self.bus.wipe(&self.caller(), &table)?;
            }
            self.push(&table, lsn)?;
        }
        self.bus.completed(&self.caller(), &[])?;
        Ok(())
    }

    fn push(&self, table: &str, lsn: i64) -> Result<(), Ended> {
        let mut changes: Vec<(i32, Option<String>)> = Vec::new();
        for (id, (text, version)) in &self.tables[table] {
            // A load has no deleted rows.
            if *version > lsn && (lsn != -1 || text.is_some()) {
                changes.push((*id, text.clone()));
            }
        }
        let calls: Vec<_> = changes.chunks(ROWS).collect();
        for (number, rows) in calls.iter().enumerate() {
            let is_last = number + 1 == calls.len();
            let lsn = if is_last { Lsn::new(self.version) } else { None };
            self.bus.row_data(&self.caller(), &[batch(table, rows, lsn)])?;
            self.check_acknowledged(table, rows);
        }
        Ok(())
    }

    /// Success was told: the rows are there.
    fn check_acknowledged(&self, table: &str, rows: &[(i32, Option<String>)]) {
        let topic = self.table(table);
        for (id, text) in rows {
            assert_eq!(topic.get(id), text.as_ref(), "acknowledged, {table} {id}");
        }
    }

    /// Every row whose last change is not after the position is there.
    fn check_answer(&self, table: &str, lsn: i64) {
        let topic = self.table(table);
        for (id, (text, version)) in &self.tables[table] {
            if *version <= lsn {
                assert_eq!(topic.get(id), text.as_ref(), "position {lsn} answered, {table} {id}");
            }
        }
    }

    /// Every topic is its table, and none is left of tables that are gone.
    pub(super) fn assert_mirrored(&self, every_table: &[&str]) {
        for table in every_table {
            let mut source = BTreeMap::new();
            for (id, (text, _)) in self.tables.get(*table).into_iter().flatten() {
                if let Some(text) = text {
                    source.insert(*id, text.clone());
                }
            }
            assert_eq!(self.table(table), source, "table {table}");
        }
    }

    /// The table's topic, keys and texts taken out of their records: 5 bytes of schema id; an int; an optional text.
    fn table(&self, table: &str) -> BTreeMap<i32, String> {
        let rows = self.cluster.upsert(&format!("crm.Cust1.{table}"));
        let mut read = BTreeMap::new();
        for (key, value) in rows {
            let text = value[8..].to_vec();
            read.insert(i32::from(key[5]) / 2, String::from_utf8(text).unwrap());
        }
        read
    }

    fn caller(&self) -> Caller {
        let token_time = self.clock.0.fetch_add(1, Ordering::Relaxed) + 1;
        Caller {
            tenant: Tenant::new("Cust1").unwrap(),
            mark: CallMark { token_time, digest: token_time.to_string() },
            deadline: Deadline::start(Duration::from_secs(45)),
            positions_end: None,
        }
    }
}

fn bus(process: &Arc<Process>, clock: &Arc<Ticks>) -> Bus {
    let settings = BusSettings {
        prefix: Prefix::new("crm").unwrap(),
        bootstrap_servers: String::new(),
        properties: BTreeMap::new(),
        partitions: 1,
        replication_factor: 1,
        min_insync_replicas: 1,
        max_record_bytes: 1000,
        delete_retention: Duration::from_secs(60),
        ignore_tables: Default::default(),
        key_columns: BTreeMap::new(),
        on_wipe: Default::default(),
    };
    Bus::on(settings, process.clone(), process.clone(), process.clone(), clock.clone())
}

fn columns(table: &str) -> TableColumns {
    let column = |name: &str, sql_type: &str, kind| Column {
        name: name.to_owned(),
        sql_type: sql_type.to_owned(),
        kind,
        nullable: kind == ColumnType::Text,
        default: String::new(),
    };
    let columns = vec![column("id", "int", ColumnType::Int), column("name", "nvarchar(9)", ColumnType::Text)];
    TableColumns { table: table.to_owned(), columns }
}

fn batch<'r>(table: &str, rows: &'r [(i32, Option<String>)], lsn: Option<Lsn>) -> Batch<'r> {
    let (mut operations, mut values) = (Vec::new(), Vec::new());
    for (id, text) in rows {
        operations.push(if text.is_some() { Operation::Update } else { Operation::Delete });
        let text = text.as_deref().map_or(Value::Null, |text| Value::Text(text.into()));
        values.extend([Value::Int(*id), text]);
    }
    Batch { table: columns(table), lsn, operations, values, cut_values: 0, discarded_rows: 0 }
}
