//! `operations-center tenant maintenance` and `set`

use std::io::Write;

use anyhow::Context;
use clap::{Args, ValueEnum};
use operations_center::center::Center;
use operations_center::tenant::{Preference, Tenant};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Switch {
    On,
    Off,
}

/// Puts a tenant into maintenance, as for an upgrade, or takes it out.
///
/// No cycle begins for it in between; one that runs goes on to its end.
///
/// Example: operations-center tenant maintenance Cust10001 on
#[derive(Debug, Args)]
pub(crate) struct Maintenance {
    /// The tenant's name.
    tenant: String,
    /// Whether it is in maintenance from now on.
    switch: Switch,
}

pub(super) fn maintenance(
    arguments: &Maintenance,
    center: &Center,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let on = arguments.switch == Switch::On;
    let tenant = center.tenant(&arguments.tenant)?;
    tenant.set_maintenance(on)?;
    writeln!(out, "{} is {} maintenance", tenant.name(), if on { "in" } else { "out of" })?;
    Ok(())
}

/// Sets preferences of a tenant, which hold from the next cycle.
///
/// BatchSize: about how many bytes of rows one call carries, 1000000 by default. SkipTable (or SkipTables): tables
/// that are not mirrored, separated by commas. An empty value takes a preference away.
///
/// Example: operations-center tenant set Cust10001 BatchSize=200000 SkipTable=document,text
#[derive(Debug, Args)]
pub(crate) struct Set {
    /// The tenant's name.
    tenant: String,
    /// NAME=VALUE, one or more.
    #[arg(required = true, value_name = "PREFERENCE", value_parser = preference)]
    preferences: Vec<(Preference, String)>,
}

fn preference(text: &str) -> anyhow::Result<(Preference, String)> {
    let (name, value) = text.split_once('=').context("write it as NAME=VALUE")?;
    let preference = Preference::named(name.trim());
    Ok((preference.context("there are BatchSize and SkipTable")?, value.to_owned()))
}

pub(super) fn set(arguments: &Set, center: &Center, out: &mut impl Write) -> anyhow::Result<()> {
    let tenant = center.tenant(&arguments.tenant)?;
    for (preference, value) in &arguments.preferences {
        tenant.set_preference(*preference, value)?;
        match value.trim() {
            "" => writeln!(out, "{preference} is no longer set for {}", tenant.name())?,
            value => writeln!(out, "{preference} is {value} for {}", tenant.name())?,
        }
    }
    note_unknown_tables(&tenant, out)
}

/// A name that is written wrongly skips nothing.
fn note_unknown_tables(tenant: &Tenant, out: &mut impl Write) -> anyhow::Result<()> {
    let tables = tenant.tables()?;
    for skipped in tenant.settings()?.skip_tables {
        if !tables.iter().any(|table| table.name.eq_ignore_ascii_case(&skipped)) {
            writeln!(out, "note: {} has no table {skipped} now", tenant.name())?;
        }
    }
    Ok(())
}
