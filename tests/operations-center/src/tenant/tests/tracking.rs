//! What a mirror is told from which position, and until when.

use super::*;
use crate::clock::Clock as _;

#[test]
fn nothing_is_tracked_before_tracking_is_switched_on() {
    let Fixture { tenant, .. } = &untracked();
    insert(tenant, 1, "a");
    rename(tenant, 1, "b");
    assert_eq!((tenant.version().unwrap(), knows(tenant, 1)), (1, false));
    assert_eq!(tenant.snapshot().unwrap().min_valid_version("contact").unwrap(), None);
    assert!(tenant.enable_tracking("contact").unwrap());
    assert!(!tenant.enable_tracking("contact").unwrap());
    assert_eq!((tenant.version().unwrap(), changes(tenant, 0)), (2, vec![]));
    assert!(!knows(tenant, 1) && !knows(tenant, -1) && knows(tenant, 2) && !knows(tenant, 3));
    assert!(matches!(tenant.enable_tracking("sale"), Err(TenantError::NoTable { .. })));
}

#[test]
fn a_transaction_of_untracked_tables_alone_takes_no_version() {
    let Fixture { tenant, .. } = &tracked();
    tenant.add_table(&Table::parse("sale", &["id int"]).unwrap()).unwrap();
    let before = tenant.version().unwrap();
    tenant.insert("sale", &[("id", 1.into())]).unwrap();
    assert_eq!(tenant.version().unwrap(), before);
    let both = |edit: &mut Edit<'_>| {
        edit.insert("sale", &[("id", 2.into())])?;
        edit.insert("contact", &[("contact_id", 1.into())])
    };
    tenant.transaction::<_, TenantError>(both).unwrap();
    assert_eq!(tenant.version().unwrap(), before + 1);
}

#[test]
fn tracking_that_was_off_for_a_while_makes_every_position_invalid() {
    let Fixture { tenant, .. } = &tracked();
    insert(tenant, 1, "a");
    let version = tenant.version().unwrap();
    assert!(knows(tenant, version));
    assert!(tenant.disable_tracking("contact").unwrap());
    assert!(!tenant.disable_tracking("contact").unwrap());
    assert!(!knows(tenant, version));
    insert(tenant, 2, "b");
    assert!(tenant.enable_tracking("contact").unwrap());
    assert!(!knows(tenant, version) && knows(tenant, version + 1));
    assert_eq!(changes(tenant, 0), [""; 0]);
}

#[test]
fn an_insert_followed_by_updates_is_one_insert_with_the_final_state() {
    let Fixture { tenant, .. } = &tracked();
    let before = tenant.version().unwrap();
    insert(tenant, 1, "a");
    rename(tenant, 1, "b");
    assert_eq!(changes(tenant, before), ["I1=b"]);
}

#[test]
fn a_mirror_that_has_the_row_sees_an_update() {
    let Fixture { tenant, .. } = &tracked();
    insert(tenant, 1, "a");
    let between = tenant.version().unwrap();
    rename(tenant, 1, "b");
    rename(tenant, 1, "c");
    assert_eq!(changes(tenant, between), ["U1=c"]);
}

#[test]
fn an_insert_followed_by_a_delete_is_a_delete() {
    let Fixture { tenant, .. } = &tracked();
    let before = tenant.version().unwrap();
    insert(tenant, 1, "a");
    assert!(tenant.delete("contact", &1.into()).unwrap());
    assert_eq!(changes(tenant, before), ["D1=-"]);
}

#[test]
fn a_delete_followed_by_an_insert_is_what_it_looks_like_from_the_mirrors_version() {
    let Fixture { tenant, .. } = &tracked();
    let absent = tenant.version().unwrap();
    insert(tenant, 1, "a");
    let there = tenant.version().unwrap();
    tenant.delete("contact", &1.into()).unwrap();
    let gone = tenant.version().unwrap();
    insert(tenant, 1, "b");
    rename(tenant, 1, "c");
    assert_eq!([absent, there, gone].map(|since| changes(tenant, since)), [["I1=c"], ["U1=c"], ["I1=c"]]);
    tenant.delete("contact", &1.into()).unwrap();
    assert_eq!([absent, there, gone].map(|since| changes(tenant, since)), [["D1=-"]; 3]);
}

