//! The schemas and their data, as claims.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::sql::{SqlType, Value};
use crate::tenant::Table;

fn sample(size: u64, seed: u64) -> (tempfile::TempDir, Tenant) {
    let folder = tempfile::tempdir().unwrap();
    let tenant = create(&folder.path().join("Cust1.db"), size, seed).unwrap();
    (folder, tenant)
}

fn rows(tenant: &Tenant, table: &str) -> Vec<Vec<Value>> {
    let snapshot = tenant.snapshot().unwrap();
    let mut rows = Vec::new();
    snapshot
        .for_each_row(&snapshot.table(table).unwrap(), |row| {
            rows.push(row.to_values()?);
            Ok::<_, TenantError>(())
        })
        .unwrap();
    rows
}

#[test]
fn a_sample_has_all_types_many_tables_and_empty_ones() {
    let (_folder, tenant) = sample(10, 1);
    let tables = tenant.tables().unwrap();
    assert!(tables.len() >= 25, "{}", tables.len());
    for name in ["contact", "person", "appointment", "sale", "project", "document", "associate", "y_booking"]
    {
        assert!(tenant.checksum(name).unwrap().rows > 0, "{name}");
    }
    assert_eq!(tenant.checksum("y_setting").unwrap().rows, 0);
    let types: BTreeSet<String> = tables
        .iter()
        .flat_map(|table| &table.columns)
        .map(|column| column.sql_type.to_string().split('(').next().unwrap_or_default().to_owned())
        .collect();
    let all = "bigint bit date datetime datetime2 decimal float int money ntext nvarchar smallint time \
               uniqueidentifier varbinary";
    assert_eq!(types.into_iter().collect::<Vec<_>>().join(" "), all);
    assert!(tables.iter().all(|table| table.columns[0].sql_type == SqlType::Int));
}

#[test]
fn a_sample_is_the_same_for_the_same_seed_and_grows_with_its_size() {
    let (_one, one) = sample(10, 1);
    let (_two, two) = sample(10, 1);
    let (_three, three) = sample(20, 2);
    for table in one.tables().unwrap() {
        assert_eq!(one.checksum(&table.name).unwrap(), two.checksum(&table.name).unwrap(), "{}", table.name);
    }
    assert_ne!(one.checksum("contact").unwrap(), three.checksum("contact").unwrap());
    assert_eq!(three.checksum("person").unwrap().rows, 50);
}

#[test]
fn awkward_values_are_in_every_sample() {
    let (_folder, tenant) = sample(1, 3);
    let extremes = rows(&tenant, "y_extremes");
    for text in generator::AWKWARD_TEXTS {
        assert!(extremes.iter().any(|row| row.contains(&Value::from(*text))), "{text:?}");
    }
    let no_date = SqlType::DateTime.zero();
    assert_eq!(no_date, Value::Whole(-6_626_966_400_000));
    assert!(extremes.iter().any(|row| row.contains(&no_date)));
    assert!(extremes.last().unwrap().iter().skip(1).all(|cell| *cell == Value::Null));
    let is_long = |cell: &Value| matches!(cell, Value::Text(text) if text.len() > 100_000);
    assert!(rows(&tenant, "text").iter().flatten().any(is_long));
}

fn planned(schema: Schema, size: Size) -> (tempfile::TempDir, Tenant) {
    let folder = tempfile::tempdir().unwrap();
    let tenant = Plan { schema, size, seed: 3 }.create(&folder.path().join("Cust1.db"), |_| ()).unwrap();
    (folder, tenant)
}

/// Rows by table.
fn counts(tenant: &Tenant, tables: &[Table]) -> BTreeMap<String, u64> {
    let snapshot = tenant.snapshot().unwrap();
    tables.iter().map(|table| (table.name.clone(), snapshot.checksum(&table.name).unwrap().rows)).collect()
}

