//! `operations-center cycle`

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::Args;
use operations_center::application::{Application, MirroringUrl};
use operations_center::caller::Caller;
use operations_center::center::Center;
use operations_center::client::Client;
use operations_center::clock::SystemClock;
use operations_center::cycle::{Cycle, Options, Readiness, TableReport};
use operations_center::fault::Faulty;
use operations_center::tenant::Tenant;

use super::fault;

/// Runs one mirroring cycle now, of one tenant and application.
///
/// A cycle is Authenticate, TableSchema, Wipe and RowData where they are due, and ReplicationCompleted. The tenant must
/// have approved the application and must not be in maintenance. The first failure ends the cycle; the next one goes
/// on from the positions that the receiver answers.
///
/// Example: operations-center cycle Nord Cust10001 --url http://127.0.0.1:8080/MirroringClientService.svc
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The application's id or name.
    application: String,
    /// The tenant's name.
    tenant: String,
    /// Calls this URL instead of the application's Mirroring URL, even while its mirroring is off.
    #[arg(long)]
    url: Option<MirroringUrl>,
    /// About how many bytes of rows one call carries, instead of the tenant's `BatchSize` (by default 1000000).
    #[arg(long)]
    batch_bytes: Option<usize>,
    /// Gives every table RowData calls of its own, instead of letting small tables share one.
    #[arg(long)]
    separate: bool,
    /// Writes calls indented, as samples are; real calls are in one line.
    #[arg(long)]
    pretty: bool,
    /// How long one call may take.
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..))]
    timeout_seconds: u64,
    #[command(flatten)]
    faults: fault::Arguments,
}

pub(crate) fn run(arguments: &Arguments, center: &Center, out: &mut impl Write) -> anyhow::Result<()> {
    let application = center.application(&arguments.application)?;
    let tenant = center.tenant(&arguments.tenant)?;
    check_allowed(center, &application, &tenant)?;
    let _alone = tenant.lock_for_task()?;
    let url = url(&application, arguments.url.as_ref())?;
    let client = Client::with_timeout(url.as_str(), Duration::from_secs(arguments.timeout_seconds));
    let Arguments { batch_bytes, separate, pretty, .. } = *arguments;
    let options = Options { batch_bytes, combine: !separate, pretty };
    let faulty = Faulty::new(&client, arguments.faults.script()?);
    let caller = Caller::new(&faulty, &application, &tenant, &SystemClock);
    let ended = whole(Cycle::with_options(caller, options), client.url(), tenant.name(), out);
    fault::report(&faulty, ended, out)
}

/// The cycle's steps, each of them printed.
fn whole(mut cycle: Cycle<'_>, url: &str, tenant: &str, out: &mut impl Write) -> anyhow::Result<()> {
    let started = Instant::now();
    if cycle.authenticate()? == Readiness::NotNow {
        writeln!(out, "{tenant}: the receiver asks not to be replicated to now, nothing was sent")?;
        return Ok(());
    }
    writeln!(out, "{tenant}: authenticated by {url}")?;
    let positions = cycle.table_schema()?;
    writeln!(out, "{} tables announced", positions.len())?;
    cycle.send_all(&positions)?;
    cycle.complete()?;
    let report = cycle.report();
    writeln!(
        out,
        "{:<24} {:>9} {:>9} {:>9} {:>7} {:>12}",
        "table", "inserts", "updates", "deletes", "calls", "bytes"
    )?;
    report.tables.iter().try_for_each(|(table, sent)| line(out, table, sent))?;
    writeln!(
        out,
        "completed: {} rows, {} tables begun anew, {} calls, {} bytes, {:.1} s",
        report.rows(),
        report.wiped(),
        report.calls,
        report.bytes,
        started.elapsed().as_secs_f64()
    )?;
    Ok(())
}

/// No cycle begins for a tenant that did not approve the application, nor in maintenance.
fn check_allowed(center: &Center, application: &Application, tenant: &Tenant) -> anyhow::Result<()> {
    let (id, name, tenant_name) = (&application.id, &application.details.name, tenant.name());
    let is_approved = center.approvals()?.iter().any(|approval| approval.is_of(tenant_name, id));
    ensure!(
        is_approved,
        "{tenant_name} has not approved '{name}', let it with 'operations-center tenant approve {tenant_name} {id}'"
    );
    ensure!(
        !tenant.settings()?.maintenance,
        "{tenant_name} is in maintenance, end that with 'operations-center tenant maintenance {tenant_name} off'"
    );
    Ok(())
}

/// The URL to call: the one that is given, else the application's.
pub(super) fn url<'a>(
    application: &'a Application,
    instead: Option<&'a MirroringUrl>,
) -> anyhow::Result<&'a MirroringUrl> {
    let (id, name) = (&application.id, &application.details.name);
    instead.or(application.details.mirroring.url()).with_context(|| {
        format!(
            "mirroring is off for '{name}', switch it on with 'operations-center app enable-mirroring {id} --url URL' \
             or give --url here"
        )
    })
}

/// Tables without anything to tell are left out.
fn line(out: &mut impl Write, table: &str, sent: &TableReport) -> std::io::Result<()> {
    if !sent.wiped && sent.rows() == 0 {
        return Ok(());
    }
    writeln!(
        out,
        "{table:<24} {:>9} {:>9} {:>9} {:>7} {:>12}{}",
        sent.inserts,
        sent.updates,
        sent.deletes,
        sent.calls,
        sent.bytes,
        if sent.wiped { "  begun anew" } else { "" }
    )
}
