//! A set-up that is fit: found so, left as it was, and not disturbed.

use std::time::{SystemTime, UNIX_EPOCH};

use super::raw::transactions;
use super::setup::Setup;
use crate::support::{World, batch, contact, wait_until};

/// What Kafka and the registry hold under this prefix.
fn names(world: &World) -> Vec<String> {
    let topics = world.cluster.topics().into_iter().map(|topic| format!("topic {topic}"));
    let mut answer = ureq::get(format!("{}/subjects", world.cluster.registry)).call().unwrap();
    let subjects: Vec<String> = serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap();
    let subjects = subjects.into_iter().map(|subject| format!("subject {subject}"));
    let mut names: Vec<_> = topics.chain(subjects).filter(|name| name.contains(&world.prefix)).collect();
    names.sort();
    names
}

#[test]
fn a_fit_set_up_is_told_so_and_left_as_it_was() {
    let (world, _bridge, vendor) = World::with_bridge();
    vendor.cycle(&[batch(&contact(), 3, &[("I", 1, "a")])]);
    let before = names(&world);
    assert_eq!(before.len(), 6, "three topics, and subjects of rows, keys and events: {before:?}");
    let setup = Setup::new(&world);
    let checked = setup.check();
    assert_eq!(checked.code, 0, "{}", checked.text);
    let mut warned: Vec<_> = checked.of_status("warning").iter().map(|line| line.item.as_str()).collect();
    warned.sort_unstable();
    let of_tests = ["applications[0].private_key_file", "kafka.min_insync_replicas"];
    assert_eq!(warned, of_tests, "a short key and one broker are what tests have\n{}", checked.text);
    let proven = ["kafka", "registry", "registry probe subject", "clock", "kafka __transaction_state"];
    let of_prefix = ["probe transaction", "fencing", "group", "new row topics", "new system topics"];
    let proven = proven.map(str::to_owned).into_iter().chain(of_prefix.map(|name| setup.item(name)));
    for item in proven {
        assert!(
            checked.lines.iter().any(|line| line.item == item && line.status == "ok"),
            "{item}\n{}",
            checked.text
        );
    }
    // A deleted topic may still be shown for a moment.
    wait_until("nothing is left", || names(&world) == before);
    let probes: Vec<_> = transactions(&world.cluster.kafka)
        .into_iter()
        .filter(|(id, _)| id.starts_with(&format!("{}.mirrorbus-check-", world.prefix)))
        .collect();
    assert_eq!(probes.len(), 2, "one of each run, until Kafka forgets it");
    let is_over = |state: &str| ["CompleteCommit", "CompleteAbort", "Empty"].contains(&state);
    assert!(probes.iter().all(|(_, state)| is_over(state)), "{probes:?}");
}

#[test]
fn two_checks_at_once_disturb_neither_each_other_nor_a_bridge_at_work() {
    let (world, _bridge, vendor) = World::with_bridge();
    vendor.cycle(&[batch(&contact(), 3, &[("I", 1, "a")])]);
    let setup = Setup::new(&world);
    std::thread::scope(|scope| {
        let checks = [(); 2].map(|()| scope.spawn(|| setup.check()));
        let mut lsn = 3;
        while !checks.iter().all(|check| check.is_finished()) {
            // A fenced bridge would fail the call, and one whose positions changed would ask for everything.
            let row = i32::try_from(lsn).unwrap();
            assert_eq!(vendor.cycle(&[batch(&contact(), lsn + 1, &[("I", row, "b")])])["contact"], lsn);
            lsn += 1;
        }
        assert!(lsn > 3, "the bridge worked meanwhile");
        assert_eq!(world.contacts().len(), usize::try_from(lsn).unwrap() - 2);
        for check in checks {
            let checked = check.join().unwrap();
            assert_eq!(checked.code, 0, "{}", checked.text);
        }
    });
}

#[test]
fn what_an_interrupted_check_left_an_hour_ago_is_deleted_and_nothing_newer() {
    let world = World::new();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let topic = |seconds: u64| format!("{}-sys.mirrorbus-check.{seconds}-0badcafe", world.prefix);
    let (old, new) = (topic(now - 3700), topic(now - 60));
    for topic in [&old, &new] {
        world.cluster.create_topic_with_records(topic, 1);
    }
    assert_eq!(Setup::new(&world).check().code, 0);
    wait_until("the old one is gone", || world.cluster.topic_id(&old).is_none());
    assert!(world.cluster.topic_id(&new).is_some(), "it may be that of a check under way");
}
