//! What a user saves at once: a few changes in tables that are worked on.

use super::calendar::{Act, Kind};
use super::tables::Tables;
use super::work::Work;
use super::worker::Worker;
use crate::tenant::{Tenant, TenantError};

/// How often another table is tried where one has nothing to change.
const TRIES: u32 = 20;
/// A table without rows gets its first one this seldom, or soon none were empty.
const FIRST_ROW_ONE_IN: u32 = 50;

pub(super) fn save(
    tenant: &Tenant,
    tables: &Tables,
    act: &Act,
    changes: &[Kind],
) -> Result<Work, TenantError> {
    let mut work = Worker::at_work(tenant, tables, Some(act.at_ms), act.seed, |worker| {
        changes.iter().try_for_each(|kind| change(worker, *kind))
    })?;
    work.saves = 1;
    Ok(work)
}

/// Makes one change, wherever it can be made.
fn change(worker: &mut Worker<'_, '_>, kind: Kind) -> Result<(), TenantError> {
    let tables = worker.tables;
    for _ in 0..TRIES {
        let Some(linked) = tables.usual(&mut worker.generator) else { break };
        let name = &linked.table.name;
        let is_done = match kind {
            Kind::Update => worker.update(linked)?,
            Kind::Delete => !tables.is_referred(name) && worker.delete(linked)?,
            Kind::Insert => {
                let may_begin = worker.generator.one_in(FIRST_ROW_ONE_IN);
                (may_begin || worker.edit.last_key(name)?.is_some()) && worker.insert(linked)?
            }
        };
        if is_done {
            break;
        }
    }
    Ok(())
}
