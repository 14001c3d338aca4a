//! A tenant of the vendor's shape, the vendor's own cycle, and both ways to look at the result.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use demo::comparison::Comparison;
use demo::mirrored::{InPostgres, Mirrored, in_sqlite};
use mirror_sqlite::{Running, Settings};
use mirrorbus_librdkafka::Isolation;
use mirrorbus_schemas::checksum::TableChecksum;
use mirrorbus_schemas::topic::{Prefix, Tenant as TenantName};
use operations_center::activity::{self, Amount};
use operations_center::caller::Caller;
use operations_center::client::Client;
use operations_center::clock::SystemClock;
use operations_center::crm;
use operations_center::cycle::{Cycle, CycleError, Options, Report};
use operations_center::tenant::Tenant;

use super::bridge::Bridge;
use super::postgres::Database;
use super::topic::wait_until;
use super::world::{World, application};

const LAG: Duration = Duration::from_secs(60);

/// A sample tenant, and two mirrors of it that run in this process: one in SQLite, one in PostgreSQL.
pub struct Crm {
    pub tenant: Tenant,
    mirrors: Vec<Running>,
    settings: Settings,
    folder: std::path::PathBuf,
    database: Database,
}

impl Crm {
    pub fn new(world: &World, size: u64) -> Self {
        let tenant = crm::create(&world.folder().join(format!("{}.db", world.tenant)), size, 7).unwrap();
        let prefix = Prefix::new(&world.prefix).unwrap();
        let settings = Settings::new(&world.cluster.kafka, &world.cluster.registry, prefix);
        let folder = world.folder().join("mirror");
        let mut crm = Self { tenant, mirrors: Vec::new(), settings, folder, database: Database::new() };
        crm.start_mirrors();
        crm
    }

    pub fn work(&self, seed: u64) {
        let amount = Amount { inserts: 60, updates: 80, deletes: 50 };
        assert!(!activity::random(&self.tenant, amount, seed).unwrap().tables.is_empty());
    }

    pub fn try_cycle_at(&self, url: &str) -> Result<Report, CycleError> {
        let client = Client::with_timeout(url, Duration::from_secs(90));
        let caller = Caller::new(&client, application(), &self.tenant, &SystemClock);
        // Small batches: many calls to a table, several tables to a call.
        let options = Options { batch_bytes: Some(40_000), combine: true, pretty: false };
        Cycle::with_options(caller, options).run()
    }

    pub fn cycle(&self, bridge: &Bridge) -> Report {
        let report = self.try_cycle_at(&bridge.url).unwrap();
        assert!(!report.skipped);
        report
    }

    /// Every table as an upsert reader has it equals the source once old rows are swept, which may go on after their
    /// cycle; and so do the mirrors soon after.
    pub fn assert_equal(&self, world: &World) {
        for table in self.tenant.tables().unwrap() {
            let source: TableChecksum = self.tenant.checksum(&table.name).unwrap();
            let topic = world.topic(&table.name);
            wait_until(&format!("{topic} is its source"), || world.cluster.checksum(&topic) == source);
        }
        let file = self.mirror_file(world);
        self.wait_for(world, "SQLite", &mut || in_sqlite(&file).unwrap());
        let mut postgres = InPostgres::connect(&self.database.url(), &world.tenant).unwrap();
        self.wait_for(world, "PostgreSQL", &mut || postgres.tables().unwrap());
    }

    fn wait_for(&self, world: &World, what: &str, read: &mut dyn FnMut() -> BTreeMap<String, Mirrored>) {
        let began = Instant::now();
        loop {
            let comparison = Comparison::of(&self.tenant, read()).unwrap();
            if comparison.is_equal() {
                return;
            }
            let lag = || self.lag(world);
            assert!(began.elapsed() < LAG, "the mirror in {what} does not follow\n{comparison}\n{}", lag());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Tables that either mirror has.
    pub fn mirrored_tables(&self, world: &World) -> Vec<String> {
        let mut postgres = InPostgres::connect(&self.database.url(), &world.tenant).unwrap();
        let found = [in_sqlite(&self.mirror_file(world)).unwrap(), postgres.tables().unwrap()];
        let there = found.into_iter().flatten().filter(|(_, mirrored)| mirrored.sum.is_some());
        there.map(|(table, _)| table).collect()
    }

    /// Where the mirror stands behind the ends of its topics.
    fn lag(&self, world: &World) -> String {
        let progress = mirror_sqlite::progress(&self.mirror_file(world)).unwrap().into_iter();
        let lines = progress.map(|partition| {
            let mirror_sqlite::Progress { topic, next_offset, .. } = partition;
            let [stable, end] = [Isolation::ReadCommitted, Isolation::ReadUncommitted]
                .map(|isolation| world.cluster.end(&topic, isolation));
            format!("{topic}: next {next_offset}, stable end {stable}, end {end}\n")
        });
        lines.collect()
    }

    pub fn mirror_file(&self, world: &World) -> std::path::PathBuf {
        mirror_sqlite::tenant_path(&self.folder, &TenantName::new(&world.tenant).unwrap())
    }

    pub fn stop_mirrors(&mut self) {
        self.mirrors.drain(..).for_each(|mirror| mirror.stop().unwrap());
    }

    pub fn start_mirrors(&mut self) {
        let settings = || self.settings.clone();
        let sqlite = mirror_sqlite::spawn(settings(), &self.folder).unwrap();
        let postgres = mirror_postgres::spawn(settings(), self.database.place()).unwrap();
        self.mirrors = vec![sqlite, postgres];
    }
}

impl Drop for Crm {
    /// Before their database goes.
    fn drop(&mut self) {
        for mirror in self.mirrors.drain(..) {
            // Whatever a mirror ended with has failed the test already.
            let _ = mirror.stop();
        }
    }
}
