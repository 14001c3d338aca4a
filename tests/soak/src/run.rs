//! The run: simulated days as fast as their cycles go, one more cycle of everybody, and then the comparison.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, bail, ensure};
use operations_center::clock::{Clock, SystemClock};
use operations_center::cycle;
use operations_center::schedule::{
    Ended, Event, MirroringTask, Options, Outcome, ScheduleClock, Scheduler, Speed,
};
use operations_center::tenant::Tenant;

use crate::Settings;
use crate::course::{Course, DAY_MS, HOUR_MS, MINUTE_MS};
use crate::office::Office;
use crate::report::{Cycles, Report};
use crate::stage::{MIRRORED, SOAK, Stage};
use crate::tenants;
use crate::verify::Verdict;
use crate::watch::Sample;

/// The bridge is looked at so often.
const LOOK_MS: i64 = HOUR_MS;
/// In less nothing is done to the tenants but ordinary work, and there is hardly time to grow in.
const LEAST_DAYS: f64 = 0.25;

/// Nobody wants these after a run that went well.
const BULKY: [&str; 3] = ["services", "tenants", "mirror"];

/// Runs it all, and says whether everything was as it should be.
pub(crate) fn run(settings: &Settings) -> anyhow::Result<bool> {
    ensure!(settings.days >= LEAST_DAYS, "--days must be {LEAST_DAYS} or more");
    let seed = settings.seed.unwrap_or_else(rand::random);
    println!("soak: {} tenants, {} days, seed {seed}", settings.tenants, settings.days);
    let folder = &settings.folder;
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let folder = &folder.canonicalize()?;
    let result = in_folder(settings, seed, folder);
    if matches!(result, Ok(true)) {
        for part in BULKY {
            fs::remove_dir_all(folder.join(part)).with_context(|| format!("cannot remove {part}"))?;
        }
        println!("soak: all is well, see report.json in {}", folder.display());
    } else {
        println!(
            "soak: NOT as it should be, everything is kept in {}; again with SEED={seed}",
            folder.display()
        );
    }
    result
}

fn in_folder(settings: &Settings, seed: u64, folder: &Path) -> anyhow::Result<bool> {
    let mut stage = Stage::set(folder)?;
    let began = Instant::now();
    tenants::make(folder, settings.tenants, seed)?;
    println!("soak: {} tenants made in {:.1} s", settings.tenants, began.elapsed().as_secs_f64());
    let days = Days::of(settings)?;
    let courses = days.courses(settings, seed);
    let mut report = days.live(settings, seed, &mut stage, folder, courses.clone())?;
    let began = Instant::now();
    report.verdict = verify(&courses, &stage, folder)?;
    println!("soak: compared in {:.1} s", began.elapsed().as_secs_f64());
    report.write(folder)?;
    print!("{report}");
    Ok(report.is_good())
}

/// The simulated days.
struct Days {
    begin_ms: i64,
    end_ms: i64,
}

impl Days {
    /// From the last midnight on: the schedule's clock and the real one then show much the same.
    fn of(settings: &Settings) -> anyhow::Result<Self> {
        let now_ms = SystemClock.now_ms();
        let begin_ms = now_ms - now_ms.rem_euclid(DAY_MS);
        let minutes = (settings.days * 24.0 * 60.0).round();
        ensure!(minutes < 1e6, "--days must be less");
        Ok(Self { begin_ms, end_ms: begin_ms + minutes as i64 * MINUTE_MS })
    }

    fn courses(&self, settings: &Settings, seed: u64) -> Vec<Course> {
        let numbers = 0..settings.tenants;
        numbers.map(|number| Course::new(seed, number, self.begin_ms, self.end_ms)).collect()
    }

