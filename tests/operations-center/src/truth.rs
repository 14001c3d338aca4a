//! What a mirror of a tenant must hold: row count and checksum per table, to be compared with the mirror's own.
//!
//! `mirrorbus_schemas::checksum` defines the checksum. It comes from the tenant's database alone, read at one moment,
//! so it belongs to one version. Blocked tables, and those that the tenant's customer skips, are no part of a mirror.

use mirrorbus_schemas::checksum::TableChecksum;

use crate::tenant::{Snapshot, Tenant, TenantError};

/// One table's truth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableTruth {
    /// The table.
    pub table: String,
    /// Its row count and checksum.
    pub checksum: TableChecksum,
}

/// A tenant's truth at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Truth {
    /// The version of change tracking: the LSN that a mirror has reached which equals this.
    pub version: i64,
    /// The tables in the order of their names.
    pub tables: Vec<TableTruth>,
}

/// The truth of all tables that a mirror holds.
///
/// # Errors
/// [`TenantError`] when the database fails.
pub fn of(tenant: &Tenant) -> Result<Truth, TenantError> {
    let settings = tenant.settings()?;
    collect(&tenant.snapshot()?, |table| settings.mirrors(table))
}

/// The truth of every table, also of those that are never sent.
///
/// # Errors
/// [`TenantError`] when the database fails.
pub fn of_all(tenant: &Tenant) -> Result<Truth, TenantError> {
    collect(&tenant.snapshot()?, |_| true)
}

/// The truth of one table.
///
/// # Errors
/// [`TenantError::NoTable`], or the database's failure.
pub fn of_table(tenant: &Tenant, table: &str) -> Result<Truth, TenantError> {
    let snapshot = tenant.snapshot()?;
    let name = snapshot.table(table)?.name;
    collect(&snapshot, |other| other == name)
}

fn collect(snapshot: &Snapshot, is_wanted: impl Fn(&str) -> bool) -> Result<Truth, TenantError> {
    let mut tables = Vec::new();
    for table in snapshot.tables()?.into_iter().filter(|table| is_wanted(&table.name)) {
        let checksum = snapshot.checksum(&table.name)?;
        tables.push(TableTruth { table: table.name, checksum });
    }
    Ok(Truth { version: snapshot.version(), tables })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crm::{self, Plan, Schema, Size};
    use crate::tenant::Preference;

    #[test]
    fn skipped_tables_are_no_part_of_the_truth_unless_all_is_asked() {
        let folder = tempfile::tempdir().unwrap();
        let tenant = crm::create(&folder.path().join("Cust1.db"), 2, 1).unwrap();
        tenant.set_preference(Preference::SkipTable, "Contact,sale").unwrap();
        let (some, all) = (of(&tenant).unwrap(), of_all(&tenant).unwrap());
        let left_out = all.tables.iter().filter(|table| !some.tables.contains(table));
        assert_eq!(left_out.map(|table| table.table.as_str()).collect::<Vec<_>>(), ["contact", "sale"]);
        assert_eq!(all.tables.len(), tenant.tables().unwrap().len());
        assert_eq!((some.version, all.version), (tenant.version().unwrap(), tenant.version().unwrap()));
    }

    #[test]
    fn blocked_tables_are_no_part_of_the_truth_unless_all_is_asked() {
        let folder = tempfile::tempdir().unwrap();
        let plan = Plan { schema: Schema::Small, size: Size::Contacts(1), seed: 1 };
        let tenant = plan.create(&folder.path().join("Cust1.db"), |_| ()).unwrap();
        let (some, all) = (of(&tenant).unwrap(), of_all(&tenant).unwrap());
        let left_out = all.tables.iter().filter(|table| !some.tables.contains(table));
        assert_eq!(
            left_out.map(|table| table.table.as_str()).collect::<Vec<_>>(),
            ["counter", "usersession"]
        );
    }

    #[test]
    fn one_table_has_the_truth_that_it_has_among_all() {
        let folder = tempfile::tempdir().unwrap();
        let tenant = crm::create(&folder.path().join("Cust1.db"), 2, 1).unwrap();
        let one = of_table(&tenant, "contact").unwrap();
        assert_eq!(one.tables.len(), 1);
        assert!(of(&tenant).unwrap().tables.contains(&one.tables[0]));
        assert!(matches!(of_table(&tenant, "nothing"), Err(TenantError::NoTable { .. })));
    }
}
