//! Random work on a tenant: anything may happen to any row of any table.

use super::tables::Tables;
use super::work::Work;
use super::worker::Worker;
use crate::tenant::{Tenant, TenantError};

/// How much to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amount {
    /// Rows to insert.
    pub inserts: u64,
    /// Rows to update; one row may be met more than once.
    pub updates: u64,
    /// Rows to delete.
    pub deletes: u64,
}

/// Makes random changes in random tables, in one transaction, the same for the same seed and database. Tables that
/// are empty get inserts only; updates and deletes that find no row are left out, so the counts may be smaller than
/// asked for. A row is deleted whether or not others name it.
///
/// # Errors
/// [`TenantError`] when the database fails.
pub fn random(tenant: &Tenant, amount: Amount, seed: u64) -> Result<Work, TenantError> {
    let tables = Tables::of(tenant)?;
    Worker::at_work(tenant, &tables, None, seed, |worker| {
        let Amount { mut inserts, mut updates, mut deletes } = amount;
        while inserts + updates + deletes > 0 {
            let Some(table) = tables.any(&mut worker.generator) else { break };
            let place = worker.generator.below(inserts + updates + deletes);
            if place < inserts {
                inserts -= 1;
                worker.insert(table)?;
            } else if place < inserts + updates {
                updates -= 1;
                worker.update(table)?;
            } else {
                deletes -= 1;
                worker.delete(table)?;
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::crm;
    use crate::tenant::{Change, RowRef};

    const AMOUNT: Amount = Amount { inserts: 40, updates: 60, deletes: 20 };

    fn tracked(path: &Path) -> Tenant {
        let tenant = crm::create(path, 10, 1).unwrap();
        for table in tenant.tables().unwrap() {
            tenant.enable_tracking(&table.name).unwrap();
        }
        tenant
    }

    #[test]
    fn changes_are_one_version_and_the_same_for_the_same_seed() {
        let folder = tempfile::tempdir().unwrap();
        let tenants = ["a", "b"].map(|name| {
            std::fs::create_dir(folder.path().join(name)).unwrap();
            tracked(&folder.path().join(name).join("Cust1.db"))
        });
        let version = tenants[0].version().unwrap();
        let [one, two] = [0, 1].map(|place| random(&tenants[place], AMOUNT, 5).unwrap());
        assert_eq!(one, two);
        assert_eq!(tenants[0].version().unwrap(), version + 1);
        let sum = one.changed();
        assert_eq!(sum.inserts, AMOUNT.inserts);
        assert!((1..=AMOUNT.updates).contains(&sum.updates));
        assert!((1..=AMOUNT.deletes).contains(&sum.deletes));
        for table in tenants[0].tables().unwrap() {
            let checksum = |tenant: &Tenant| tenant.checksum(&table.name).unwrap();
            assert_eq!(checksum(&tenants[0]), checksum(&tenants[1]), "{}", table.name);
        }
    }

    /// A copy that applies what change tracking says must end up like its source.
    #[test]
    fn the_tracked_changes_turn_an_old_copy_into_the_new_table() {
        let folder = tempfile::tempdir().unwrap();
        let source = tracked(&folder.path().join("Cust1.db"));
        source.backup(&folder.path().join("copy.db")).unwrap();
        let copy = Tenant::open(&folder.path().join("copy.db")).unwrap();
        let since = source.version().unwrap();
        for seed in 0..5 {
            random(&source, AMOUNT, seed).unwrap();
        }
        let snapshot = source.snapshot().unwrap();
        for table in snapshot.tables().unwrap() {
            let apply = |change, row: RowRef<'_>| {
                let row = row.to_values()?;
                copy.delete(&table.name, &row[0])?;
                match change {
                    Change::Delete => Ok(()),
                    _ => copy.transaction(|edit| edit.insert_row(&table.name, &row)),
                }
            };
            snapshot.for_each_change(&table, since, apply).unwrap();
            let checksum = source.checksum(&table.name).unwrap();
            assert_eq!(copy.checksum(&table.name).unwrap(), checksum, "{}", table.name);
        }
    }
}
