//! `operations-center tenant work`

use std::io::Write;
use std::time::Duration;

use clap::Args;
use operations_center::activity::{Activity, Rates, Work};
use operations_center::center::Center;
use operations_center::clock::Clock;
use operations_center::tenant::Tenant;

use crate::commands::output::moment;
use crate::commands::values::{self, ms};

const SECOND_MS: i64 = 1000;
const MINUTE_MS: i64 = 60 * SECOND_MS;

/// Lets users work on a tenant until it is stopped with Ctrl-C, and says every minute what they did.
///
/// Most of the work is in appointments and documents. References stay whole: new rows name rows that exist, and
/// what others name is not deleted. Now and then two contacts are merged, many rows are imported, or an upgrade touches
/// every row of a table. Whatever moment it is stopped at, each transaction is there whole or not at all.
///
/// Example: operations-center tenant work Cust10001 --per-minute 30 --for 10m
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The tenant's name.
    tenant: String,
    /// Rows inserted, updated and deleted in a minute; fractions are allowed.
    #[arg(long, value_name = "CHANGES", value_parser = values::rate)]
    per_minute: f64,
    /// Merges of two contacts in an hour; if not given, one for every 1000 changes.
    #[arg(long, value_name = "NUMBER", value_parser = values::rate)]
    merges_per_hour: Option<f64>,
    /// Bursts in an hour, which are imports or upgrades; if not given, one for every 20000 changes.
    #[arg(long, value_name = "NUMBER", value_parser = values::rate)]
    bursts_per_hour: Option<f64>,
    /// Rows of an import.
    #[arg(long, value_name = "ROWS", default_value_t = 2000)]
    burst_rows: u64,
    /// How long, such as 90s, 10m or 2h; until it is stopped if not given.
    #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration)]
    length: Option<Duration>,
    /// The same seed makes the same changes in the same data in the same minutes; if not given, the tenant's version
    /// is taken.
    #[arg(long)]
    seed: Option<u64>,
}

pub(crate) fn run(
    arguments: &Arguments,
    center: &Center,
    clock: &dyn Clock,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let tenant = center.tenant(&arguments.tenant)?;
    let rates = rates(arguments);
    let seed = match arguments.seed {
        Some(seed) => seed,
        None => tenant.version()?.unsigned_abs(),
    };
    let began_ms = clock.now_ms();
    let end_ms = arguments.length.map_or(i64::MAX, |length| began_ms.saturating_add(ms(length)));
    let mut activity = Activity::new(rates, seed, began_ms);
    let mut minute_ms = began_ms;
    while minute_ms < end_ms {
        let until_ms = minute_ms.saturating_add(MINUTE_MS).min(end_ms);
        let work = work_until(&mut activity, &tenant, clock, until_ms)?;
        writeln!(out, "{}", line(until_ms, &work, tenant.version()?))?;
        out.flush()?;
        minute_ms = until_ms;
    }
    Ok(())
}

fn rates(arguments: &Arguments) -> Rates {
    let Arguments { per_minute, merges_per_hour, bursts_per_hour, burst_rows, .. } = arguments;
    let usual = Rates::per_minute(*per_minute);
    Rates {
        merges: merges_per_hour.map_or(usual.merges, |rate| rate / 60.0),
        bursts: bursts_per_hour.map_or(usual.bursts, |rate| rate / 60.0),
        burst_rows: *burst_rows,
        ..usual
    }
}

/// Works second by second, so that changes are made about when they are due.
fn work_until(
    activity: &mut Activity,
    tenant: &Tenant,
    clock: &dyn Clock,
    until_ms: i64,
) -> anyhow::Result<Work> {
    let mut work = Work::default();
    let mut now_ms = clock.now_ms();
    while now_ms < until_ms {
        clock.wait_until_ms(now_ms.saturating_add(SECOND_MS).min(until_ms));
        now_ms = clock.now_ms();
        work.add(activity.step(tenant, now_ms.min(until_ms))?);
    }
    // Where the machine was too slow the minute is over before it began.
    work.add(activity.step(tenant, until_ms)?);
    Ok(work)
}

fn line(at_ms: i64, work: &Work, version: i64) -> String {
    let changed = work.changed();
    format!(
        "{}  {} inserts, {} updates, {} deletes in {} tables; {} merges, {} bursts; version {version}",
        moment(at_ms),
        changed.inserts,
        changed.updates,
        changed.deletes,
        work.tables.len(),
        work.merges,
        work.bursts
    )
}
