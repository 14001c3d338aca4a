//! Live work, as claims.

use std::collections::{BTreeMap, HashSet};

use tempfile::TempDir;

use super::*;
use crate::crm::{Plan, Schema, Size};
use crate::sql::Value;

/// 2026-03-02 08:00 UTC.
const MORNING_MS: i64 = 1_772_438_400_000;
const HOUR_MS: i64 = 60 * calendar::MINUTE_MS;
const QUIET: Rates =
    Rates { inserts: 0.0, updates: 0.0, deletes: 0.0, merges: 0.0, bursts: 0.0, burst_rows: 0 };

fn tenant(schema: Schema, contacts: u64) -> (TempDir, Tenant) {
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan { schema, size: Size::Contacts(contacts), seed: 11 };
    let tenant = plan.create(&folder.path().join("Cust1.db"), |_| ()).unwrap();
    for table in tenant.tables().unwrap() {
        tenant.enable_tracking(&table.name).unwrap();
    }
    (folder, tenant)
}

fn work_for(tenant: &Tenant, rates: Rates, ms: i64) -> Work {
    Activity::new(rates, 5, MORNING_MS).step(tenant, MORNING_MS + ms).unwrap()
}

/// The cells of one column.
fn column(tenant: &Tenant, table: &str, column: &str) -> Vec<Value> {
    let snapshot = tenant.snapshot().unwrap();
    let table = snapshot.table(table).unwrap();
    let place = table.columns.iter().position(|known| known.name == column).unwrap();
    let mut cells = Vec::new();
    snapshot
        .for_each_row(&table, |row| {
            cells.extend(row.to_values()?.into_iter().nth(place));
            Ok::<_, TenantError>(())
        })
        .unwrap();
    cells
}

fn checksums(tenant: &Tenant) -> BTreeMap<String, String> {
    let names = tenant.tables().unwrap().into_iter().map(|table| table.name);
    names.map(|name| (name.clone(), tenant.checksum(&name).unwrap().to_string())).collect()
}

/// Columns that hold keys of other tables, by the names that a reader goes by.
const REFERENCES: &[(&str, &str, &str)] = &[
    ("address", "owner_id", "contact"),
    ("appointment", "associate_id", "associate"),
    ("appointment", "contact_id", "contact"),
    ("appointment", "person_id", "person"),
    ("contactinterest", "contact_id", "contact"),
    ("document", "appointment_id", "appointment"),
    ("email", "person_id", "person"),
    ("person", "contact_id", "contact"),
    ("phone", "owner_id", "contact"),
    ("projectmember", "project_id", "project"),
    ("sale", "contact_id", "contact"),
];

fn assert_whole(tenant: &Tenant) {
    for &(table, name, target) in REFERENCES {
        let keys: Vec<Value> = column(tenant, target, &format!("{target}_id"));
        for cell in column(tenant, table, name) {
            assert!(cell == Value::Whole(0) || keys.contains(&cell), "{table}.{name} is {cell:?}");
        }
    }
}

#[test]
fn an_hours_changes_are_as_many_as_asked_for() {
    let (_folder, tenant) = tenant(Schema::Sample, 20);
    let rates = Rates { inserts: 7.3, updates: 11.5, deletes: 2.1, ..QUIET };
    let work = work_for(&tenant, rates, HOUR_MS);
    let Changed { inserts, updates, deletes } = work.changed();
    let asked = [(inserts, 438), (updates, 690), (deletes, 126)];
    assert!(asked.iter().all(|(done, asked)| done.abs_diff(*asked) <= 15), "{asked:?}");
    assert_eq!((work.merges, work.bursts), (0, 0));
    assert!((300..=700).contains(&work.saves), "{}", work.saves);
}

#[test]
fn merges_and_bursts_come_as_often_as_asked_for() {
    let (_folder, tenant) = tenant(Schema::Small, 60);
    let work = work_for(&tenant, Rates { merges: 0.5, bursts: 0.25, burst_rows: 30, ..QUIET }, HOUR_MS);
    assert!((20..=40).contains(&work.merges) && (8..=22).contains(&work.bursts), "{work:?}");
    assert_eq!(work.changed().deletes, work.merges);
    assert_whole(&tenant);
}

#[test]
fn appointments_and_documents_are_worked_on_most_and_empty_tables_mostly_stay_so() {
    let (_folder, tenant) = tenant(Schema::Sample, 20);
    let work = work_for(&tenant, Rates { merges: 0.0, bursts: 0.0, ..Rates::per_minute(30.0) }, HOUR_MS);
    let mut tables: Vec<(u64, &str)> =
        work.tables.iter().map(|(table, changed)| (changed.sum(), table.as_str())).collect();
    tables.sort_unstable();
    let most: Vec<&str> = tables.iter().rev().take(2).map(|(_, table)| *table).collect();
    assert_eq!(most, ["appointment", "document"], "{tables:?}");
    assert!(tables.len() > 20, "{tables:?}");
    let begun = ["activityevent", "heading", "historyevent", "y_setting"].iter();
    assert!(begun.filter(|table| work.tables.contains_key(**table)).count() <= 1, "{tables:?}");
}