    /// Lives through them, and then lets everybody have one more cycle in which nothing is new.
    fn live(
        &self,
        settings: &Settings,
        seed: u64,
        stage: &mut Stage,
        folder: &Path,
        courses: Vec<Course>,
    ) -> anyhow::Result<Report> {
        let counted = Mutex::new(Cycles::default());
        let samples = Mutex::new(Vec::<Sample>::new());
        let began = Instant::now();
        let (process, metrics) = (stage.bridge.process.clone(), stage.bridge.metrics());
        let mut next_ms = self.begin_ms;
        let look = |now_ms: i64| {
            if now_ms < next_ms {
                return Ok(());
            }
            next_ms = now_ms + LOOK_MS;
            let hour = (now_ms - self.begin_ms) as f64 / HOUR_MS as f64;
            let sample = Sample::take(&process, &metrics, hour)?;
            tell(&sample, &lock(&counted), began);
            lock(&samples).push(sample);
            Ok(())
        };
        let clock = clock_at(self.begin_ms);
        let office = Office::new(stage, folder, courses, seed, clock.clone(), look)?;
        schedule(settings, &office, &counted, &clock, self.end_ms)?;
        office.close();
        // At noon, which is no night.
        let noon_ms = self.end_ms - self.end_ms.rem_euclid(DAY_MS) + DAY_MS + DAY_MS / 2;
        schedule(settings, &office, &counted, &clock_at(noon_ms), noon_ms + MINUTE_MS)?;
        let done = office.done();
        drop(office);
        let seconds = began.elapsed().as_secs_f64();
        stage.check()?;
        let hours = (self.end_ms - self.begin_ms) as f64 / HOUR_MS as f64;
        let mut samples = std::mem::take(&mut *lock(&samples));
        let last = Sample::take(&process, &metrics, hours)?;
        let cycles = lock(&counted).clone();
        tell(&last, &cycles, began);
        let first = samples.get(1).context("the first hour was not looked at")?;
        let grown = last.grown_since(first);
        samples.push(last);
        let (tenants, days) = (settings.tenants, settings.days);
        Ok(Report { seed, tenants, days, seconds, cycles, done, samples, grown, verdict: Verdict::default() })
    }
}

/// A clock of the schedule that waits for nothing but cycles.
fn clock_at(begin_ms: i64) -> Arc<ScheduleClock> {
    Arc::new(ScheduleClock::new(Speed::Max, begin_ms, Arc::new(SystemClock)))
}

/// Runs the schedule until its clock shows a moment.
fn schedule(
    settings: &Settings,
    office: &Office<'_>,
    counted: &Mutex<Cycles>,
    clock: &Arc<ScheduleClock>,
    end_ms: i64,
) -> anyhow::Result<()> {
    let options = cycle::Options { combine: true, ..cycle::Options::default() };
    let task = MirroringTask::new(clock)
        .with_options(options)
        .between(|passed| office.work(passed).map_err(Into::into));
    let options = Options { workers: settings.workers, ..Options::default() };
    let scheduler = Scheduler::new(office, &task, clock, options);
    let stopper = scheduler.stopper();
    let mut failed = None;
    let summary = scheduler.run_until(Some(end_ms), |event| match event {
        Event::Ended(ended) => {
            office.note(ended);
            count(&mut lock(counted), ended);
        }
        Event::RegisterFailed(error) => {
            failed.get_or_insert_with(|| chain(error));
            stopper.stop();
        }
    });
    lock(counted).late += summary.late;
    match failed {
        Some(failed) => bail!("{failed}"),
        None => Ok(()),
    }
}

fn count(cycles: &mut Cycles, ended: &Ended) {
    cycles.calls += ended.counts.calls;
    cycles.rows += ended.counts.rows;
    match &ended.outcome {
        Outcome::Completed => cycles.completed += 1,
        Outcome::Skipped => cycles.skipped += 1,
        Outcome::Stopped => {}
        Outcome::Failed(failure) => {
            cycles.failed += 1;
            let count = cycles.reasons.entry(failure.reason.clone()).or_default();
            *count += 1;
            if *count == 1 {
                println!("soak: tenant {}: {}", ended.assignment.tenant, failure.reason);
            }
        }
    }
}

fn tell(sample: &Sample, cycles: &Cycles, began: Instant) {
    let minutes = (sample.hour * 60.0).round() as u64;
    let (ended, seconds) = (cycles.completed + cycles.skipped + cycles.failed, began.elapsed().as_secs_f64());
    println!(
        "soak: day {} {:02}:{:02}  {ended} cycles ({} failed), {:.1} a second; {:.0} MiB, {} threads, {:.0} files",
        minutes / (24 * 60) + 1,
        minutes / 60 % 24,
        minutes % 60,
        cycles.failed,
        ended as f64 / seconds,
        sample.resident_mb,
        sample.all_threads(),
        sample.files
    );
}

fn verify(courses: &[Course], stage: &Stage, folder: &Path) -> anyhow::Result<Verdict> {
    let open = |is_wanted: fn(&Course) -> bool| {
        let wanted = (0..).zip(courses).filter(move |(_, course)| is_wanted(course));
        let files = wanted.map(|(number, _)| tenants::file(folder, &tenants::name(number)));
        files.map(|file| Tenant::open(&file)).collect::<Result<Vec<_>, _>>()
    };
    let (all, mirrored) = (open(|_| true)?, open(|course| course.is_mirrored)?);
    let mut verdict = Verdict::default();
    verdict.topics(&stage.kafka, &stage.registry, SOAK, &all)?;
    verdict.topics(&stage.kafka, &stage.registry, MIRRORED, &mirrored)?;
    verdict.files(&stage.mirror_folder, &mirrored)?;
    Ok(verdict)
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
