//! Alterations, as claims.

use std::collections::BTreeSet;
use std::mem::discriminant;

use tempfile::TempDir;

use super::random::widened;
use super::*;
use crate::crm;
use crate::tenant::Preference;

fn sample() -> (TempDir, Tenant) {
    let folder = tempfile::tempdir().unwrap();
    let tenant = crm::create(&folder.path().join("Cust1.db"), 2, 1).unwrap();
    (folder, tenant)
}

fn columns(tenant: &Tenant, table: &str) -> Vec<String> {
    let columns = tenant.table(table).unwrap().columns;
    columns.iter().map(|column| format!("{} {}", column.name, column.sql_type)).collect()
}

#[test]
fn random_alterations_are_of_every_kind_and_always_possible() {
    let (_folder, tenant) = sample();
    let mut kinds = Vec::new();
    for seed in 0..200 {
        let alteration = Alteration::random(&tenant, seed).unwrap();
        assert_eq!(alteration, Alteration::random(&tenant, seed).unwrap());
        alteration.apply(&tenant, seed).unwrap_or_else(|error| panic!("seed {seed}: {alteration}: {error}"));
        assert!(alteration.consequence(&tenant.settings().unwrap()).contains(alteration.table()));
        if !kinds.contains(&discriminant(&alteration)) {
            kinds.push(discriminant(&alteration));
        }
        let exists = tenant.table(alteration.table()).is_ok();
        assert_eq!(exists, !matches!(alteration, Alteration::DropTable { .. }));
    }
    assert_eq!(kinds.len(), 6);
    let tables = tenant.tables().unwrap();
    let names: BTreeSet<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    assert!(names.contains("contact") && tables.len() > 28, "{names:?}");
    for table in &tables {
        tenant.checksum(&table.name).unwrap();
    }
}

#[test]
fn a_table_made_anew_has_its_new_columns_and_rows() {
    let (_folder, tenant) = sample();
    let table = Table::parse("y_booking", &["id int", "x_seat nvarchar(9) null"]).unwrap();
    Alteration::RecreateTable { table, rows: 7 }.apply(&tenant, 1).unwrap();
    assert_eq!(columns(&tenant, "y_booking"), ["id int", "x_seat nvarchar(9)"]);
    assert_eq!(tenant.checksum("y_booking").unwrap().rows, 7);
}

#[test]
fn what_cannot_come_back_is_not_dropped() {
    let (_folder, tenant) = sample();
    let before = columns(&tenant, "y_booking");
    let table = Table::parse("y_booking", &["id int null"]).unwrap();
    let error = Alteration::RecreateTable { table, rows: 0 }.apply(&tenant, 1).unwrap_err();
    assert!(matches!(error, TenantError::NoKey { .. }));
    assert_eq!(columns(&tenant, "y_booking"), before);
}

#[test]
fn of_a_table_that_is_blocked_or_skipped_no_receiver_learns() {
    let (_folder, tenant) = sample();
    tenant.set_preference(Preference::SkipTable, "sale").unwrap();
    let settings = tenant.settings().unwrap();
    let drop = |table: &str| Alteration::DropTable { table: table.to_owned() }.consequence(&settings);
    assert_eq!(drop("webhook"), "table webhook is blocked: no receiver learns of it");
    assert_eq!(drop("sale"), "table sale is skipped by the customer: no receiver learns of it");
    assert!(drop("contact").contains("must leave the mirror"));
}

/// The table of extremes has every value that its types can hold at all.
#[test]
fn every_type_is_widened_to_one_that_takes_all_its_values() {
    let (_folder, tenant) = sample();
    let table = tenant.table("y_extremes").unwrap();
    for column in &table.columns[1..] {
        let (mut sql_type, mut types) = (column.sql_type, vec![column.sql_type]);
        for _ in 0..3 {
            sql_type = widened(sql_type);
            let (table, column) = (table.name.clone(), column.name.clone());
            types.push(sql_type);
            let done = Alteration::RetypeColumn { table, column, sql_type }.apply(&tenant, 1);
            done.unwrap_or_else(|error| panic!("{types:?}: {error}"));
        }
    }
}
