//! A call is all or nothing, and nothing is acknowledged before it is there.

use mirrorbus_librdkafka::Isolation;
use operations_center::wire::Request;

use crate::support::vendor::column;
use crate::support::{World, batch, contact};

#[test]
fn rows_and_position_appear_together() {
    let (world, _bridge, vendor) = World::with_bridge();
    assert_eq!(vendor.cycle(&[batch(&contact(), 7, &[("I", 1, "a"), ("I", 2, "b")])])["contact"], -1);
    assert_eq!(world.contacts(), [(1, Some("a".into())), (2, Some("b".into()))]);
    assert_eq!(vendor.open(&[contact()])["contact"], 7);
}

#[test]
fn an_aborted_call_shows_nothing_to_committed_readers_and_moves_no_position() {
    let world = World::new();
    let bridge = world.bridge_with("[kafka.properties]\n\"linger.ms\" = \"0\"\n\"batch.size\" = \"16384\"");
    let vendor = world.vendor(&bridge);
    vendor.cycle(&[batch(&contact(), 7, &[("I", 1, "a")])]);
    assert_eq!(vendor.open(&[contact()])["contact"], 7);
    // Enough text that rows are on their way when the last one turns out to have no key.
    let text = "x".repeat(1500);
    let rows: Vec<_> = (10..10_010).map(|id| ("U", id, text.as_str())).collect();
    let mut bad = batch(&contact(), 9, &rows);
    bad.rows.last_mut().unwrap().values[0] = None;
    let message = vendor.fail(&Request::row_data(&[bad]));
    assert!(message.starts_with("BAD_ROW: "), "{message}");
    assert!(message.contains("table contact, row 10000, column id"), "{message}");
    assert_eq!(world.contacts(), [(1, Some("a".into()))]);
    let all = world.cluster.read(&world.topic("contact"), Isolation::ReadUncommitted).len();
    assert!(all > 1, "the aborted rows never reached the topic: nothing was shown by this test");
    assert_eq!(world.cluster.read(&world.topic("contact"), Isolation::ReadCommitted).len(), 1);
    // The producer is still good, and so is the position.
    vendor.rows(&[batch(&contact(), 8, &[("U", 1, "b")])]);
    assert_eq!(vendor.open(&[contact()])["contact"], 7, "8 lapsed: the cycle did not go on");
    assert_eq!(world.contacts(), [(1, Some("b".into()))]);
}

#[test]
fn what_is_acknowledged_is_committed_at_that_moment() {
    let (world, _bridge, vendor) = World::with_bridge();
    vendor.open(&[contact()]);
    for id in 1..=30 {
        vendor.rows(&[batch(&contact(), 0, &[("I", id, "x")])]);
        // No waiting: the stable end covers the row as soon as the answer is there.
        let topic = world.topic("contact");
        let committed = world.cluster.read(&topic, Isolation::ReadCommitted).len();
        assert_eq!(committed, usize::try_from(id).unwrap());
    }
}

#[test]
fn a_batch_without_a_valid_lsn_keeps_its_rows_and_moves_nothing() {
    let (_world, _bridge, vendor) = World::with_bridge();
    for lsn in [0, -1] {
        assert_eq!(vendor.cycle(&[batch(&contact(), lsn, &[("I", 1, "a")])])["contact"], -1);
    }
    assert_eq!(vendor.cycle(&[batch(&contact(), 5, &[("I", 1, "b")])])["contact"], -1);
    assert_eq!(vendor.open(&[contact()])["contact"], 5);
}

#[test]
fn several_tables_in_one_call_are_one_transaction() {
    let (world, _bridge, vendor) = World::with_bridge();
    let (one, two) = (crate::support::vendor::table("one"), crate::support::vendor::table("two"));
    vendor.open(&[one.clone(), two.clone()]);
    let mut bad = batch(&two, 3, &[("I", 1, "a")]);
    bad.rows[0].values[0] = None;
    vendor.fail(&Request::row_data(&[batch(&one, 3, &[("I", 1, "a")]), bad]));
    assert_eq!(world.named_rows("one"), []);
    vendor.rows(&[batch(&one, 3, &[("I", 1, "a")]), batch(&two, 4, &[("I", 1, "b")])]);
    vendor.complete();
    assert_eq!(world.named_rows("one"), [(1, Some("a".into()))]);
    let lsns = vendor.open(&[one, two]);
    assert_eq!((lsns["one"], lsns["two"]), (3, 4));
}

#[test]
fn a_value_that_does_not_fit_is_refused_by_table_row_and_column_and_never_shown() {
    let (world, bridge, vendor) = World::with_bridge();
    vendor.open(&[contact()]);
    let mut bad = batch(&contact(), 3, &[("I", 1, "a"), ("I", 2, "b")]);
    bad.rows[1].values[0] = Some("[I:CANARY]".into());
    let message = vendor.fail(&Request::row_data(&[bad]));
    assert!(
        message.contains(&format!("tenant {}, table contact, row 2, column id", world.tenant)),
        "{message}"
    );
    assert!(!message.contains("CANARY") && !bridge.log().contains("CANARY"));
    assert_eq!(world.contacts(), []);
}

#[test]
fn a_record_past_the_limit_fails_the_call_whole() {
    let (world, _bridge, vendor) = World::with_bridge();
    let mut wide = contact();
    wide.columns[1] = column("name", "ntext", true);
    vendor.open(&[wide.clone()]);
    let (one, two) = ("x".repeat(9_000_000), "y".repeat(9_000_000));
    let mut both = wide.clone();
    both.columns.push(column("more", "ntext", true));
    let mut large = batch(&both, 3, &[("I", 1, "small"), ("I", 2, &one)]);
    large.rows[0].values.push(None);
    large.rows[1].values.push(Some(two));
    let message = vendor.fail(&Request::row_data(&[large]));
    assert!(message.contains("table contact, row 2, a record is larger than max_record_bytes"), "{message}");
    assert_eq!(world.contacts(), []);
    vendor.open(&[wide.clone()]);
    vendor.rows(&[batch(&wide, 3, &[("I", 2, &one)])]);
    assert_eq!(world.contacts().len(), 1);
}
