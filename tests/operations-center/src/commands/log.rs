//! `operations-center log`

use std::collections::VecDeque;
use std::io::Write;

use clap::Args;
use operations_center::center::Center;
use operations_center::journal::{Ending, Entry, Journal};

use super::output::{self, Format, Output};

/// Shows the cycles that 'operations-center run' ran, the oldest first.
///
/// The journal keeps about the last hundred thousand cycles: its eight files in `journal/` have 8 MiB at most each, and
/// the oldest goes when a new one is begun.
///
/// Example: operations-center log --tenant Cust10001 --failed --last 10
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// This tenant's cycles only.
    #[arg(long)]
    tenant: Option<String>,
    /// This application's cycles only: its id or its name.
    #[arg(long, value_name = "APPLICATION")]
    app: Option<String>,
    /// Failed cycles only.
    #[arg(long)]
    failed: bool,
    /// The last of them only.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    last: Option<u64>,
    #[command(flatten)]
    output: Output,
}

pub(crate) fn run(arguments: &Arguments, center: &Center, out: &mut impl Write) -> anyhow::Result<()> {
    let last = arguments.last.and_then(|last| usize::try_from(last).ok()).unwrap_or(usize::MAX);
    let mut entries = VecDeque::new();
    let unreadable = Journal::new(&center.folder().join("journal")).read(|entry| {
        if arguments.wants(&entry) {
            entries.push_back(entry);
        }
        if entries.len() > last {
            entries.pop_front();
        }
    })?;
    match arguments.output.format {
        Format::Json => output::json(out, &serde_json::to_value(&entries)?)?,
        Format::Text => {
            for entry in &entries {
                writeln!(out, "{entry}")?;
            }
        }
    }
    if unreadable > 0 {
        eprintln!("operations-center: {unreadable} lines of the journal cannot be read and were left out");
    }
    Ok(())
}

impl Arguments {
    fn wants(&self, entry: &Entry) -> bool {
        let is_tenant = self.tenant.as_ref().is_none_or(|tenant| *tenant == entry.tenant);
        let names = [&entry.application, &entry.application_name];
        let is_application = self.app.as_ref().is_none_or(|app| names.contains(&app));
        is_tenant && is_application && (!self.failed || entry.outcome == Ending::Failed)
    }
}
