//! `operations-center run`

mod report;

use std::fs::{File, TryLockError};
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use operations_center::activity::{Activity, Rates};
use operations_center::center::Center;
use operations_center::clock::{Clock, SystemClock};
use operations_center::journal::{Journal, format_moment};
use operations_center::mail::Mailer;
use operations_center::schedule::{
    CenterRegister, Holds, MirroringTask, Night, Options, Passed, Rules, ScheduleClock, Scheduler, Speed,
    Stopper,
};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};

use self::report::Reporter;
use super::values::{self, Zone, ms};

/// Runs the Mirroring Task on its schedule, until Ctrl-C or SIGTERM.
///
/// A cycle runs about every 20 minutes for each tenant and each application that it approved and that has mirroring
/// switched on, the first one right after the approval, and all of them when this command begins. Cycles of one tenant
/// run one after another. None starts from 01:30 to 03:00, nor for a tenant in maintenance; one that runs when the
/// night or the maintenance begins goes on to its end. A cycle that failed waits for its next turn.
///
/// Applications, tenants, approvals and maintenance can be changed with the other commands while this one runs.
///
/// Every cycle is printed, and written to `journal/` in the folder, see 'operations-center log'. Failures are mailed to
/// the application's technical contact, one mail a day for each kind of failure, and one when a cycle completes again:
/// as files in `mail/`, or over SMTP.
///
/// Stopped, it starts nothing more and ends each running cycle after its present call. Stopped again, it ends at once.
///
/// Example: operations-center run --speed max --for 1d --per-minute 5
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// How fast the schedule's clock runs: 1 is real time, at 60 an hour takes a minute, and max goes on to the next
    /// cycle as soon as none runs. Tokens always keep real time.
    #[arg(long, default_value = "1")]
    speed: Speed,
    /// Ends after so much time of the schedule's clock, as in 90m, 7d or '1d 12h'; running cycles are waited for.
    #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration)]
    length: Option<Duration>,
    /// How many tenants are mirrored at once.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1000))]
    workers: u16,
    /// How many rows the users of each tenant insert, update or delete per minute of the schedule's clock. The work
    /// of the time between two cycles is done before the second.
    #[arg(long, default_value_t = 0.0, value_name = "ROWS", value_parser = values::rate)]
    per_minute: f64,
    /// The same seed makes the users do the same, and holds tenants at the same times.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The zone in which the night is 01:30-03:00, without summer time. Everything is printed in UTC.
    #[arg(long, default_value = "+00:00", value_name = "+HH:MM", allow_hyphen_values = true)]
    zone: Zone,
    /// Lets other tasks hold every tenant for at most so long at random times, so that cycles are late.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    hold: Option<Duration>,
    /// How often another task holds each tenant.
    #[arg(long, default_value = "2h", value_name = "TIME", value_parser = humantime::parse_duration, requires = "hold")]
    hold_every: Duration,
    /// Sends mails over this server, such as smtp://localhost:25, without TLS. What it does not take goes to `mail/`.
    #[arg(long, value_name = "URL")]
    smtp: Option<String>,
    /// How long one call may take.
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..))]
    timeout_seconds: u64,
}

pub(crate) fn run(arguments: &Arguments, center: &Center, out: &mut impl Write) -> anyhow::Result<()> {
    let _alone = only_one(center)?;
    let mut mailer = Mailer::to_folder(&center.folder().join("mail"));
    if let Some(url) = &arguments.smtp {
        mailer = mailer.over_smtp(url)?;
    }
    let begin_ms = SystemClock.now_ms();
    let clock = Arc::new(ScheduleClock::new(arguments.speed, begin_ms, Arc::new(SystemClock)));
    let (rates, seed) = (Rates::per_minute(arguments.per_minute), arguments.seed);
    let task = MirroringTask::new(&clock)
        .with_timeout(Duration::from_secs(arguments.timeout_seconds))
        .between(|passed| Ok(work(passed, rates, seed)?));
    let register = CenterRegister::new(center.clone());
    let scheduler = Scheduler::new(&register, &task, &clock, arguments.options());
    let signals = stop_at_signals(scheduler.stopper())?;
    let until = arguments.length.map(|length| begin_ms.saturating_add(ms(length)));
    announce(arguments, begin_ms, until, center, out)?;
    let journal = Journal::new(&center.folder().join("journal"));
    let mut reporter = Reporter::new(out, journal, mailer, scheduler.stopper());
    let summary = scheduler.run_until(until, |event| reporter.report(&event));
    signals.close();
    reporter.finish(&summary)
}

/// Two schedules in one folder would mirror everything twice. The lock is held until it is dropped.
fn only_one(center: &Center) -> anyhow::Result<File> {
    let path = center.folder().join(".run.lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.with_context(|| format!("cannot open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!(
            "another 'operations-center run' is at work in {}, stop it first",
            center.folder().display()
        ),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}

impl Arguments {
    fn options(&self) -> Options {
        let holds = self.hold.map(|longest| Holds::new(ms(self.hold_every), ms(longest), self.seed));
        let rules = Rules { night: Night::in_zone(self.zone.minutes()), holds };
        Options { workers: usize::from(self.workers), rules }
    }
}

/// What the users of a tenant did in the time that passed.
fn work(passed: Passed<'_>, rates: Rates, seed: u64) -> Result<(), operations_center::tenant::TenantError> {
    // Other users in every tenant.
    let own = passed
        .tenant
        .name()
        .bytes()
        .fold(seed, |hash, byte| hash.wrapping_mul(1_099_511_628_211).wrapping_add(u64::from(byte)));
    Activity::new(rates, own, passed.since_ms).step(passed.tenant, passed.now_ms).map(|_| ())
}

/// The first Ctrl-C or SIGTERM stops the schedule, the second ends the program.
fn stop_at_signals(stopper: Stopper) -> anyhow::Result<Handle> {
    let mut signals = Signals::new([SIGINT, SIGTERM]).context("cannot wait for signals")?;
    let handle = signals.handle();
    std::thread::spawn(move || {
        for (number, _) in signals.forever().enumerate() {
            match number {
                0 => stopper.stop(),
                _ => std::process::exit(1),
            }
        }
    });
    Ok(handle)
}

fn announce(
    arguments: &Arguments,
    begin_ms: i64,
    until: Option<i64>,
    center: &Center,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let until = until.map(|ms| format!(" until {}", format_moment(ms))).unwrap_or_default();
    writeln!(out, "the schedule runs from {}{until}, speed {}", format_moment(begin_ms), arguments.speed)?;
    if center.approvals()?.is_empty() {
        writeln!(
            out,
            "no tenant has approved an application yet, let one with 'operations-center tenant approve'"
        )?;
    }
    Ok(())
}