#[test]
fn what_one_transaction_does_to_a_row_is_one_change() {
    let Fixture { tenant, .. } = &tracked();
    let before = tenant.version().unwrap();
    let passing = |edit: &mut Edit<'_>| {
        edit.insert("contact", &[("contact_id", 1.into())])?;
        edit.delete("contact", &1.into())
    };
    tenant.transaction::<_, TenantError>(passing).unwrap();
    let between = tenant.version().unwrap();
    assert_eq!(changes(tenant, before), ["D1=-"]);
    insert(tenant, 1, "a");
    assert_eq!([before, between].map(|since| changes(tenant, since)), [["I1=a"]; 2]);
    let version = tenant.version().unwrap();
    let replacing = |edit: &mut Edit<'_>| {
        edit.delete("contact", &1.into())?;
        edit.insert("contact", &[("contact_id", 1.into()), ("name", "b".into())])
    };
    tenant.transaction::<_, TenantError>(replacing).unwrap();
    assert_eq!([before, version].map(|since| changes(tenant, since)), [["I1=b"], ["U1=b"]]);
}

#[test]
fn changes_come_in_the_order_of_their_last_version() {
    let Fixture { tenant, .. } = &tracked();
    for id in 1..=3 {
        insert(tenant, id, "a");
    }
    let since = tenant.version().unwrap();
    rename(tenant, 3, "b");
    rename(tenant, 2, "b");
    rename(tenant, 3, "c");
    assert_eq!(changes(tenant, since), ["U2=b", "U3=c"]);
}

#[test]
fn a_row_that_is_updated_again_and_again_has_one_entry() {
    let Fixture { tenant, .. } = &tracked();
    insert(tenant, 1, "a");
    for _ in 0..10 {
        rename(tenant, 1, "b");
    }
    let entries: i64 =
        tenant.db.query_row(r#"SELECT count(*) FROM "sys.changes""#, [], |row| row.get(0)).unwrap();
    assert_eq!(entries, 2);
}

#[test]
fn a_transaction_is_one_version_and_one_that_changes_nothing_is_none() {
    let Fixture { tenant, .. } = &tracked();
    let before = tenant.version().unwrap();
    let both = |edit: &mut Edit<'_>| -> Result<(), TenantError> {
        edit.insert("contact", &[("contact_id", 1.into())])?;
        edit.insert("contact", &[("contact_id", 2.into())])
    };
    tenant.transaction(both).unwrap();
    assert_eq!(tenant.version().unwrap(), before + 1);
    assert!(!tenant.delete("contact", &99.into()).unwrap());
    assert!(!tenant.update("contact", &99.into(), &[("name", "x".into())]).unwrap());
    assert_eq!(tenant.version().unwrap(), before + 1);
    tenant.transaction(both).unwrap_err();
    assert_eq!(tenant.version().unwrap(), before + 1);
}

#[test]
fn a_snapshot_keeps_version_and_rows_together() {
    let Fixture { tenant, .. } = &tracked();
    insert(tenant, 1, "a");
    let snapshot = tenant.snapshot().unwrap();
    let (version, checksum) = (snapshot.version(), snapshot.checksum("contact").unwrap());
    insert(tenant, 2, "b");
    assert_eq!((snapshot.version(), snapshot.checksum("contact").unwrap()), (version, checksum));
    assert_eq!(tenant.version().unwrap(), version + 1);
    assert_ne!(tenant.checksum("contact").unwrap(), checksum);
}

#[test]
fn loaded_rows_are_in_no_change_but_make_old_positions_invalid() {
    let Fixture { tenant, .. } = &tracked();
    let before = tenant.version().unwrap();
    assert_eq!(tenant.load("contact", [vec![1.into(), "a".into(), Value::Null]]).unwrap(), 1);
    assert_eq!(changes(tenant, 0), [""; 0]);
    assert!(!knows(tenant, before) && knows(tenant, tenant.version().unwrap()));
    tenant.disable_tracking("contact").unwrap();
    let version = tenant.version().unwrap();
    tenant.load("contact", [vec![2.into(), "b".into(), Value::Null]]).unwrap();
    assert_eq!((tenant.version().unwrap(), knows(tenant, version)), (version, false));
}

#[test]
fn a_new_table_of_an_old_name_is_not_tracked() {
    let Fixture { tenant, .. } = &tracked();
    insert(tenant, 1, "a");
    let version = tenant.version().unwrap();
    tenant.drop_table("contact").unwrap();
    assert!(matches!(tenant.checksum("contact"), Err(TenantError::NoTable { .. })));
    tenant.add_table(&contact()).unwrap();
    assert!(!knows(tenant, version) && tenant.enable_tracking("contact").unwrap() && !knows(tenant, version));
    assert_eq!((changes(tenant, 0), tenant.checksum("contact").unwrap().rows), (vec![], 0));
}

