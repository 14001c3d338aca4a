//! `operations-center tenant change`

use std::io::Write;

use clap::Args;
use operations_center::activity::{self, Amount, Work};
use operations_center::center::Center;
use operations_center::clock::{Clock, SystemClock};
use operations_center::tenant::Tenant;

/// Changes rows now: anything anywhere, or what is rare in ordinary work and hard for a mirror.
///
/// Without --merges, --burst and --upgrade, random rows of random tables are inserted, updated and deleted in one
/// transaction, whatever may name them. See 'tenant work' for users who know what they do.
///
/// Example: operations-center tenant change Cust10001 --updates 500
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The tenant's name.
    tenant: String,
    /// Rows to insert.
    #[arg(long, default_value_t = 20)]
    inserts: u64,
    /// Rows to update.
    #[arg(long, default_value_t = 50)]
    updates: u64,
    /// Rows to delete.
    #[arg(long, default_value_t = 10)]
    deletes: u64,
    /// So many times merges a contact into another: all that names it is moved and it is deleted, in one transaction.
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["inserts", "updates", "deletes"])]
    merges: Option<u64>,
    /// Imports so many contacts and persons in one transaction.
    #[arg(long, value_name = "ROWS", conflicts_with_all = ["inserts", "updates", "deletes"])]
    burst: Option<u64>,
    /// Updates every row of a table in one transaction, as an upgrade does.
    #[arg(long, value_name = "TABLE", conflicts_with_all = ["inserts", "updates", "deletes"])]
    upgrade: Option<String>,
    /// The same seed makes the same changes in the same data; if not given, the tenant's version is taken.
    #[arg(long)]
    seed: Option<u64>,
}

pub(super) fn run(arguments: &Arguments, center: &Center, out: &mut impl Write) -> anyhow::Result<()> {
    let tenant = center.tenant(&arguments.tenant)?;
    let seed = match arguments.seed {
        Some(seed) => seed,
        None => tenant.version()?.unsigned_abs(),
    };
    let work = change(arguments, &tenant, seed)?;
    writeln!(out, "{:<24} {:>9} {:>9} {:>9}", "table", "inserts", "updates", "deletes")?;
    for (table, changed) in &work.tables {
        writeln!(out, "{table:<24} {:>9} {:>9} {:>9}", changed.inserts, changed.updates, changed.deletes)?;
    }
    writeln!(out, "{} is now at version {}", tenant.name(), tenant.version()?)?;
    Ok(())
}

fn change(arguments: &Arguments, tenant: &Tenant, seed: u64) -> anyhow::Result<Work> {
    let Arguments { inserts, updates, deletes, merges, burst, upgrade, .. } = arguments;
    let now_ms = SystemClock.now_ms();
    let mut work = Work::default();
    for number in 0..merges.unwrap_or(0) {
        work.add(activity::merge(tenant, now_ms, seed.wrapping_add(number))?);
    }
    if let Some(rows) = burst {
        work.add(activity::import(tenant, *rows, now_ms, seed)?);
    }
    if let Some(table) = upgrade {
        work.add(activity::upgrade(tenant, Some(table), now_ms, seed)?);
    }
    if merges.is_none() && burst.is_none() && upgrade.is_none() {
        let amount = Amount { inserts: *inserts, updates: *updates, deletes: *deletes };
        work.add(activity::random(tenant, amount, seed)?);
    }
    Ok(work)
}
