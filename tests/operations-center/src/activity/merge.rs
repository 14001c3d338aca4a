//! Two contacts become one: everything that named the one names the other, and the one is deleted.

use super::tables::Tables;
use super::work::Work;
use super::worker::Worker;
use crate::sql::Value;
use crate::tenant::{Tenant, TenantError};

const CONTACT: &str = "contact";

/// Merges a random contact into another in one transaction, at the moment `now_ms` (since 1970). Where there are not
/// two contacts nothing is done.
///
/// # Errors
/// [`TenantError`] when the database fails.
pub fn merge(tenant: &Tenant, now_ms: i64, seed: u64) -> Result<Work, TenantError> {
    merge_in(tenant, &Tables::of(tenant)?, now_ms, seed)
}

pub(super) fn merge_in(
    tenant: &Tenant,
    tables: &Tables,
    now_ms: i64,
    seed: u64,
) -> Result<Work, TenantError> {
    let mut work =
        Worker::at_work(tenant, tables, Some(now_ms), seed, |worker| match two_contacts(worker)? {
            Some((lost, kept)) => move_all(worker, &lost, &kept),
            None => Ok(()),
        })?;
    work.merges = u64::from(!work.tables.is_empty());
    Ok(work)
}

fn two_contacts(worker: &mut Worker<'_, '_>) -> Result<Option<(Value, Value)>, TenantError> {
    let tables = worker.tables;
    let mut some = || tables.some_key(worker.edit, CONTACT, &mut worker.generator);
    let (Some(lost), Some(kept)) = (some()?, some()?) else { return Ok(None) };
    if lost != kept {
        return Ok(Some((lost, kept)));
    }
    // The same twice: its neighbour, or the first of all.
    let Value::Whole(number) = lost else { return Ok(None) };
    let next = worker.edit.key_from(CONTACT, &Value::Whole(number.saturating_add(1)))?;
    let kept = match next {
        Some(next) => Some(next),
        None => worker.edit.key_from(CONTACT, &Value::Whole(i64::MIN))?,
    };
    Ok(kept.filter(|kept| *kept != lost).map(|kept| (lost, kept)))
}

/// Columns that refer to a contact are changed, in whatever table they stand.
fn move_all(worker: &mut Worker<'_, '_>, lost: &Value, kept: &Value) -> Result<(), TenantError> {
    for linked in worker.tables.all() {
        let columns = linked.table.columns.iter().zip(&linked.links);
        for (column, _) in columns.filter(|(_, link)| link.as_deref() == Some(CONTACT)) {
            for key in worker.edit.keys_where(&linked.table.name, &column.name, lost)? {
                worker.update_row(&linked.table.name, &key, &[(&column.name, kept.clone())])?;
            }
        }
    }
    worker.delete_row(CONTACT, lost).map(|_| ())
}
