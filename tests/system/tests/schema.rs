//! Tables that come, go and change.

use mirrorbus_schemas::event::Kind;
use operations_center::wire::Request;

use crate::support::vendor::{column, table};
use crate::support::{World, batch, contact};

#[test]
fn a_table_that_left_the_source_leaves_the_topic_empty_and_an_event() {
    let (world, _bridge, vendor) = World::with_bridge();
    let person = table("person");
    vendor
        .cycle(&[batch(&contact(), 3, &[("I", 1, "a")]), batch(&person, 3, &[("I", 1, "a"), ("I", 2, "b")])]);
    vendor.open(&[contact()]);
    vendor.complete();
    assert_eq!(world.named_rows("person"), []);
    assert_eq!(world.contacts().len(), 1);
    let dropped = world.events().into_iter().find(|event| event.kind == Kind::Dropped).unwrap();
    assert_eq!(dropped.tables[0].table, "person");
    // It comes back as a table of which nothing is known.
    let lsns = vendor.cycle(&[batch(&contact(), 4, &[]), batch(&person, 5, &[("I", 2, "new")])]);
    assert_eq!((lsns["contact"], lsns["person"]), (3, -1));
    assert_eq!(world.named_rows("person"), [(2, Some("new".into()))]);
}

#[test]
fn an_empty_list_of_tables_drops_nothing() {
    let (world, _bridge, vendor) = World::with_bridge();
    vendor.cycle(&[batch(&contact(), 3, &[("I", 1, "a")])]);
    assert!(vendor.open(&[]).is_empty());
    vendor.complete();
    assert_eq!(world.contacts().len(), 1);
    assert_eq!(vendor.open(&[contact()])["contact"], 3);
}

#[test]
fn many_tables_missing_at_once_are_dropped_only_when_the_next_cycle_lacks_them_too() {
    let (world, _bridge, vendor) = World::with_bridge();
    let names = ["a", "b", "c", "d"];
    let mut all: Vec<_> = names.map(|name| batch(&table(name), 3, &[("I", 1, "x")])).into();
    all.push(batch(&contact(), 3, &[("I", 1, "x")]));
    vendor.cycle(&all);
    let count = || names.iter().map(|name| world.named_rows(name).len()).sum::<usize>();
    vendor.open(&[contact()]);
    assert_eq!(count(), 4, "withheld");
    assert!(world.events().iter().any(|event| event.kind == Kind::Alarm));
    // That cycle was not completed: the next one is the first again.
    vendor.open(&[contact()]);
    vendor.complete();
    assert_eq!(count(), 4, "withheld again");
    vendor.open(&[contact()]);
    vendor.complete();
    assert_eq!(count(), 0, "missing twice");
    assert_eq!(world.contacts().len(), 1);
}

#[test]
fn deletes_before_the_first_row_of_another_type_stop_nothing() {
    let (world, _bridge, vendor) = World::with_bridge();
    let mut aged = contact();
    aged.columns.push(column("age", "int", true));
    vendor.open(&[aged.clone()]);
    let mut rows = batch(&aged, 3, &[("I", 1, "a")]);
    rows.rows[0].values.push(None);
    vendor.rows(&[rows]);
    vendor.complete();
    let mut retyped = aged.clone();
    retyped.columns[2].sql_type = "nvarchar(10)".into();
    vendor.open(&[retyped.clone()]);
    let mut only_key = batch(&retyped, 0, &[("D", 1, "")]);
    only_key.table.columns.truncate(1);
    only_key.rows[0].values.truncate(1);
    vendor.rows(&[only_key]);
    assert_eq!(vendor.open(&[retyped.clone()])["contact"], -1);
    let mut rows = batch(&retyped, 4, &[("I", 2, "b")]);
    rows.rows[0].values.push(Some("old".into()));
    vendor.rows(&[rows]);
    vendor.complete();
    assert_eq!(vendor.open(&[retyped])["contact"], 4);
    assert_eq!(world.cluster.upsert(&world.topic("contact")).len(), 1);
}

