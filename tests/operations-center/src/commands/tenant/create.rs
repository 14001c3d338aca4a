//! `operations-center tenant create`

use std::io::Write;
use std::time::{Duration, Instant};

use clap::Args;
use operations_center::center::Center;
use operations_center::crm::{Plan, Progress, Schema, Size, blocked};

/// How often long work says how far it is.
const REPORT_EVERY: Duration = Duration::from_secs(2);

/// Makes a tenant with generated CRM data.
///
/// A sample has 33 tables with every type and every awkward value. A full tenant has as many tables and columns as a
/// real one, most of them empty, and 110 blocked tables that are never sent. Nothing is mirrored before the tenant has
/// approved an application.
///
/// Example: operations-center tenant create Cust10001 --schema full --rows 1000000
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The tenant's name (context identifier), such as Cust10001.
    name: String,
    /// Which tables it has.
    #[arg(long, value_enum, default_value_t = Schema::Sample)]
    schema: Schema,
    /// How many contacts; everything else in proportion, in a sample some 25 times as many rows in all. If not given:
    /// 100 in a sample, 1000 in a full tenant, 12 in a small one.
    #[arg(long, value_name = "CONTACTS")]
    size: Option<u64>,
    /// How many rows in all tables that are not blocked, instead of a number of contacts.
    #[arg(long, conflicts_with = "size")]
    rows: Option<u64>,
    /// The same seed makes the same data.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub(super) fn run(arguments: &Arguments, center: &Center, out: &mut impl Write) -> anyhow::Result<()> {
    let Arguments { name, schema, size, rows, seed } = arguments;
    let size = match (rows, size) {
        (Some(rows), _) => Size::Rows(*rows),
        (None, Some(contacts)) => Size::Contacts(*contacts),
        (None, None) => Size::Contacts(schema.default_contacts()),
    };
    let plan = Plan { schema: *schema, size, seed: *seed };
    let (mut last, mut printed) = (Progress::default(), Instant::now());
    let tenant = center.create_tenant(name, |path| {
        let report = |progress: Progress| {
            last = progress;
            if printed.elapsed() >= REPORT_EVERY {
                printed = Instant::now();
                eprintln!("{name}: {}", text(&progress));
            }
        };
        plan.create(path, report).map(drop)?;
        anyhow::Ok(())
    })?;
    let blocked = tenant.tables()?.iter().filter(|table| blocked::is_blocked(&table.name)).count();
    let note = if blocked > 0 { format!(" ({blocked} tables are blocked)") } else { String::new() };
    let (tables, rows) = (last.all_tables, last.rows);
    writeln!(out, "tenant {name}: {tables} tables, {rows} rows{note}, in {}", tenant.path().display())?;
    Ok(())
}

fn text(progress: &Progress) -> String {
    let Progress { tables, all_tables, rows, all_rows } = progress;
    format!("{tables} of {all_tables} tables, {rows} of {all_rows} rows")
}
