//! Many rows in one transaction: an import, or an upgrade that touches every row of a table.

use super::tables::{Linked, Tables};
use super::work::Work;
use super::worker::Worker;
use crate::tenant::{Tenant, TenantError};

/// What an import brings: a contact, and two persons.
const IMPORTED: [&str; 3] = ["contact", "person", "person"];

/// Inserts `rows` contacts and persons in one transaction, at the moment `now_ms` (since 1970); rows of other tables
/// where there are neither.
///
/// # Errors
/// [`TenantError`] when the database fails.
pub fn import(tenant: &Tenant, rows: u64, now_ms: i64, seed: u64) -> Result<Work, TenantError> {
    import_in(tenant, &Tables::of(tenant)?, rows, now_ms, seed)
}

/// Updates every row of a table in one transaction, as an upgrade of the program does, at the moment `now_ms` (since
/// 1970). Without a name it is a table that users work on.
///
/// # Errors
/// [`TenantError::NoTable`], or the database's failure.
pub fn upgrade(tenant: &Tenant, table: Option<&str>, now_ms: i64, seed: u64) -> Result<Work, TenantError> {
    upgrade_in(tenant, &Tables::of(tenant)?, table, now_ms, seed)
}

pub(super) fn import_in(
    tenant: &Tenant,
    tables: &Tables,
    rows: u64,
    now_ms: i64,
    seed: u64,
) -> Result<Work, TenantError> {
    let imported: Vec<&Linked> = IMPORTED.iter().filter_map(|name| tables.find(name)).collect();
    let mut work = Worker::at_work(tenant, tables, Some(now_ms), seed, |worker| {
        let mut next = imported.iter().cycle();
        for _ in 0..rows {
            let linked = next.next().copied().or_else(|| tables.usual(&mut worker.generator));
            if let Some(linked) = linked {
                worker.insert(linked)?;
            }
        }
        Ok(())
    })?;
    work.bursts = 1;
    Ok(work)
}

pub(super) fn upgrade_in(
    tenant: &Tenant,
    tables: &Tables,
    table: Option<&str>,
    now_ms: i64,
    seed: u64,
) -> Result<Work, TenantError> {
    let mut work = Worker::at_work(tenant, tables, Some(now_ms), seed, |worker| {
        let linked = match table {
            Some(name) => {
                Some(tables.find(name).ok_or_else(|| TenantError::NoTable { table: name.to_owned() })?)
            }
            None => tables.usual(&mut worker.generator),
        };
        linked.map_or(Ok(()), |linked| touch_all(worker, linked))
    })?;
    work.bursts = 1;
    Ok(work)
}

/// Sets the same value in every row, in a column that refers to nothing.
fn touch_all(worker: &mut Worker<'_, '_>, linked: &Linked) -> Result<(), TenantError> {
    let Linked { table, links } = linked;
    let columns = table.columns.iter().zip(links).skip(1);
    let free: Vec<_> = columns.filter(|(_, link)| link.is_none()).map(|(column, _)| column).collect();
    let place = worker.generator.below(u64::try_from(free.len()).unwrap_or(0));
    let Some(column) = free.get(usize::try_from(place).unwrap_or(0)) else { return Ok(()) };
    let value = worker.generator.value(column.sql_type);
    for key in worker.edit.all_keys(&table.name)? {
        worker.update_row(&table.name, &key, &[(&column.name, value.clone())])?;
    }
    Ok(())
}