#[test]
fn another_type_repopulates_and_old_rows_are_gone_before_new_ones_come() {
    let (world, _bridge, vendor) = World::with_bridge();
    vendor.cycle(&[batch(&contact(), 3, &[("I", 1, "a"), ("I", 2, "b")])]);
    let mut changed = contact();
    changed.columns.push(column("age", "int", true));
    vendor.open(&[changed.clone()]);
    vendor.complete();
    let mut retyped = changed.clone();
    retyped.columns[2].sql_type = "nvarchar(10)".into();
    assert_eq!(vendor.open(&[retyped.clone()])["contact"], -1);
    assert!(world.cluster.upsert(&world.topic("contact")).is_empty());
    let mut rows = batch(&retyped, 8, &[("I", 2, "b")]);
    rows.rows[0].values.push(Some("old".into()));
    vendor.rows(&[rows]);
    vendor.complete();
    assert_eq!(world.cluster.upsert(&world.topic("contact")).len(), 1);
    assert_eq!(vendor.open(&[retyped])["contact"], 8);
}

#[test]
fn added_and_dropped_columns_and_other_lengths_keep_the_position() {
    let (_world, _bridge, vendor) = World::with_bridge();
    vendor.cycle(&[batch(&contact(), 3, &[("I", 1, "a")])]);
    let mut wider = contact();
    wider.columns[1].sql_type = "nvarchar(max)".into();
    wider.columns.push(column("since", "datetime", true));
    assert_eq!(vendor.open(&[wider.clone()])["contact"], 3);
    let mut rows = batch(&wider, 4, &[("U", 1, "b")]);
    rows.rows[0].values.push(Some("[DT:05/18/2020 10:40:43.0000000]".into()));
    vendor.rows(&[rows]);
    vendor.complete();
    assert_eq!(vendor.open(&[contact()])["contact"], 4, "the column is gone again");
    vendor.rows(&[batch(&contact(), 5, &[("U", 1, "c")])]);
    vendor.complete();
    assert_eq!(vendor.open(&[wider])["contact"], -1, "and back: old rows still hold what it had before");
}

#[test]
fn columns_that_come_with_the_rows_are_taken_when_they_are_new_and_refused_when_one_is_missing() {
    let (_world, _bridge, vendor) = World::with_bridge();
    vendor.cycle(&[batch(&contact(), 3, &[("I", 1, "a")])]);
    let mut wider = contact();
    wider.columns.push(column("age", "int", true));
    vendor.open(&[contact()]);
    let mut rows = batch(&wider, 4, &[("U", 1, "b")]);
    rows.rows[0].values.push(Some("[I:7]".into()));
    vendor.rows(&[rows]);
    vendor.complete();
    assert_eq!(vendor.open(&[wider.clone()])["contact"], 4);
    let message = vendor.fail(&Request::row_data(&[batch(&contact(), 5, &[("U", 1, "c")])]));
    assert!(message.contains("lack the announced column age"), "{message}");
    assert_eq!(vendor.open(&[wider])["contact"], -1);
}

#[test]
fn deletes_need_only_the_key() {
    let (world, _bridge, vendor) = World::with_bridge();
    vendor.cycle(&[batch(&contact(), 3, &[("I", 1, "a"), ("I", 2, "b")])]);
    vendor.cycle(&[batch(&contact(), 4, &[("D", 1, "")])]);
    assert_eq!(world.contacts(), [(2, Some("b".into()))]);
}

#[test]
fn an_ignored_table_keeps_its_lsn_without_a_topic_and_is_asked_for_when_it_counts_again() {
    let world = World::new();
    let bridge = world.bridge_with("ignore_tables = [\"contact\"]");
    let vendor = world.vendor(&bridge);
    vendor.cycle(&[batch(&contact(), 3, &[("I", 1, "a")])]);
    assert_eq!(vendor.open(&[contact()])["contact"], 3);
    assert_eq!(world.cluster.topic_id(&world.topic("contact")), None);
    bridge.stop();
    let bridge = world.bridge();
    let vendor = vendor.at(&bridge);
    assert_eq!(vendor.cycle(&[batch(&contact(), 4, &[("I", 1, "a")])])["contact"], -1);
    assert_eq!(world.contacts().len(), 1);
}

#[test]
fn equal_tables_of_two_tenants_share_their_schema_ids() {
    let (one, mut two) = (World::new(), World::new());
    two.prefix.clone_from(&one.prefix);
    let bridge = one.bridge();
    let ids = [&one, &two].map(|world| {
        world.vendor(&bridge).cycle(&[batch(&contact(), 3, &[("I", 1, "a")])]);
        let rows = world.cluster.upsert(&world.topic("contact"));
        let (key, value) = rows.into_iter().next().unwrap();
        (key[..5].to_vec(), value[..5].to_vec())
    });
    assert_eq!(ids[0], ids[1]);
}
