//! Topics that exist, but not as the bridge makes them: somebody else made or changed them.

use std::collections::BTreeMap;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;

use super::setup::Setup;
use crate::support::{World, wait_until};

/// What a row topic must have, for records of 16 MiB and tombstones that stay for a week.
const ROWS: [(&str, &str); 8] = [
    ("cleanup.policy", "compact"),
    ("delete.retention.ms", "604800000"),
    ("max.compaction.lag.ms", "604800000"),
    ("max.message.bytes", "17825792"),
    ("message.timestamp.type", "LogAppendTime"),
    ("min.compaction.lag.ms", "3600000"),
    ("min.insync.replicas", "1"),
    ("unclean.leader.election.enable", "false"),
];

/// Makes a row topic with one setting changed.
pub fn make(world: &World, table: &str, copies: i32, change: (&str, &str)) {
    let mut settings: BTreeMap<&str, &str> = ROWS.into();
    settings.insert(change.0, change.1);
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", &world.cluster.kafka).create().unwrap();
    let topic = world.topic(table);
    let mut new = NewTopic::new(&topic, 1, TopicReplication::Fixed(copies));
    for (name, value) in settings {
        new = new.set(name, value);
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for made in runtime.block_on(admin.create_topics(&[new], &AdminOptions::new())).unwrap() {
        made.unwrap();
    }
    wait_until("the topic is there", || world.cluster.topic_id(&topic).is_some());
}

/// A topic with one setting changed beside one with none.
fn check_with(change: (&str, &str), verdict: impl FnOnce(&super::setup::Checked, &str, &str)) {
    let world = World::new();
    make(&world, "contact", 1, change);
    make(&world, "person", 1, ROWS[0]);
    let setup = Setup::new(&world);
    let found = format!("{} is {}, wanted ", change.0, change.1);
    let advice = format!("--entity-name {} --add-config {}=", world.topic("contact"), change.0);
    let checked = setup.check();
    verdict(&checked, &found, &advice);
    let line = checked.lines.iter().find(|line| line.found.starts_with(&found)).unwrap();
    assert_eq!(line.item, setup.item("rows topics"));
    assert!(line.found.ends_with(&format!(": {}", world.topic("contact"))), "only the one: {}", line.found);
}

fn fault(setting: &str, value: &str) {
    check_with((setting, value), |checked, found, advice| {
        let item = &checked.lines.iter().find(|line| line.found.starts_with(found)).unwrap().item;
        checked.assert_only_fault(item, found, advice);
    });
}

#[test]
fn a_row_topic_that_deletes_old_rows_is_a_fault() {
    fault("cleanup.policy", "delete");
}

#[test]
fn a_row_topic_that_compacts_and_deletes_is_a_fault() {
    fault("cleanup.policy", "compact,delete");
}

#[test]
fn a_row_topic_that_takes_only_small_records_is_a_fault() {
    fault("max.message.bytes", "1048588");
}

#[test]
fn tombstones_that_stay_for_a_day_are_a_fault() {
    fault("delete.retention.ms", "86400000");
}

#[test]
fn an_election_of_a_broker_that_lacks_rows_is_a_fault() {
    fault("unclean.leader.election.enable", "true");
}

#[test]
fn records_with_their_writers_clock_are_a_warning() {
    check_with(("message.timestamp.type", "CreateTime"), |checked, found, advice| {
        let item = &checked.lines.iter().find(|line| line.found.starts_with(found)).unwrap().item;
        checked.assert_warning(item, found, advice);
    });
}

#[test]
fn the_same_finding_on_many_topics_is_one_line() {
    let world = World::new();
    for table in ["a", "b", "c", "d", "e"] {
        make(&world, table, 1, ("cleanup.policy", "delete"));
    }
    let setup = Setup::new(&world);
    let named = format!("{}, {}, {} and 2 more", world.topic("a"), world.topic("b"), world.topic("c"));
    let found = format!("cleanup.policy is delete, wanted compact: {named}");
    setup.check().assert_only_fault(&setup.item("rows topics"), &found, "cleanup.policy=compact");
}
