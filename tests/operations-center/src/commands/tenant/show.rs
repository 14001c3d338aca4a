//! `operations-center tenant list` and `show`

use std::io::Write;

use clap::Args;
use operations_center::center::{Approval, Center};
use operations_center::cycle::DEFAULT_BATCH_BYTES;
use operations_center::tenant::{Settings, Tenant, TenantError};
use serde_json::{Value, json};

use crate::commands::output::{self, Format, Output, moment};

/// Lists all tenants.
///
/// Example: operations-center tenant list -o json
#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    output: Output,
}

/// Shows a tenant: how much it holds, its settings, and which applications it approved.
///
/// Example: operations-center tenant show Cust10001
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The tenant's name.
    tenant: String,
    #[command(flatten)]
    output: Output,
}

pub(super) fn list(arguments: &List, center: &Center, out: &mut impl Write) -> anyhow::Result<()> {
    let approvals = center.approvals()?;
    let mut all = Vec::new();
    if arguments.output.format == Format::Text {
        writeln!(out, "{:<24} {:>10} {:<12} approved", "tenant", "version", "maintenance")?;
    }
    for name in center.tenants()? {
        let tenant = center.tenant(&name)?;
        let (version, settings) = (tenant.version()?, tenant.settings()?);
        match arguments.output.format {
            Format::Json => all.push(json(&name, version, &settings, &approvals)),
            Format::Text => {
                let maintenance = if settings.maintenance { "on" } else { "off" };
                let approved = own(&approvals, &name).map(|approval| approval.application.as_str());
                let approved = approved.collect::<Vec<_>>().join(" ");
                writeln!(out, "{name:<24} {version:>10} {maintenance:<12} {approved}")?;
            }
        }
    }
    match arguments.output.format {
        Format::Json => output::json(out, &Value::Array(all)),
        Format::Text => Ok(()),
    }
}

pub(super) fn show(arguments: &Show, center: &Center, out: &mut impl Write) -> anyhow::Result<()> {
    let tenant = center.tenant(&arguments.tenant)?;
    let (settings, approvals) = (tenant.settings()?, center.approvals()?);
    let snapshot = tenant.snapshot()?;
    let (version, tables) = (snapshot.version(), snapshot.tables()?);
    let rows =
        tables.iter().try_fold(0, |sum, table| Ok::<_, TenantError>(sum + snapshot.count(&table.name)?))?;
    if arguments.output.format == Format::Json {
        let mut value = json(tenant.name(), version, &settings, &approvals);
        if let Some(object) = value.as_object_mut() {
            object.insert("tables".to_owned(), tables.len().into());
            object.insert("rows".to_owned(), rows.into());
            object.insert("file".to_owned(), tenant.path().display().to_string().into());
        }
        return output::json(out, &value);
    }
    for (label, text) in lines(&tenant, &settings) {
        writeln!(out, "{label:<20} {text}")?;
    }
    writeln!(out, "{:<20} {}", "version", version)?;
    writeln!(out, "{:<20} {}", "tables", tables.len())?;
    writeln!(out, "{:<20} {rows}", "rows")?;
    for approval in own(&approvals, tenant.name()) {
        writeln!(out, "{:<20} {} at {}", "approved", approval.application, moment(approval.approved_ms))?;
    }
    Ok(())
}

fn lines(tenant: &Tenant, settings: &Settings) -> [(&'static str, String); 5] {
    let batch_size = settings
        .batch_bytes
        .map_or_else(|| format!("{DEFAULT_BATCH_BYTES} (default)"), |bytes| bytes.to_string());
    [
        ("tenant", tenant.name().to_owned()),
        ("file", tenant.path().display().to_string()),
        ("maintenance", if settings.maintenance { "on" } else { "off" }.to_owned()),
        ("BatchSize", batch_size),
        ("SkipTable", settings.skip_tables.join(",")),
    ]
}

fn own<'a>(approvals: &'a [Approval], tenant: &'a str) -> impl Iterator<Item = &'a Approval> {
    approvals.iter().filter(move |approval| approval.tenant == tenant)
}

fn json(name: &str, version: i64, settings: &Settings, approvals: &[Approval]) -> Value {
    let approved = own(approvals, name).map(
        |approval| json!({ "application": approval.application, "approved": moment(approval.approved_ms) }),
    );
    json!({
        "tenant": name,
        "version": version,
        "maintenance": settings.maintenance,
        "batch_size": settings.batch_bytes,
        "skip_tables": settings.skip_tables,
        "approved": approved.collect::<Vec<_>>(),
    })
}