#[test]
fn a_full_tenant_has_the_rows_asked_for_and_blocked_tables_on_top() {
    let (_folder, tenant) = planned(Schema::Full, Size::Rows(12_000));
    let tables = tenant.tables().unwrap();
    assert_eq!(tables.len(), 413 + 110);
    let announced = blocked::announced(tables.clone());
    assert_eq!(announced.len(), 413);
    let rows = counts(&tenant, &announced);
    assert_eq!(rows.values().sum::<u64>(), 12_000);
    let filled = rows.values().filter(|rows| **rows > 0).count();
    assert!((140..=160).contains(&filled), "{filled}");
    // Few big tables, a long tail.
    let mut sorted: Vec<u64> = rows.values().copied().filter(|rows| *rows > 0).collect();
    sorted.sort_unstable_by(|one, two| two.cmp(one));
    assert!(sorted[..10].iter().sum::<u64>() > 6_000, "{sorted:?}");
    assert!(sorted[75] < 100, "{sorted:?}");
    let is_blocked = |table: &&Table| blocked::is_blocked(&table.name);
    let blocked: Vec<Table> = tables.iter().filter(is_blocked).cloned().collect();
    assert!(counts(&tenant, &blocked).values().all(|rows| *rows > 0));
}

#[test]
fn the_fewest_rows_are_those_of_one_contact() {
    let rows = |schema| {
        let (_folder, tenant) = planned(schema, Size::Rows(1));
        counts(&tenant, &blocked::announced(tenant.tables().unwrap()))
    };
    assert_eq!(rows(Schema::Sample)["contact"], 1);
    assert!(rows(Schema::Full).values().sum::<u64>() < 400);
}

#[test]
fn a_small_tenant_has_at_most_20_tables_with_tens_of_rows() {
    let (_folder, tenant) = planned(Schema::Small, Size::Contacts(Schema::Small.default_contacts()));
    let tables = tenant.tables().unwrap();
    assert_eq!(tables.len(), 20);
    assert_eq!(blocked::announced(tables.clone()).len(), 18);
    let rows = counts(&tenant, &tables);
    assert!(rows.values().all(|rows| (1..100).contains(rows)), "{rows:?}");
    assert!(rows.values().sum::<u64>() < 600, "{rows:?}");
}

/// References are told by names here, not by the code's own rule.
#[test]
fn references_name_rows_that_exist() {
    let (_folder, tenant) = sample(30, 5);
    let rows_of = |table: &str| tenant.checksum(table).unwrap().rows;
    for (table, column, target) in [
        ("person", "contact_id", "contact"),
        ("appointment", "contact_id", "contact"),
        ("appointment", "person_id", "person"),
        ("sale", "contact_id", "contact"),
        ("document", "appointment_id", "appointment"),
        ("quoteline", "quote_id", "quote"),
        ("projectmember", "project_id", "project"),
        ("selectionmember", "selection_id", "selection"),
        ("contact", "business_idx", "business"),
        ("relation", "target_id", "contact"),
        ("y_delivery", "x_sale", "sale"),
    ] {
        let columns = tenant.table(table).unwrap().columns;
        let place = columns.iter().position(|known| known.name == column).unwrap();
        let most = i64::try_from(rows_of(target)).unwrap();
        let is_owner = !columns[1..place].iter().any(|known| known.name.ends_with("_id"));
        let least = i64::from(is_owner);
        for row in rows(&tenant, table) {
            let fits = match row[place] {
                Value::Whole(key) => (least..=most).contains(&key),
                _ => row[place] == Value::Null && columns[place].nullable,
            };
            assert!(fits, "{table}.{column}: {:?}", row[place]);
        }
    }
    let owners: BTreeSet<_> = rows(&tenant, "person").iter().map(|row| format!("{:?}", row[1])).collect();
    assert!(owners.len() > 10, "{owners:?}");
}

#[test]
fn progress_ends_with_everything_done() {
    let folder = tempfile::tempdir().unwrap();
    let mut reports = Vec::new();
    let plan = Plan { schema: Schema::Sample, size: Size::Contacts(500), seed: 1 };
    plan.create(&folder.path().join("Cust1.db"), |progress| reports.push(progress)).unwrap();
    let last = *reports.last().unwrap();
    assert_eq!((last.tables, last.rows), (33, last.all_rows));
    assert!(reports.iter().any(|progress| progress.rows == 10_000), "{reports:?}");
    assert!(reports.is_sorted_by_key(|progress| (progress.rows, progress.tables)));
}

#[test]
fn blocked_names_are_unlike_and_known_in_any_case() {
    let names: BTreeSet<&str> = blocked::list().collect();
    assert_eq!((names.len(), blocked::list().count()), (110, 110));
    for name in ["webhook", "binaryobject", "log_events", "WebHook"] {
        assert!(blocked::is_blocked(name), "{name}");
    }
    assert!(!blocked::is_blocked("contact") && !blocked::is_blocked(""));
}
