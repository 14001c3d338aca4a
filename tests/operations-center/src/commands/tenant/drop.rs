//! `operations-center tenant drop`

use std::io::Write;

use anyhow::ensure;
use clap::Args;
use operations_center::center::Center;

/// Removes a tenant and its approvals for good.
///
/// Backups stay, and so does what mirrors hold. A tenant that a cycle or another command has open is not removed.
///
/// Example: operations-center tenant drop Cust10001 --yes
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The tenant's name.
    tenant: String,
    /// Confirms that the tenant's database may go.
    #[arg(long)]
    yes: bool,
}

pub(super) fn run(arguments: &Arguments, center: &Center, out: &mut impl Write) -> anyhow::Result<()> {
    let name = &arguments.tenant;
    center.tenant(name)?;
    ensure!(arguments.yes, "the database of {name} would be lost, confirm with --yes");
    center.drop_tenant(name)?;
    writeln!(out, "tenant {name} is gone")?;
    Ok(())
}
