//! `operations-center conformance`

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use operations_center::application::MirroringUrl;
use operations_center::center::Center;
use operations_center::conformance::{
    self, Checklist, DEFAULT_PATIENCE, DEFAULT_TENANT_PREFIX, Level, MirrorCommand, MirrorView, Report,
    output,
};

/// Goes through a checklist of the contract against a receiver.
///
/// Each line names a rule, where the contract says so, whether the receiver keeps to it, and what it answered: the
/// report to attach to an application for publishing. Everything is judged by the answers on the wire, in the names of
/// new tenants (Conf and eight digits), so it can be run again and again. The receiver must have the application's key
/// and signing certificate, as for any cycle.
///
/// Lines about rows must see the mirror. --mirror names a command that is given a tenant's and a table's name behind its
/// own arguments and prints each row as a JSON object in a line, as in {"id":"5","name":null}: text as it is,
/// numbers in digits, 2020-05-18 10:40:43.123, 2017-11-09, 14:52, binary in hex. It prints nothing for a table
/// that is not there. Without --mirror these lines are not observed, which fails nothing.
///
/// Exit status: 0 when no required line fails, 1 when one does, 2 when the list cannot be gone through.
///
/// Example: operations-center conformance Nord --mirror './rows.sh --as json'
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Arguments {
    /// The application that the receiver serves, by id or name.
    #[arg(required_unless_present = "list")]
    application: Option<String>,
    /// Checks this URL instead of the application's Mirroring URL, even while its mirroring is off.
    #[arg(long)]
    url: Option<MirroringUrl>,
    /// A command that prints the rows of a tenant's table; words are separated by blanks.
    #[arg(long, value_name = "COMMAND")]
    mirror: Option<String>,
    /// Checks these lines or groups of lines only, such as `token` or `rows.position`.
    #[arg(long, value_name = "LINE", value_delimiter = ',')]
    only: Vec<String>,
    /// Lists all lines and checks nothing.
    #[arg(long)]
    list: bool,
    /// The form of the report.
    #[arg(short = 'o', long = "output", value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    format: Format,
    /// Writes the report to a file; the lines are then printed as text, in whatever form the report is.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// What the names of the tenants begin with.
    #[arg(long, default_value = DEFAULT_TENANT_PREFIX)]
    tenant_prefix: String,
    /// How long one call may take.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    timeout_seconds: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// One JSON document.
    Json,
    /// JUnit XML, a test case per line.
    Junit,
}

/// The list could not be gone through, which is not the receiver's failure.
#[derive(Debug, thiserror::Error)]
#[error("the checklist cannot be gone through")]
pub(crate) struct CannotRun;

pub(crate) fn run(arguments: &Arguments, center: &Center, out: &mut impl Write) -> anyhow::Result<()> {
    if arguments.list {
        return list(out);
    }
    let report = checked(arguments, center, out).context(CannotRun)?;
    let failures = report.lines.iter().filter(|line| line.is_failure()).count();
    if failures > 0 {
        bail!("{failures} required lines fail: {}", report.failed().join(", "));
    }
    Ok(())
}

fn list(out: &mut impl Write) -> anyhow::Result<()> {
    for line in conformance::lines() {
        let level = match line.level {
            Level::Required => "",
            Level::Recommended => ", recommended",
            Level::Informative => ", informative",
        };
        let mirror = if line.needs_mirror { ", needs --mirror" } else { "" };
        writeln!(out, "{:<26} {} ({}{level}{mirror})", line.id, line.rule, line.source)?;
    }
    Ok(())
}

fn checked(arguments: &Arguments, center: &Center, out: &mut impl Write) -> anyhow::Result<Report> {
    let application = center.application(arguments.application.as_deref().unwrap_or_default())?;
    let url = super::cycle::url(&application, arguments.url.as_ref())?;
    let mirror = arguments.mirror.as_deref().map(MirrorCommand::new);
    let list = Checklist {
        url: url.as_str(),
        application: &application,
        mirror: mirror.as_ref().map(|mirror| mirror as &dyn MirrorView),
        tenant_prefix: &arguments.tenant_prefix,
        only: &arguments.only,
        timeout: Duration::from_secs(arguments.timeout_seconds),
        patience: DEFAULT_PATIENCE,
    };
    // Made before the lines are gone through: a report that cannot be kept is not worth the wait.
    let file = arguments.out.as_ref().map(|path| {
        File::create(path).map(BufWriter::new).with_context(|| format!("cannot write {}", path.display()))
    });
    let Some(mut file) = file.transpose()? else {
        return printed(arguments.format, &list, out);
    };
    let report = printed(Format::Text, &list, out)?;
    write(arguments.format, &report, &mut file)?;
    file.flush()?;
    Ok(report)
}

/// Text comes line by line, while the list is gone through.
fn printed(format: Format, list: &Checklist<'_>, out: &mut impl Write) -> anyhow::Result<Report> {
    let mut printing = Ok(());
    let report = list.run(|line| {
        if format == Format::Text && printing.is_ok() {
            printing = output::line(out, line).and_then(|()| out.flush());
        }
    })?;
    printing?;
    match format {
        Format::Text => output::summary(out, &report)?,
        other => write(other, &report, out)?,
    }
    Ok(report)
}

fn write(format: Format, report: &Report, out: &mut impl Write) -> anyhow::Result<()> {
    match format {
        Format::Text => output::text(out, report),
        Format::Json => output::json(out, report),
        Format::Junit => output::junit(out, report),
    }?;
    Ok(())
}
