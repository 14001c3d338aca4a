//! Brokers that are away, too few, or set so that no transaction succeeds.

use super::setup::{Line, Setup};
use super::topics::make;
use crate::support::own::{Own, on_three_nodes, settings};
use crate::support::{World, batch, contact, wait_until};

#[test]
fn an_address_where_no_kafka_answers_is_a_fault_that_names_it() {
    let world = World::new();
    let mut setup = Setup::new(&world);
    setup.kafka = "127.0.0.1:1".to_owned();
    let found = "127.0.0.1:1 does not answer: 127.0.0.1:1/bootstrap: Connect to ipv4#127.0.0.1:1 failed: \
                 Connection refused";
    let checked = setup.check();
    checked.assert_only_fault("kafka", found, "does kafka.bootstrap_servers name its client listener");
    assert!(
        checked.lines.iter().any(|line| line.item == "registry" && line.status == "ok"),
        "asked all the same"
    );
}

#[test]
fn three_copies_on_one_broker_are_a_fault_wherever_a_topic_would_be_made() {
    let world = World::new();
    let mut setup = Setup::new(&world);
    setup.copies = (3, 2);
    let checked = setup.check();
    checked.assert_line("fault", "kafka brokers", "live: 1 (127.0.0.1:", "start 3 brokers");
    for item in ["new row topics", "new system topics"] {
        let found = "cannot be made: replication_factor 3, brokers 1";
        checked.assert_line("fault", &setup.item(item), found, "start 3 brokers");
    }
    let log = "kafka __transaction_state";
    checked.assert_line("fault", log, "min.insync.replicas is 1, wanted at least 2", "min.insync.replicas=2");
    assert_eq!(checked.code, 1);
}

#[test]
fn transactions_that_may_not_last_as_long_as_ours_are_a_fault() {
    let own = Own::with(|options| options.settings = settings([("transaction.max.timeout.ms", "30000")]));
    let world = own.world();
    let setup = Setup::new(&world);
    let checked = setup.check();
    let advice = "set transaction.max.timeout.ms to 45000 at least on every broker";
    let found = "30000, the bridge's transactions need 45000";
    checked.assert_line("fault", "kafka transaction.max.timeout.ms", found, advice);
    checked.assert_line("fault", &setup.item("probe transaction"), "45000 ms are refused", advice);
    assert_eq!((checked.of_status("fault").len(), checked.code), (2, 1));
}

#[test]
fn on_three_brokers_all_is_ok_until_a_topic_is_weakened_or_a_broker_is_away() {
    on_three_nodes(|own| {
        let world = own.world();
        let mut setup = Setup::new(&world);
        setup.copies = (3, 2);
        make(&world, "contact", 3, ("min.insync.replicas", "2"));
        let checked = setup.check();
        assert_eq!(checked.code, 0, "{}", checked.text);
        let warned: Vec<_> = checked.of_status("warning").iter().map(|line| line.item.clone()).collect();
        assert_eq!(warned, ["applications[0].private_key_file"], "short, as all of tests\n{}", checked.text);
        weakened_topics(&world, &setup);
        own.services.kill_node(3).unwrap();
        broker_away(&setup);
    });
}

fn weakened_topics(world: &World, setup: &Setup<'_>) {
    let rows = setup.item("rows topics");
    make(world, "person", 3, ("min.insync.replicas", "1"));
    let found = "min.insync.replicas is 1, wanted at least 2";
    setup.check().assert_only_fault(&rows, found, "one broker's loss can lose acknowledged rows");
    world.cluster.delete_topic(&world.topic("person"));
    make(world, "person", 2, ("min.insync.replicas", "2"));
    let found = "replication factor 2, wanted 3";
    setup.check().assert_warning(&rows, found, "kafka-reassign-partitions.sh");
    world.cluster.delete_topic(&world.topic("person"));
}

fn broker_away(setup: &Setup<'_>) {
    let rows = setup.item("rows topics");
    let mut checked = setup.check();
    wait_until("the cluster misses its broker", || {
        let is_it = |line: &Line| line.item == rows && line.found.starts_with("under-replicated");
        let is_told = checked.lines.iter().any(is_it);
        if !is_told {
            checked = setup.check();
        }
        is_told
    });
    checked.assert_line("warning", &rows, "under-replicated partitions", "start the brokers that are down");
    checked.assert_line("fault", "kafka brokers", "live: 2 ", "start 3 brokers");
    assert_eq!(checked.code, 1);
}

#[test]
fn topics_that_the_bridge_made_are_as_wanted() {
    let (world, _bridge, vendor) = World::with_bridge();
    vendor.cycle(&[batch(&contact(), 3, &[("I", 1, "a")])]);
    let setup = Setup::new(&world);
    let checked = setup.check();
    assert_eq!(checked.code, 0, "{}", checked.text);
    for kind in ["rows topics", "positions topics", "cycles topics"] {
        let line = checked.lines.iter().find(|line| line.item == setup.item(kind)).unwrap();
        assert_eq!((line.status.as_str(), line.found.as_str()), ("ok", "as wanted: 1"), "{kind}");
    }
}