#[test]
fn a_day_leaves_every_reference_whole() {
    let (_folder, tenant) = tenant(Schema::Small, 12);
    let rates = Rates { merges: 0.02, bursts: 0.003, burst_rows: 40, ..Rates::per_minute(2.0) };
    let work = work_for(&tenant, rates, 24 * HOUR_MS);
    assert!(work.merges > 10 && work.bursts > 1 && work.changed().sum() > 2500, "{work:?}");
    assert_whole(&tenant);
    // Blocked tables are worked on like others.
    assert!(work.tables["usersession"].sum() > 0 && work.tables["counter"].sum() > 0);
}

#[test]
fn many_short_steps_do_what_one_long_one_does() {
    let (_one, one) = tenant(Schema::Small, 12);
    let (_two, two) = tenant(Schema::Small, 12);
    let rates = Rates { merges: 0.2, bursts: 0.1, burst_rows: 20, ..Rates::per_minute(10.0) };
    let long = work_for(&one, rates, HOUR_MS);
    let mut activity = Activity::new(rates, 5, MORNING_MS);
    let mut short = Work::default();
    for seconds in [1, 59, 60, 61, 400, 1000, 1800, 1801, 3599, 3600] {
        short.add(activity.step(&two, MORNING_MS + seconds * 1000).unwrap());
        // Going back does nothing.
        short.add(activity.step(&two, MORNING_MS).unwrap());
    }
    assert_eq!(long, short);
    assert_eq!(checksums(&one), checksums(&two));
    let (_three, three) = tenant(Schema::Small, 12);
    Activity::new(rates, 6, MORNING_MS).step(&three, MORNING_MS + HOUR_MS).unwrap();
    assert_ne!(checksums(&one), checksums(&three));
}

#[test]
fn a_step_does_no_more_than_is_due() {
    let (_folder, tenant) = tenant(Schema::Small, 12);
    let rates = Rates { merges: 0.0, bursts: 0.0, ..Rates::per_minute(100.0) };
    let mut activity = Activity::new(rates, 5, MORNING_MS);
    let halves = [30_000, 60_000].map(|ms| activity.step(&tenant, MORNING_MS + ms).unwrap().changed().sum());
    assert!(halves.iter().all(|changes| (30..=70).contains(changes)), "{halves:?}");
    assert_eq!(halves.iter().sum::<u64>(), 100);
}

#[test]
fn what_failed_is_done_in_the_next_step() {
    let rates = Rates { merges: 0.0, bursts: 0.0, ..Rates::per_minute(30.0) };
    let (_one, one) = tenant(Schema::Small, 12);
    let mut activity = Activity::new(rates, 5, MORNING_MS);
    activity.step(&one, MORNING_MS + HOUR_MS).unwrap();
    let (two_folder, two) = tenant(Schema::Small, 12);
    let other = rusqlite::Connection::open(two_folder.path().join("Cust1.db")).unwrap();
    other.execute_batch("ALTER TABLE phone RENAME TO hidden").unwrap();
    let mut activity = Activity::new(rates, 5, MORNING_MS);
    let version = two.version().unwrap();
    activity.step(&two, MORNING_MS + HOUR_MS).unwrap_err();
    assert!(two.version().unwrap() > version, "nothing was done before");
    activity.step(&two, MORNING_MS + HOUR_MS).unwrap_err();
    other.execute_batch("ALTER TABLE hidden RENAME TO phone").unwrap();
    activity.step(&two, MORNING_MS + HOUR_MS).unwrap();
    assert_eq!(checksums(&one), checksums(&two));
}

#[test]
fn where_nothing_is_due_nothing_is_done() {
    let (_folder, tenant) = tenant(Schema::Small, 12);
    let before = (tenant.version().unwrap(), checksums(&tenant));
    assert_eq!(work_for(&tenant, QUIET, HOUR_MS), Work::default());
    let early = Activity::new(Rates::per_minute(60.0), 5, MORNING_MS).step(&tenant, MORNING_MS - HOUR_MS);
    assert_eq!(early.unwrap(), Work::default());
    assert_eq!((tenant.version().unwrap(), checksums(&tenant)), before);
}

