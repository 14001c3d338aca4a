//! The run: tenants at work while things break, then one clean cycle each, then everything is compared.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail, ensure};
use demo::comparison::Comparison;
use mirrorbus_librdkafka::Isolation;
use mirrorbus_schemas::topic::Tenant;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use reader::Decoder;

use crate::audit::{Auditor, Contradicted};
use crate::breaking::{self, Course};
use crate::check::Stage as Checked;
use crate::crm::Crm;
use crate::faults::{Kind, Schedule};
use crate::ledger::{Failed, Ledger, TABLES};
use crate::report::Report;
use crate::stage::{PREFIX, Stage};
use crate::tail::Tail;

const CRMS: [&str; 2] = ["Cust1", "Cust2"];
const LEDGERS: [&str; 2] = ["Ledger1", "Ledger2"];
/// Runs of so long have faults that take a minute.
const LONG_RUN: Duration = Duration::from_secs(10 * 60);
/// Between two looks at a run that goes on.
const LOOK: Duration = Duration::from_secs(5);
/// With nothing broken any more, a whole cycle must succeed by then.
const CLEAN: Duration = Duration::from_secs(180);
/// How long the mirror may lag behind when nothing is written any more: on a machine with thirty things to do it was a
/// minute.
const LAG: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(50);

/// What a tenant's cycles came to.
#[derive(Debug, Default)]
pub(crate) struct Cycles {
    pub(crate) completed: u64,
    /// Rows of completed cycles.
    pub(crate) rows: u64,
    /// How many ended early, by what ended them.
    pub(crate) failed: BTreeMap<String, u64>,
    /// How many it took until one succeeded after the last fault.
    pub(crate) until_clean: u64,
}

