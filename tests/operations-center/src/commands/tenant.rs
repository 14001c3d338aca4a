//! `operations-center tenant`

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use operations_center::change::{self, Amount};
use operations_center::sample::{self, DEFAULT_SIZE};
use operations_center::tenant::Tenant;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Makes a tenant with generated CRM data.
    New(New),
    /// Inserts, updates and deletes random rows in one transaction.
    Change(Change),
}

#[derive(Debug, Args)]
pub(crate) struct New {
    /// Where the tenant's file goes; made if missing.
    #[arg(long)]
    folder: PathBuf,
    /// The tenant's context identifier, such as Cust10001; the file is named after it.
    #[arg(long)]
    name: String,
    /// How many contacts; everything else in proportion, some 25 times as many rows in all.
    #[arg(long, default_value_t = DEFAULT_SIZE)]
    size: u64,
    /// The same seed makes the same data.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Change {
    /// The tenant's file.
    #[arg(long)]
    tenant: PathBuf,
    /// Rows to insert.
    #[arg(long, default_value_t = 20)]
    inserts: u64,
    /// Rows to update.
    #[arg(long, default_value_t = 50)]
    updates: u64,
    /// Rows to delete.
    #[arg(long, default_value_t = 10)]
    deletes: u64,
    /// The same seed makes the same changes in the same data; if not given, the tenant's version is taken.
    #[arg(long)]
    seed: Option<u64>,
}

pub(crate) fn run(command: Command, out: &mut impl Write) -> anyhow::Result<()> {
    match command {
        Command::New(arguments) => new(&arguments, out),
        Command::Change(arguments) => change(&arguments, out),
    }
}

fn new(arguments: &New, out: &mut impl Write) -> anyhow::Result<()> {
    let New { folder, name, size, seed } = arguments;
    if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-') {
        bail!("a tenant's name has letters, digits, - and _ only, as in Cust10001");
    }
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let path = folder.join(format!("{name}.db"));
    let tenant = sample::create(&path, *size, *seed)?;
    let snapshot = tenant.snapshot()?;
    let (mut tables, mut rows) = (0, 0);
    for table in snapshot.tables()? {
        tables += 1;
        rows += snapshot.checksum(&table.name)?.rows;
    }
    writeln!(out, "tenant {name}: {tables} tables, {rows} rows, in {}", path.display())?;
    Ok(())
}

fn change(arguments: &Change, out: &mut impl Write) -> anyhow::Result<()> {
    let Change { tenant, inserts, updates, deletes, seed } = arguments;
    let tenant = Tenant::open(tenant)?;
    let seed = match seed {
        Some(seed) => *seed,
        None => tenant.version()?.unsigned_abs(),
    };
    let amount = Amount { inserts: *inserts, updates: *updates, deletes: *deletes };
    let changes = change::random(&tenant, amount, seed)?;
    writeln!(out, "{:<24} {:>9} {:>9} {:>9}", "table", "inserts", "updates", "deletes")?;
    for (table, changed) in &changes {
        writeln!(out, "{table:<24} {:>9} {:>9} {:>9}", changed.inserts, changed.updates, changed.deletes)?;
    }
    writeln!(out, "{} is now at version {}", tenant.name(), tenant.version()?)?;
    Ok(())
}
