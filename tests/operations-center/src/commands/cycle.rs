//! `operations-center cycle`

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use operations_center::application::Application;
use operations_center::caller::Caller;
use operations_center::client::Client;
use operations_center::clock::SystemClock;
use operations_center::cycle::{Cycle, DEFAULT_BATCH_BYTES, Options, Readiness, Report};
use operations_center::tenant::Tenant;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The folder that `application new` made.
    #[arg(long)]
    application: PathBuf,
    /// The tenant's file.
    #[arg(long)]
    tenant: PathBuf,
    /// The receiver's Mirroring URL, such as http://127.0.0.1:8080/MirroringClientService.svc
    #[arg(long)]
    url: String,
    /// About how many bytes of rows one call carries.
    #[arg(long, default_value_t = DEFAULT_BATCH_BYTES)]
    batch_bytes: usize,
    /// Lets small tables share a RowData call.
    #[arg(long)]
    combine: bool,
    /// Writes calls indented, as samples are; real calls are in one line.
    #[arg(long)]
    pretty: bool,
    /// How long one call may take.
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..))]
    timeout_seconds: u64,
}

pub(crate) fn run(arguments: &Arguments, out: &mut impl Write) -> anyhow::Result<()> {
    let folder = &arguments.application;
    let application = Application::load(folder).with_context(|| {
        format!("no application in {}, make one with 'operations-center application new'", folder.display())
    })?;
    let tenant = Tenant::open(&arguments.tenant)?;
    let client = Client::with_timeout(&arguments.url, Duration::from_secs(arguments.timeout_seconds));
    let (batch_bytes, combine, pretty) = (arguments.batch_bytes, arguments.combine, arguments.pretty);
    let options = Options { batch_bytes, combine, pretty };
    let caller = Caller::new(&client, &application, &tenant, &SystemClock);
    let started = Instant::now();
    let mut cycle = Cycle::with_options(caller, options);
    if cycle.authenticate()? == Readiness::NotNow {
        writeln!(out, "{}: the receiver asks not to be replicated to now, nothing was sent", tenant.name())?;
        return Ok(());
    }
    writeln!(out, "{}: authenticated by {}", tenant.name(), client.url())?;
    let positions = cycle.table_schema()?;
    writeln!(out, "{} tables announced", positions.len())?;
    writeln!(
        out,
        "{:<24} {:>9} {:>9} {:>9} {:>7} {:>12}",
        "table", "inserts", "updates", "deletes", "calls", "bytes"
    )?;
    for (table, lsn) in positions {
        cycle.send_table(&table, lsn)?;
        line(out, &table, &cycle.report())?;
    }
    cycle.complete()?;
    let report = cycle.report();
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

/// Tables without anything to tell are left out.
fn line(out: &mut impl Write, table: &str, report: &Report) -> std::io::Result<()> {
    let Some(sent) = report.tables.get(table).filter(|sent| sent.wiped || sent.rows() > 0) else {
        return Ok(());
    };
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
