//! `operations-center truth`

use std::io::Write;

use clap::Args;
use operations_center::center::Center;
use operations_center::truth::{self, Truth};
use serde_json::json;

use super::output::{self, Format, Output};

/// Row count and checksum of every table of a tenant, to compare with a mirror's.
///
/// Both are computed from the tenant's database alone, as it is at one moment. Tables that are never sent are left
/// out, unless --all or --table asks for them. The checksum does not depend on the order of rows or columns; the
/// project's schemas/README.md says how it is computed.
///
/// Example: operations-center truth Cust10001 --table contact -o json
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The tenant's name.
    tenant: String,
    /// This table only, even one that is never sent.
    #[arg(long)]
    table: Option<String>,
    /// Also tables that are never sent.
    #[arg(long, conflicts_with = "table")]
    all: bool,
    #[command(flatten)]
    output: Output,
}

pub(crate) fn run(arguments: &Arguments, center: &Center, out: &mut impl Write) -> anyhow::Result<()> {
    let tenant = center.tenant(&arguments.tenant)?;
    let truth = match &arguments.table {
        Some(table) => truth::of_table(&tenant, table)?,
        None if arguments.all => truth::of_all(&tenant)?,
        None => truth::of(&tenant)?,
    };
    match arguments.output.format {
        Format::Text => text(&truth, out),
        Format::Json => output::json(out, &json(tenant.name(), &truth)),
    }
}

fn text(truth: &Truth, out: &mut impl Write) -> anyhow::Result<()> {
    writeln!(out, "{:<32} {:<32} {:>12}", "checksum", "table", "rows")?;
    for table in &truth.tables {
        writeln!(out, "{} {:<32} {:>12}", table.checksum, table.table, table.checksum.rows)?;
    }
    Ok(())
}

fn json(tenant: &str, truth: &Truth) -> serde_json::Value {
    let tables = truth.tables.iter().map(|table| {
        json!({
            "table": table.table,
            "rows": table.checksum.rows,
            "checksum": table.checksum.to_string(),
        })
    });
    json!({ "tenant": tenant, "version": truth.version, "tables": tables.collect::<Vec<_>>() })
}
