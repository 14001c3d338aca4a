//! The vendor's stand-in at work: cycle after cycle, with changes in between, and a comparison at the end.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use operations_center::activity::{self, Amount};
use operations_center::caller::Caller;
use operations_center::client::Client;
use operations_center::clock::SystemClock;
use operations_center::crm;
use operations_center::cycle::{Cycle, Report};
use operations_center::tenant::Tenant;

use crate::comparison::Comparison;
use crate::ending::Ending;
use crate::mirrored::{InPostgres, in_sqlite};
use crate::stage::{PREFIX, Stage};

const TENANT: &str = "Cust10001";
const SEED: u64 = 10_001;
/// What the tenant's users do between two cycles.
const WORK: Amount = Amount { inserts: 120, updates: 150, deletes: 110 };
/// From one cycle's end to the next: the vendor's 20 minutes are long for a demo.
const BETWEEN: Duration = Duration::from_secs(2);
/// How long the mirror may lag behind a cycle that is done.
const LAG: Duration = Duration::from_secs(60);
/// Cycles after the time is over, until something of each kind has happened to every table.
const MORE_CYCLES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(50);

/// Everything that runs, and the tenant.
pub struct Demo {
    stage: Stage,
    tenant: Tenant,
    mirror: PathBuf,
    postgres: Option<InPostgres>,
}

/// The source beside each of its mirrors.
struct Comparisons {
    sqlite: Comparison,
    postgres: Option<Comparison>,
}

impl Demo {
    /// Starts everything in `folder`, or goes on with what an earlier demo left there.
    ///
    /// # Errors
    /// When something cannot be started, with the place of its log.
    pub fn start(folder: &Path, size: u64, ending: &Ending) -> anyhow::Result<Self> {
        let stage = Stage::set(folder, ending)?;
        let file = folder.join(format!("{TENANT}.db"));
        let tenant = if file.exists() { Tenant::open(&file)? } else { make_tenant(&file, size)? };
        let mirror = stage.mirror_folder.join(format!("{TENANT}.sqlite"));
        let server = stage.postgres.as_ref();
        let postgres = server.map(|server| InPostgres::connect(&server.url, TENANT)).transpose()?;
        Ok(Self { stage, tenant, mirror, postgres })
    }

    /// Plays until the end and says whether the mirrors are the source, and everything was exercised.
    ///
    /// # Errors
    /// When a part ended, a call failed, or a mirror does not follow.
    pub fn play(mut self, ending: &Ending) -> anyhow::Result<bool> {
        let began = Instant::now();
        let mut comparisons = self.cycle(1, began)?;
        self.tell_where_to_look();
        let (mut number, mut more) = (1, 0);
        while !ending.is_over(began)
            || (!comparisons.are_exercised() && !ending.was_asked() && more < MORE_CYCLES)
        {
            if ending.is_over(began) {
                more += 1;
            }
            pause(ending, began);
            number += 1;
            activity::random(&self.tenant, WORK, SEED ^ self.tenant.version()?.unsigned_abs())?;
            comparisons = self.cycle(number, began)?;
        }
        println!("\nafter {number} cycles\n");
        comparisons.all().for_each(|(name, comparison)| show(name, comparison));
        if let Some(server) = &self.stage.postgres {
            println!("{}", server.farewell(TENANT));
        }
        self.stage.clear();
        Ok(comparisons.are_equal() && (comparisons.are_exercised() || ending.was_asked()))
    }

    /// One cycle, and the wait until the mirrors have it.
    fn cycle(&mut self, number: u32, began: Instant) -> anyhow::Result<Comparisons> {
        let client = Client::new(&self.stage.url);
        let caller = Caller::new(&client, &self.stage.application, &self.tenant, &SystemClock);
        let start = Instant::now();
        let report = Cycle::new(caller).run().with_context(|| format!("cycle {number}"))?;
        let committed = start.elapsed();
        let comparisons = self.wait_for_mirrors()?;
        let lag = start.elapsed() - committed;
        let (rows, counts) = (report.rows(), counts(&report));
        println!(
            "{:>4} s  cycle {number}: {rows} rows in {} calls committed in {:.1} s ({counts}); mirrored {:.1} s later",
            began.elapsed().as_secs(),
            report.calls,
            committed.as_secs_f64(),
            lag.as_secs_f64(),
        );
        Ok(comparisons)
    }

