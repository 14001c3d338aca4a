//! What becomes of positions when somebody touches the topics.

use mirrorbus_librdkafka::Isolation;

use crate::support::vendor::table;
use crate::support::{Own, World, batch, contact};

#[test]
fn a_topic_deleted_by_hand_is_repopulated_by_the_next_cycle() {
    let (world, _bridge, vendor) = World::with_bridge();
    vendor.cycle(&[batch(&contact(), 3, &[("I", 1, "a"), ("I", 2, "b")])]);
    world.cluster.delete_topic(&world.topic("contact"));
    assert_eq!(vendor.cycle(&[batch(&contact(), 4, &[("I", 1, "a")])])["contact"], -1);
    assert_eq!(world.contacts(), [(1, Some("a".into()))]);
    assert_eq!(vendor.open(&[contact()])["contact"], 4);
}

#[test]
fn a_topic_deleted_and_recreated_is_repopulated_even_when_it_has_grown_past_its_old_end() {
    let (world, _bridge, vendor) = World::with_bridge();
    vendor.cycle(&[batch(&contact(), 3, &[("I", 1, "a")])]);
    let topic = world.topic("contact");
    world.cluster.delete_topic(&topic);
    world.cluster.create_topic_with_records(&topic, 20);
    assert_eq!(vendor.cycle(&[batch(&contact(), 4, &[("I", 1, "a")])])["contact"], -1);
    assert_eq!(world.contacts(), [(1, Some("a".into()))], "foreign records were swept");
}

#[test]
fn a_topic_deleted_in_mid_cycle_fails_the_call_and_is_repopulated() {
    let (world, _bridge, vendor) = World::with_bridge();
    vendor.cycle(&[batch(&contact(), 3, &[("I", 1, "a")])]);
    vendor.open(&[contact()]);
    world.cluster.delete_topic(&world.topic("contact"));
    vendor.fail(&operations_center::wire::Request::row_data(&[batch(&contact(), 4, &[("I", 2, "b")])]));
    assert_eq!(vendor.open(&[contact()])["contact"], -1);
}

#[test]
fn without_an_opening_a_late_call_drops_nothing() {
    let (world, _bridge, vendor) = World::with_bridge();
    let other = table("other");
    vendor.cycle(&[batch(&contact(), 3, &[("I", 1, "a")]), batch(&other, 3, &[("I", 1, "a")])]);
    world.cluster.delete_topic(&world.positions());
    assert_eq!(vendor.later().schema(&[contact()])["contact"], -1);
    assert_eq!(world.named_rows("other").len(), 1);
}

#[test]
fn a_positions_topic_that_was_deleted_asks_for_everything_and_leaves_no_ghost() {
    let (world, bridge, vendor) = World::with_bridge();
    let gone = table("gone");
    vendor.cycle(&[batch(&contact(), 3, &[("I", 1, "a"), ("I", 2, "b")]), batch(&gone, 3, &[("I", 1, "a")])]);
    world.cluster.delete_topic(&world.positions());
    // Without positions only newer calls than the clock open a cycle; and the table `gone` has left meanwhile.
    let vendor = world.vendor(&bridge);
    vendor.set_now(1);
    assert_eq!(vendor.cycle(&[batch(&contact(), 4, &[("I", 2, "b")])])["contact"], -1);
    assert_eq!(world.contacts(), [(2, Some("b".into()))]);
    assert_eq!(world.named_rows("gone"), []);
}

#[test]
fn a_topic_that_was_given_more_partitions_is_repopulated() {
    let (world, _bridge, vendor) = World::with_bridge();
    vendor.cycle(&[batch(&contact(), 3, &[("I", 1, "a")])]);
    world.cluster.grow(&world.topic("contact"), 3);
    assert_eq!(vendor.cycle(&[batch(&contact(), 4, &[("I", 1, "a")])])["contact"], -1);
    assert_eq!(vendor.open(&[contact()])["contact"], 4);
}

#[test]
fn a_topic_that_was_cut_in_front_is_repopulated() {
    let (world, _bridge, vendor) = World::with_bridge();
    let topic = world.topic("contact");
    vendor.cycle(&[batch(&contact(), 3, &[("I", 1, "a"), ("I", 2, "b")])]);
    // Kafka cuts no compacted topic: somebody has changed that first, perhaps to retention by time.
    world.cluster.set(&topic, "cleanup.policy", "delete");
    world.cluster.cut(&topic, 1);
    assert_eq!(world.contacts(), [(2, Some("b".into()))], "nothing was cut: nothing is shown by this test");
    assert_eq!(vendor.cycle(&[batch(&contact(), 4, &[("I", 1, "a"), ("I", 2, "b")])])["contact"], -1);
    assert_eq!(world.contacts().len(), 2);
    assert_eq!(vendor.open(&[contact()])["contact"], 4);
}

#[test]
fn positions_copied_to_another_cluster_count_for_nothing_there() {
    let (world, bridge, vendor) = World::with_bridge();
    vendor.cycle(&[batch(&contact(), 3, &[("I", 1, "a"), ("I", 2, "b")])]);
    let elsewhere = Own::start();
    let there = world.at(&elsewhere.services.bootstrap_servers());
    // As tools for copying clusters do it: names, records and offsets are the same, the topics' ids are not.
    for topic in [world.topic("contact"), world.positions()] {
        let records = world.cluster.read(&topic, Isolation::ReadCommitted);
        there.cluster.create_empty_topic(&topic);
        there.cluster.write(&topic, &records);
    }
    assert_eq!(there.contacts().len(), 2);
    drop(bridge);
    let bridge = there.bridge();
    let vendor = vendor.at(&bridge);
    assert_eq!(vendor.cycle(&[batch(&contact(), 4, &[("I", 2, "b")])])["contact"], -1);
    assert_eq!(there.contacts(), [(2, Some("b".into()))]);
    assert_eq!(vendor.open(&[contact()])["contact"], 4);
}
