//! Random work on a tenant: what its users would do between two cycles.

use std::collections::BTreeMap;

use crate::sample::generator::Generator;
use crate::sql::Value;
use crate::tenant::{Edit, Table, Tenant, TenantError};

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

/// What was done to one table. A mirror may be told less: of each row only its final state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// Rows inserted.
    pub inserts: u64,
    /// Updates made.
    pub updates: u64,
    /// Rows deleted.
    pub deletes: u64,
}

/// Makes random changes in random tables, in one transaction, the same for the same seed and database. Tables that
/// are empty get inserts only; updates and deletes that find no row are left out, so the counts may be smaller than
/// asked for.
///
/// # Errors
/// [`TenantError`] when the database fails.
pub fn random(tenant: &Tenant, amount: Amount, seed: u64) -> Result<BTreeMap<String, Changed>, TenantError> {
    let tables = tenant.tables()?;
    let mut generator = Generator::new(seed, tenant.name());
    tenant.transaction(|edit| {
        let mut changes = BTreeMap::new();
        let (mut inserts, mut updates, mut deletes) = (amount.inserts, amount.updates, amount.deletes);
        while inserts + updates + deletes > 0 {
            let Some(table) = pick(&tables, &mut generator) else { break };
            let place = generator.below(inserts + updates + deletes);
            let changed: &mut Changed = changes.entry(table.name.clone()).or_default();
            if place < inserts {
                inserts -= 1;
                changed.inserts += u64::from(insert(edit, table, &mut generator)?);
            } else if place < inserts + updates {
                updates -= 1;
                changed.updates += u64::from(update(edit, table, &mut generator)?);
            } else {
                deletes -= 1;
                changed.deletes += u64::from(delete(edit, table, &mut generator)?);
            }
        }
        changes.retain(|_, changed| *changed != Changed::default());
        Ok(changes)
    })
}

fn pick<'t>(tables: &'t [Table], generator: &mut Generator) -> Option<&'t Table> {
    let index = generator.below(u64::try_from(tables.len()).unwrap_or(0));
    tables.get(usize::try_from(index).unwrap_or(0))
}

/// Whole keys go on from the greatest, so that the key of a deleted row may come again; others are random. A key that
/// is taken, or past its type's range, is no insert.
fn insert(edit: &mut Edit<'_>, table: &Table, generator: &mut Generator) -> Result<bool, TenantError> {
    let key = table.key()?;
    let value = match (key.sql_type.whole_range(), edit.last_key(&table.name)?) {
        (Some(_), Some(Value::Whole(last))) => Value::Whole(last.saturating_add(1)),
        (Some(_), _) => Value::Whole(1),
        (None, _) => generator.value(key.sql_type),
    };
    if !key.sql_type.holds(&value) || edit.has(&table.name, &value)? {
        return Ok(false);
    }
    let cells = table.columns.iter().skip(1).map(|column| generator.cell(column));
    let row: Vec<Value> = std::iter::once(value).chain(cells).collect();
    edit.insert_row(&table.name, &row).map(|()| true)
}

fn update(edit: &mut Edit<'_>, table: &Table, generator: &mut Generator) -> Result<bool, TenantError> {
    let Some(key) = random_key(edit, table, generator)? else { return Ok(false) };
    let others = table.columns.get(1..).unwrap_or_default();
    if others.is_empty() {
        return Ok(false);
    }
    let count = 1 + generator.below(u64::try_from(others.len()).unwrap_or(1).min(3));
    let mut cells: BTreeMap<&str, Value> = BTreeMap::new();
    for _ in 0..count {
        let index = generator.below(u64::try_from(others.len()).unwrap_or(1));
        if let Some(column) = others.get(usize::try_from(index).unwrap_or(0)) {
            cells.insert(&column.name, generator.cell(column));
        }
    }
    let cells: Vec<(&str, Value)> = cells.into_iter().collect();
    edit.update(&table.name, &key, &cells)
}

fn delete(edit: &mut Edit<'_>, table: &Table, generator: &mut Generator) -> Result<bool, TenantError> {
    match random_key(edit, table, generator)? {
        Some(key) => edit.delete(&table.name, &key),
        None => Ok(false),
    }
}

fn random_key(
    edit: &mut Edit<'_>,
    table: &Table,
    generator: &mut Generator,
) -> Result<Option<Value>, TenantError> {
    let place = generator.below(edit.count(&table.name)?);
    edit.key_at(&table.name, place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use crate::tenant::Change;

    const AMOUNT: Amount = Amount { inserts: 40, updates: 60, deletes: 20 };

    #[test]
    fn changes_are_one_version_and_the_same_for_the_same_seed() {
        let folder = tempfile::tempdir().unwrap();
        let tenants = ["a", "b"].map(|name| {
            std::fs::create_dir(folder.path().join(name)).unwrap();
            sample::create(&folder.path().join(name).join("Cust1.db"), 10, 1).unwrap()
        });
        let version = tenants[0].version().unwrap();
        let [one, two] = [0, 1].map(|place| random(&tenants[place], AMOUNT, 5).unwrap());
        assert_eq!(one, two);
        assert_eq!(tenants[0].version().unwrap(), version + 1);
        let sum = |count: fn(&Changed) -> u64| one.values().map(count).sum::<u64>();
        assert_eq!(sum(|changed| changed.inserts), AMOUNT.inserts);
        assert!((1..=AMOUNT.updates).contains(&sum(|changed| changed.updates)));
        assert!((1..=AMOUNT.deletes).contains(&sum(|changed| changed.deletes)));
        for table in tenants[0].tables().unwrap() {
            let checksum = |tenant: &Tenant| tenant.checksum(&table.name).unwrap();
            assert_eq!(checksum(&tenants[0]), checksum(&tenants[1]), "{}", table.name);
        }
    }

    /// A copy that applies what change tracking says must end up like its source.
    #[test]
    fn the_tracked_changes_turn_an_old_copy_into_the_new_table() {
        let folder = tempfile::tempdir().unwrap();
        let source = sample::create(&folder.path().join("Cust1.db"), 10, 1).unwrap();
        source.backup(&folder.path().join("copy.db")).unwrap();
        let copy = Tenant::open(&folder.path().join("copy.db")).unwrap();
        let since = source.version().unwrap();
        for seed in 0..5 {
            random(&source, AMOUNT, seed).unwrap();
        }
        let snapshot = source.snapshot().unwrap();
        for table in snapshot.tables().unwrap() {
            let apply = |change, row: Vec<Value>| {
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
