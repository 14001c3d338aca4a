//! `operations-center tenant backup` and `restore`

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use operations_center::activity::{self, Amount};
use operations_center::center::Center;
use operations_center::tenant::{Tenant, TenantError};

/// Copies a tenant's database to a file, from which it can be restored.
///
/// Example: operations-center tenant backup Cust10001 --to monday.db
#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// The tenant's name.
    tenant: String,
    /// The file; if not given, a new one in the folder's `backups`.
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
}

pub(super) fn backup(arguments: &Backup, center: &Center, out: &mut impl Write) -> anyhow::Result<()> {
    let file = center.backup_tenant(&arguments.tenant, arguments.to.as_deref())?;
    writeln!(out, "{} is backed up in {}", arguments.tenant, file.display())?;
    Ok(())
}

/// Takes a tenant back to what a backup holds, behind a mirror's back.
///
/// The version of change tracking goes back too, so that mirrors are ahead of their source and must be filled anew.
/// Approvals, preferences and maintenance stay as they are. While the restore runs the tenant is in maintenance.
///
/// Example: operations-center tenant restore Cust10001 monday.db
#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// The tenant's name.
    tenant: String,
    /// The file that 'tenant backup' wrote.
    file: PathBuf,
    /// Then makes random changes until the version has passed the one before the restore, which no receiver can see:
    /// only a mirror that is thrown away is equal again.
    #[arg(long)]
    overtake: bool,
}

/// What is changed in one step on the way to the old version.
const STEP: Amount = Amount { inserts: 1, updates: 5, deletes: 1 };

pub(super) fn restore(arguments: &Restore, center: &Center, out: &mut impl Write) -> anyhow::Result<()> {
    let tenant = center.tenant(&arguments.tenant)?;
    let (before, was_in_maintenance) = (tenant.version()?, tenant.settings()?.maintenance);
    tenant.set_maintenance(true)?;
    let restored = restored(&tenant, arguments, before);
    tenant.set_maintenance(was_in_maintenance)?;
    let (to, now) = restored?;
    writeln!(out, "{} is restored, from version {before} to {to}", tenant.name())?;
    if arguments.overtake {
        writeln!(out, "changes have brought it to version {now}")?;
    }
    Ok(())
}

/// The version that the backup had, and the one that the tenant has in the end.
fn restored(tenant: &Tenant, arguments: &Restore, before: i64) -> Result<(i64, i64), TenantError> {
    tenant.restore(&arguments.file)?;
    let to = tenant.version()?;
    if !arguments.overtake {
        return Ok((to, to));
    }
    let mut seeds = 0..;
    let now = tenant.overtake(before, |tenant| {
        activity::random(tenant, STEP, seeds.next().unwrap_or_default()).map(drop)
    })?;
    Ok((to, now))
}
