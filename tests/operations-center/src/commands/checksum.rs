//! `operations-center checksum`

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use operations_center::tenant::Tenant;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The tenant's file.
    #[arg(long)]
    tenant: PathBuf,
    /// This table only.
    #[arg(long)]
    table: Option<String>,
}

pub(crate) fn run(arguments: &Arguments, out: &mut impl Write) -> anyhow::Result<()> {
    let snapshot = Tenant::open(&arguments.tenant)?.snapshot()?;
    let tables = match &arguments.table {
        Some(table) => vec![snapshot.table(table)?],
        None => snapshot.tables()?,
    };
    writeln!(out, "{:<32} {:<24} {:>12}", "checksum", "table", "rows")?;
    for table in tables {
        let checksum = snapshot.checksum(&table.name)?;
        writeln!(out, "{checksum} {:<24} {:>12}", table.name, checksum.rows)?;
    }
    Ok(())
}
