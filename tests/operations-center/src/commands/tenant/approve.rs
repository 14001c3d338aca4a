//! `operations-center tenant approve` and `revoke`

use std::io::Write;

use clap::Args;
use operations_center::center::Center;

use crate::commands::output::moment;

/// Lets a tenant approve an application, which is then sent the tenant's data.
///
/// That needs the application's mirroring to be on. A schedule that runs begins the first cycle right away.
///
/// Example: operations-center tenant approve Cust10001 Nord
#[derive(Debug, Args)]
pub(crate) struct Approve {
    /// The tenant's name.
    tenant: String,
    /// The application's id or name.
    application: String,
}

pub(super) fn approve(arguments: &Approve, center: &Center, out: &mut impl Write) -> anyhow::Result<()> {
    let approval = center.approve(&arguments.tenant, &arguments.application)?;
    let at = moment(approval.approved_ms);
    writeln!(out, "{} approved {} at {at}", approval.tenant, arguments.application)?;
    Ok(())
}

/// Takes a tenant's approval of an application back: no cycle begins any more.
///
/// What the mirror holds stays there.
///
/// Example: operations-center tenant revoke Cust10001 Nord
#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// The tenant's name.
    tenant: String,
    /// The application's id or name.
    application: String,
}

pub(super) fn revoke(arguments: &Revoke, center: &Center, out: &mut impl Write) -> anyhow::Result<()> {
    center.revoke(&arguments.tenant, &arguments.application)?;
    writeln!(out, "{} no longer approves {}", arguments.tenant, arguments.application)?;
    Ok(())
}