    fn wait_for_mirrors(&mut self) -> anyhow::Result<Comparisons> {
        let began = Instant::now();
        loop {
            self.stage.check()?;
            let comparisons = self.compare()?;
            if comparisons.are_equal() {
                return Ok(comparisons);
            }
            if began.elapsed() > LAG {
                comparisons.all().for_each(|(name, comparison)| show(name, comparison));
                anyhow::bail!("a mirror did not follow within {} s", LAG.as_secs());
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn compare(&mut self) -> anyhow::Result<Comparisons> {
        let sqlite = Comparison::of(&self.tenant, in_sqlite(&self.mirror)?)?;
        let postgres = self.postgres.as_mut().map(InPostgres::tables).transpose()?;
        let postgres = postgres.map(|tables| Comparison::of(&self.tenant, tables)).transpose()?;
        Ok(Comparisons { sqlite, postgres })
    }

    fn tell_where_to_look(&self) {
        let (kafka, registry) = self.stage.addresses();
        println!("\nlook at it, for example:");
        println!("  sqlite3 {} 'SELECT * FROM contact LIMIT 3'", self.mirror.display());
        if let Some(server) = &self.stage.postgres {
            println!("  {}", server.query(TENANT));
        }
        println!("  kcat -b {kafka} -t {PREFIX}.{TENANT}.contact -C -e -c 3 -s avro -r {registry}");
        println!("  curl {registry}/subjects");
        println!("  curl '{}?singleWsdl'\n", self.stage.url);
    }
}

impl Comparisons {
    fn all(&self) -> impl Iterator<Item = (&'static str, &Comparison)> {
        let postgres = self.postgres.as_ref().map(|postgres| ("PostgreSQL", postgres));
        [("SQLite", &self.sqlite)].into_iter().chain(postgres)
    }

    fn are_equal(&self) -> bool {
        self.all().all(|(_, comparison)| comparison.is_equal())
    }

    fn are_exercised(&self) -> bool {
        self.all().all(|(_, comparison)| comparison.is_exercised())
    }
}

/// A comparison with its verdict.
fn show(mirror: &str, comparison: &Comparison) {
    println!("{TENANT}: source and its mirror in {mirror}\n\n{comparison}");
    let verdict = if comparison.is_equal() { "equal" } else { "DIFFERENT" };
    println!("{} tables, {} rows: {verdict}\n", comparison.tables.len(), comparison.rows());
}

fn make_tenant(file: &Path, size: u64) -> anyhow::Result<Tenant> {
    println!("making the tenant {TENANT}");
    let folder = file.with_extension("draft");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let draft = folder.join(file.file_name().context("the tenant's file has no name")?);
    drop(crm::create(&draft, size, SEED)?);
    // Renamed when it is whole: an interrupted demo leaves no half tenant.
    fs::rename(&draft, file)?;
    fs::remove_dir_all(&folder)?;
    ensure!(file.exists(), "the tenant's file is not there");
    Ok(Tenant::open(file)?)
}

fn counts(report: &Report) -> String {
    let sum = |count: fn(&operations_center::cycle::TableReport) -> u64| -> u64 {
        report.tables.values().map(count).sum()
    };
    let (inserts, updates, deletes) =
        (sum(|table| table.inserts), sum(|table| table.updates), sum(|table| table.deletes));
    format!("{inserts} inserts, {updates} updates, {deletes} deletes")
}

fn pause(ending: &Ending, began: Instant) {
    let start = Instant::now();
    while start.elapsed() < BETWEEN && !ending.is_over(began) {
        std::thread::sleep(PAUSE);
    }
}