/// Inserts one row a day, the last one now, and returns their versions.
fn a_row_a_day(Fixture { tenant, clock, .. }: &Fixture, days: i32) -> Vec<i64> {
    let versions = (1..=days).map(|day| {
        clock.set_seconds((100 + i64::from(day)) * DAY_SECONDS);
        insert(tenant, day, "a");
        tenant.version().unwrap()
    });
    versions.collect()
}

#[test]
fn changes_older_than_seven_days_are_forgotten() {
    let fixture = tracked();
    let (tenant, clock) = (&fixture.tenant, &fixture.clock);
    let versions = a_row_a_day(&fixture, 10);
    assert_eq!(tenant.clean_up(clock.now_ms()).unwrap(), 2);
    assert!(!knows(tenant, versions[0]) && knows(tenant, versions[1]));
    assert_eq!(changes(tenant, versions[1]).len(), 8);
    assert_eq!(tenant.clean_up(clock.now_ms()).unwrap(), 0);
    assert_eq!(tenant.clean_up(clock.now_ms() + 1).unwrap(), 1);
    assert!(!knows(tenant, versions[1]) && knows(tenant, versions[2]));
    let count = |sql| tenant.db.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count(r#"SELECT count(*) FROM "sys.versions""#), 7);
}

#[test]
fn a_mirror_at_the_present_version_stays_valid_however_long_nothing_happens() {
    let fixture = tracked();
    let versions = a_row_a_day(&fixture, 1);
    let (tenant, clock) = (&fixture.tenant, &fixture.clock);
    tenant.clean_up(clock.now_ms() + 1000 * DEFAULT_RETENTION_MS).unwrap();
    assert!(knows(tenant, versions[0]));
    rename(tenant, 1, "b");
    assert_eq!(changes(tenant, versions[0]), ["U1=b"]);
}

#[test]
fn a_table_that_does_not_change_loses_its_old_positions_too() {
    let fixture = tracked();
    let (tenant, clock) = (&fixture.tenant, &fixture.clock);
    tenant.add_table(&Table::parse("quiet", &["id int"]).unwrap()).unwrap();
    tenant.enable_tracking("quiet").unwrap();
    tenant.add_table(&Table::parse("untracked", &["id int"]).unwrap()).unwrap();
    let position = tenant.version().unwrap();
    a_row_a_day(&fixture, 9);
    tenant.clean_up(clock.now_ms()).unwrap();
    let snapshot = tenant.snapshot().unwrap();
    assert!(!snapshot.knows_changes_since("quiet", position).unwrap());
    assert!(snapshot.min_valid_version("quiet").unwrap() > Some(position));
    assert_eq!(snapshot.min_valid_version("untracked").unwrap(), None);
}

#[test]
fn a_clock_that_is_behind_lets_nothing_expire_early() {
    let Fixture { tenant, clock, .. } = &tracked();
    insert(tenant, 1, "a");
    let (position, now_ms) = (tenant.version().unwrap(), clock.now_ms());
    clock.set_seconds(0);
    insert(tenant, 2, "b");
    assert_eq!(tenant.clean_up(now_ms + DEFAULT_RETENTION_MS).unwrap(), 0);
    assert!(knows(tenant, position));
    assert_eq!(tenant.clean_up(now_ms + DEFAULT_RETENTION_MS + 1).unwrap(), 2);
    assert!(!knows(tenant, position));
}

#[test]
fn the_retention_can_be_another() {
    let Fixture { folder: _folder, tenant, clock } = tracked();
    let tenant = tenant.with_retention_ms(5000);
    insert(&tenant, 1, "a");
    let version = tenant.version().unwrap();
    assert_eq!(tenant.clean_up(clock.now_ms() + 5000).unwrap(), 0);
    assert_eq!(tenant.clean_up(clock.now_ms() + 5001).unwrap(), 1);
    assert!(knows(&tenant, version));
}

#[test]
fn expired_tracking_makes_every_position_invalid() {
    let Fixture { tenant, .. } = &tracked();
    insert(tenant, 1, "a");
    let version = tenant.version().unwrap();
    tenant.expire_tracking().unwrap();
    assert!(!knows(tenant, version) && knows(tenant, version + 1));
}