/// Runs for `time` from a seed.
///
/// # Errors
/// What broke a promise, or could not be run.
pub(crate) fn run(folder: &Path, time: Duration, seed: u64) -> anyhow::Result<Report> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut stage = Stage::set(folder, random.r#gen())?;
    let committed = Tail::start(&stage.kafka, PREFIX, Isolation::ReadCommitted)?;
    let uncommitted = Tail::start(&stage.kafka, PREFIX, Isolation::ReadUncommitted)?;
    let url = stage.programs.balancer.url.clone();
    let mut crms = CRMS.map(|name| Crm::new(folder, name, &url, &stage.application, random.r#gen()));
    let mut ledgers = LEDGERS.map(|name| Ledger::new(name, &url, &stage.application, random.r#gen()));
    let schedules = [services_kinds(), program_kinds(time)]
        .map(|kinds| Schedule::new(&kinds, StdRng::seed_from_u64(random.r#gen())));
    let auditor = Auditor {
        tail: &committed,
        ledgers: ledgers.iter().map(|ledger| (ledger.tenant.clone(), ledger.history())).collect(),
        tenants: CRMS.into_iter().chain(LEDGERS).map(str::to_owned).collect(),
    };
    let mut decoder = Decoder::new(&stage.registry);
    let course = Course::default();
    if let [Ok(first), _] = &crms {
        first
            .cycle()?
            .map_err(|Failed(code)| anyhow!("the first load failed with nothing broken: {code}"))?;
        crate::tell("one tenant is loaded, the others are not; from now on things break");
    }
    let cycles = bounce(&mut stage, schedules, &mut crms, &mut ledgers, &course, time, || {
        match auditor.look(&mut decoder, Checked::Running) {
            Err(error) if error.is::<Contradicted>() => Err(error),
            // No schema is to be had while the registry is away.
            _ => Ok(()),
        }
    })?;
    crate::tell("every tenant has had a clean cycle; reading the topics to their ends");
    committed.reach_ends().context("topics cannot be read to their ends")?;
    let looked = auditor.look(&mut decoder, Checked::Over)?;
    crate::tell("nothing contradicts; comparing sources, topics and mirrors");
    let crms = crms.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    let tables = compare(&stage, &committed, &mut decoder, &crms)?;
    uncommitted.reach_ends().context("topics cannot be read to their ends")?;
    let aborted = uncommitted.log().count() - committed.log().count();
    Ok(Report { cycles, faults: course.faults(), looked, tables, aborted })
}

/// What a run of so long must have seen.
///
/// # Errors
/// What is missing.
pub(crate) fn check(report: &Report, time: Duration) -> anyhow::Result<()> {
    report.check(&[services_kinds(), program_kinds(time)].concat())
}

fn services_kinds() -> Vec<Kind> {
    Kind::OF_SERVICES.to_vec()
}

fn program_kinds(time: Duration) -> Vec<Kind> {
    let long = (time >= LONG_RUN).then_some(Kind::BridgeLongPause);
    Kind::OF_PROGRAMS.iter().copied().chain(long).collect()
}

/// Everything at once until the time is over; then the faults end, and each tenant gets a clean cycle.
fn bounce(
    stage: &mut Stage,
    schedules: [Schedule; 2],
    crms: &mut [anyhow::Result<Crm>],
    ledgers: &mut [Ledger],
    course: &Course,
    time: Duration,
    mut look: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<BTreeMap<String, Cycles>> {
    let began = Instant::now();
    let [of_services, of_programs] = schedules;
    let Stage { services, programs, .. } = stage;
    let balancer = programs.balancer.clone();
    std::thread::scope(|scope| {
        let guard = EndsCourse(course);
        let mut tenants = Vec::new();
        for (name, crm) in CRMS.into_iter().zip(crms) {
            tenants.push((name, scope.spawn(move || ending(course, || crm_at_work(crm, course)))));
        }
        for ledger in ledgers {
            let name = LEDGERS.into_iter().find(|name| *name == ledger.tenant).unwrap_or_default();
            tenants.push((name, scope.spawn(move || ending(course, || ledger_at_work(ledger, course)))));
        }
        let hands = [
            scope.spawn(|| ending(course, || breaking::services(services, &balancer, of_services, course))),
            scope.spawn(|| ending(course, || breaking::programs(programs, of_programs, course))),
        ];
        while !course.is_over() {
            std::thread::sleep(LOOK);
            look()?;
            if began.elapsed() >= time {
                break;
            }
        }
        course.is_over.store(true, Ordering::Relaxed);
        for hand in hands {
            hand.join().map_err(|_| anyhow!("a hand that breaks things panicked"))??;
        }
        crate::tell("the faults are over");
        course.is_mended.store(true, Ordering::Relaxed);
        let mut cycles = BTreeMap::new();
        for (name, tenant) in tenants {
            let done = tenant.join().map_err(|_| anyhow!("tenant {name} panicked"))?;
            cycles.insert(name.to_owned(), done.with_context(|| format!("tenant {name}"))?);
        }
        drop(guard);
        look()?;
        Ok(cycles)
    })
}

/// Ends everybody's work when this thread leaves early.
struct EndsCourse<'a>(&'a Course);

impl Drop for EndsCourse<'_> {
    fn drop(&mut self) {
        self.0.has_failed.store(true, Ordering::Relaxed);
        self.0.is_over.store(true, Ordering::Relaxed);
        self.0.is_mended.store(true, Ordering::Relaxed);
    }
}

/// A failure of one ends the work of all.
fn ending<T>(course: &Course, work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let result = work();
    if let Err(error) = &result {
        crate::tell(&format!("{error:#}"));
        course.has_failed.store(true, Ordering::Relaxed);
        course.is_over.store(true, Ordering::Relaxed);
    }
    result
}

fn crm_at_work(crm: &mut anyhow::Result<Crm>, course: &Course) -> anyhow::Result<Cycles> {
    let Ok(crm) = crm else { bail!("the tenant could not be made") };
    at_work(course, crm, |crm| crm.work(), |crm| crm.cycle())
}

fn ledger_at_work(ledger: &mut Ledger, course: &Course) -> anyhow::Result<Cycles> {
    let work = |ledger: &mut Ledger| {
        ledger.work();
        Ok(())
    };
    let cycle = |ledger: &mut Ledger| {
        let before = ledger.acknowledged_rows();
        let result = ledger.cycle(&course.acknowledged)?;
        Ok(result.map(|()| ledger.acknowledged_rows() - before))
    };
    at_work(course, ledger, work, cycle)
}

/// Work and cycles while things break; then cycles until one succeeds.
fn at_work<T>(
    course: &Course,
    tenant: &mut T,
    mut work: impl FnMut(&mut T) -> anyhow::Result<()>,
    mut cycle: impl FnMut(&mut T) -> anyhow::Result<Result<u64, Failed>>,
) -> anyhow::Result<Cycles> {
    let mut cycles = Cycles::default();
    // Until everything is mended, because the hands wait for acknowledged calls.
    while !course.is_mended() && !course.has_failed() {
        work(tenant)?;
        cycles.count(cycle(tenant)?);
    }
    let began = Instant::now();
    loop {
        cycles.until_clean += 1;
        let result = cycle(tenant)?;
        let failure = result.as_ref().err().map(|Failed(code)| code.clone());
        cycles.count(result);
        match failure {
            None => return Ok(cycles),
            Some(_) if course.has_failed() => return Ok(cycles),
            Some(code) => ensure!(began.elapsed() < CLEAN, "no cycle succeeds: {code}"),
        }
    }
}

impl Cycles {
    fn count(&mut self, result: Result<u64, Failed>) {
        match result {
            Ok(rows) => {
                self.completed += 1;
                self.rows += rows;
            }
            Err(Failed(code)) => *self.failed.entry(code).or_default() += 1,
        }
    }
}

/// Source = topic = mirror for every table of the CRM tenants, topic = mirror for the ledgers' (whose source the
/// checkers are). Gives the number of tables.
fn compare(stage: &Stage, tail: &Tail, decoder: &mut Decoder, crms: &[Crm]) -> anyhow::Result<usize> {
    let log = tail.log().clone();
    let mut count = 0;
    for (name, crm) in CRMS.into_iter().zip(crms) {
        let mirror = mirror_sqlite::tenant_path(&stage.mirror_folder, &Tenant::new(name)?);
        wait_for_mirror(name, || {
            let comparison = Comparison::of(&crm.tenant, demo::mirrored::in_sqlite(&mirror)?)?;
            Ok(if comparison.is_equal() { None } else { Some(comparison.to_string()) })
        })?;
        for table in crm.tenant.tables()? {
            let source = crm.tenant.checksum(&table.name)?;
            let topic = format!("{PREFIX}.{name}.{}", table.name);
            let topic = decoder.checksum(&topic, log.records(&topic))?;
            ensure!(topic == source, "tenant {name}: the topic of {} is not its source", table.name);
            count += 1;
        }
    }
    for name in LEDGERS {
        let mirror = mirror_sqlite::tenant_path(&stage.mirror_folder, &Tenant::new(name)?);
        for table in TABLES {
            let topic = format!("{PREFIX}.{name}.{table}");
            let topic = decoder.checksum(&topic, log.records(&topic))?;
            wait_for_mirror(name, || {
                let mirrored = mirror_sqlite::checksum(&mirror, table)?;
                Ok((mirrored != topic)
                    .then(|| format!("{table}: {topic} is in the topic, {mirrored} in the mirror")))
            })?;
            count += 1;
        }
    }
    Ok(count)
}

/// Waits until nothing differs; a mirror that was just killed has some way to go.
fn wait_for_mirror(
    tenant: &str,
    mut differs: impl FnMut() -> anyhow::Result<Option<String>>,
) -> anyhow::Result<()> {
    let began = Instant::now();
    while let Some(difference) = differs()? {
        ensure!(began.elapsed() < LAG, "tenant {tenant}: the mirror does not follow\n{difference}");
        std::thread::sleep(POLL);
    }
    Ok(())
}