#[test]
fn rows_say_when_they_were_registered() {
    let (_folder, tenant) = tenant(Schema::Small, 12);
    let before: HashSet<String> =
        column(&tenant, "appointment", "appointment_id").iter().map(|key| format!("{key:?}")).collect();
    work_for(&tenant, Rates { inserts: 5.0, ..QUIET }, HOUR_MS);
    let keys = column(&tenant, "appointment", "appointment_id");
    let registered = column(&tenant, "appointment", "registered");
    let new = keys.iter().zip(registered).filter(|(key, _)| !before.contains(&format!("{key:?}")));
    let stamps: Vec<i64> = new
        .map(|(_, cell)| match cell {
            Value::Whole(ms) => ms,
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(!stamps.is_empty());
    assert!(
        stamps
            .iter()
            .all(|ms| (MORNING_MS..=MORNING_MS + HOUR_MS).contains(ms) && [0, 3, 7].contains(&(ms % 10)))
    );
}

#[test]
fn a_merge_leaves_no_row_that_names_the_lost_contact() {
    let (_folder, tenant) = tenant(Schema::Sample, 8);
    let columns = [
        ("address", "owner_id"),
        ("appointment", "contact_id"),
        ("contactinterest", "contact_id"),
        ("person", "contact_id"),
        ("phone", "owner_id"),
        ("relation", "source_id"),
        ("relation", "target_id"),
        ("sale", "contact_id"),
        ("selectionmember", "record_id"),
        ("text", "owner_id"),
    ];
    for seed in 0..5 {
        let before = column(&tenant, "contact", "contact_id");
        let rows = tenant.checksum("person").unwrap().rows;
        let naming = |contact: &Value| -> usize {
            let cells = columns.iter().flat_map(|(table, name)| column(&tenant, table, name));
            cells.filter(|cell| cell == contact).count()
        };
        let counts: Vec<usize> = before.iter().map(&naming).collect();
        let version = tenant.version().unwrap();
        let work = merge(&tenant, MORNING_MS, seed).unwrap();
        assert_eq!(tenant.version().unwrap(), version + 1);
        let after = column(&tenant, "contact", "contact_id");
        let (place, lost) = before.iter().enumerate().find(|(_, key)| !after.contains(key)).unwrap();
        assert_eq!(after.len(), before.len() - 1);
        assert_eq!(naming(lost), 0);
        assert_eq!(work.merges, 1);
        let changed = work.changed();
        assert_eq!((changed.updates, changed.deletes), (u64::try_from(counts[place]).unwrap(), 1));
        assert_eq!(tenant.checksum("person").unwrap().rows, rows);
    }
}

#[test]
fn one_contact_is_merged_with_nobody() {
    let (_folder, tenant) = tenant(Schema::Small, 1);
    let before = checksums(&tenant);
    for seed in 0..5 {
        assert_eq!(merge(&tenant, MORNING_MS, seed).unwrap(), Work::default());
    }
    assert_eq!(checksums(&tenant), before);
}

#[test]
fn an_import_is_one_version_with_its_persons_at_contacts() {
    let (_folder, tenant) = tenant(Schema::Small, 12);
    let version = tenant.version().unwrap();
    let work = import(&tenant, 3000, MORNING_MS, 1).unwrap();
    assert_eq!(tenant.version().unwrap(), version + 1);
    assert_eq!((work.tables["contact"].inserts, work.tables["person"].inserts), (1000, 2000));
    assert_eq!(work.tables.len(), 2);
    assert_whole(&tenant);
}

#[test]
fn an_upgrade_updates_every_row_of_a_table_in_one_version() {
    let (_folder, tenant) = tenant(Schema::Small, 12);
    let (version, rows) = (tenant.version().unwrap(), tenant.checksum("appointment").unwrap().rows);
    let work = upgrade(&tenant, Some("appointment"), MORNING_MS, 1).unwrap();
    assert_eq!(work.tables["appointment"].updates, rows);
    assert_eq!((work.tables.len(), tenant.version().unwrap()), (1, version + 1));
    let error = upgrade(&tenant, Some("nothing"), MORNING_MS, 1).unwrap_err();
    assert!(matches!(error, TenantError::NoTable { .. }));
}

#[test]
fn a_minutes_acts_are_in_that_minute_and_in_the_order_of_time() {
    let rates = Rates { merges: 1.5, bursts: 1.5, ..Rates::per_minute(100.0) };
    let minute = MORNING_MS / calendar::MINUTE_MS;
    let acts = calendar::acts(&rates, 3, minute);
    assert!(acts.iter().all(|act| act.at_ms.div_euclid(calendar::MINUTE_MS) == minute));
    assert!(acts.is_sorted_by_key(|act| act.at_ms) && acts.len() > 30);
    assert_eq!(acts, calendar::acts(&rates, 3, minute));
    assert_ne!(acts, calendar::acts(&rates, 3, minute + 1));
    let negative = Rates { inserts: -1.0, updates: f64::NAN, ..QUIET };
    assert_eq!(calendar::acts(&negative, 3, minute), []);
}
