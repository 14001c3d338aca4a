//! Rights on Kafka: taken away while the bridge runs, and no more of them than a mirror needs.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mirrorbus::failpoint;
use operations_center::wire::Request;

use crate::support::mirror::Kept;
use crate::support::own::{Own, SharedOwn, settings};
use crate::support::rights::{Acl, CHECKED, Resource, allow, deny_writing, forget};
use crate::support::{World, batch, contact, wait_until};

/// A cluster that checks rights, and a world on it.
fn checked() -> (Arc<Mutex<Own>>, World) {
    static SHARED: SharedOwn = SharedOwn::new();
    let shared = SHARED.get(|options| options.settings = settings(CHECKED));
    let world = shared.lock().unwrap_or_else(PoisonError::into_inner).world();
    (shared, world)
}

/// A refusal is no outage: nothing is waited for.
const SOON: Duration = Duration::from_secs(10);

#[test]
fn a_right_that_is_taken_away_fails_the_calls_that_need_it_until_it_is_given_back() {
    let (_own, world) = checked();
    let kafka = world.cluster.kafka.clone();
    let bridge = world.bridge();
    let vendor = world.vendor(&bridge);
    let other = world.another_tenant();
    let neighbour = other.vendor(&bridge);
    let (topic, positions) = (world.topic("contact"), world.positions());
    let id = format!("{}.{}", world.prefix, world.tenant);
    vendor.cycle(&[batch(&contact(), 1, &[("I", 1, "x")])]);
    let mut lsn = 1;
    for resource in [Resource::Topic(&topic), Resource::Topic(&positions), Resource::TransactionalId(&id)] {
        assert_eq!(vendor.open(&[contact()])["contact"], lsn);
        deny_writing(&kafka, resource);
        let before = bridge.log().lines().count();
        let began = Instant::now();
        let message = vendor.fail(&rows(lsn + 1));
        assert!(
            message.starts_with("KAFKA_UNAVAILABLE: ") || message.starts_with("OUTCOME_UNKNOWN: "),
            "{message}"
        );
        vendor.fail(&rows(lsn + 1));
        assert!(began.elapsed() < 2 * SOON, "{:?}", began.elapsed());
        assert_eq!(world.contacts().len(), 1);
        let told = bridge.log().lines().count() - before;
        assert!(told < 20, "{told} lines of log for two calls");
        neighbour.cycle(&[batch(&contact(), lsn, &[("I", 1, "x")])]);
        forget(&kafka, resource);
        lsn += 1;
        vendor.cycle(&[batch(&contact(), lsn, &[("U", 1, "y")])]);
    }
    assert_eq!(vendor.open(&[contact()])["contact"], lsn);
}

#[test]
fn a_right_that_is_taken_away_in_mid_call_leaves_nothing_of_the_call() {
    let (_own, world) = checked();
    let kafka = world.cluster.kafka.clone();
    let bridge = world.bridge();
    let vendor = world.vendor(&bridge);
    vendor.cycle(&[batch(&contact(), 1, &[("I", 1, "x")])]);
    vendor.open(&[contact()]);
    let (topic, positions) = (world.topic("contact"), world.positions());
    for (resource, point) in [
        (Resource::Topic(&topic), failpoint::TRANSACTION_BEGUN),
        (Resource::Topic(&positions), failpoint::ROWS_CONFIRMED),
    ] {
        let answer = vendor.answer_with(&bridge, &rows(2), point, || deny_writing(&kafka, resource));
        assert!(!answer.is_successful, "{point}");
        assert_eq!(world.contacts().len(), 1);
        forget(&kafka, resource);
    }
    vendor.rows(&[batch(&contact(), 2, &[("I", 2, "x")])]);
    vendor.complete();
    assert_eq!(world.contacts().len(), 2);
    assert_eq!(vendor.open(&[contact()])["contact"], 2);
}

#[test]
fn a_mirror_needs_no_more_rights_than_to_read_its_topics() {
    let (_own, world) = checked();
    let bridge = world.bridge();
    world.vendor(&bridge).cycle(&[batch(&contact(), 1, &[("I", 1, "x")])]);
    let (rows, system) = (format!("{}.", world.prefix), format!("{}-sys.", world.prefix));
    // What is named allows nothing else: of the group nothing that a mirror could want.
    let group = Acl::group(&format!("{}-mirror", world.prefix), "Delete");
    allow(&world.cluster.kafka, &[Acl::topics(&rows, "Read"), Acl::topics(&system, "Read"), group]);
    let topic = world.topic("contact");
    let kept = Kept::in_sqlite(&world);
    let mirror = kept.start(&world);
    let end = world.cluster.settled_end(&topic);
    wait_until("all is applied", || kept.position(&world, "contact") >= end);
    let (report, code) = kept.carry_out(&world, &["verify"]);
    assert_eq!((code, report[0]["equal"].as_bool()), (0, Some(true)), "{report:?}");
    let (report, code) = kept.carry_out(&world, &["regenerate", &world.tenant]);
    assert_eq!(code, 0, "{report:?}");
    let log = mirror.log();
    let warnings: Vec<_> =
        log.lines().filter(|line| line.contains(" WARN ") || line.contains("ERROR")).collect();
    assert_eq!(warnings.len(), 1, "{log}");
    assert!(warnings[0].contains("delete.retention.ms is taken for a day"), "{log}");
    mirror.stop();
}

fn rows(lsn: i64) -> Request {
    Request::row_data(&[batch(&contact(), lsn, &[("I", 100, "x")])])
}
