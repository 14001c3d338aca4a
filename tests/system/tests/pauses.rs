//! Bridges that stand still or die in mid-call, and what others see of it.

use std::time::{Duration, Instant};

use mirrorbus::failpoint;
use mirrorbus_librdkafka::Isolation;
use operations_center::wire::Request;

use crate::support::bridge::Bridge;
use crate::support::{World, batch, contact, wait_until};

/// A transaction that nobody ends is aborted by Kafka after so long, and up to ten seconds more.
const TRANSACTION: (&str, &str) = (failpoint::TRANSACTION_TIMEOUT_MS, "3000");

/// Whether nothing hides the end of `contact`'s topic from readers of committed rows.
fn is_settled(world: &World) -> bool {
    let topic = world.topic("contact");
    let ends = [Isolation::ReadCommitted, Isolation::ReadUncommitted].map(|of| world.cluster.end(&topic, of));
    ends[0] == ends[1]
}

#[test]
fn a_bridge_that_stands_still_for_seconds_in_mid_call_commits_it_all_the_same() {
    let (world, mut bridge, vendor) = World::with_bridge();
    vendor.open(&[contact()]);
    for (id, point) in [(1, failpoint::ROW_SENT), (2, failpoint::POSITIONS_CONFIRMED)] {
        let began = Instant::now();
        let (call, sender) = (vendor.call(&rows(id)), vendor.at(&bridge));
        bridge.failpoints.arm(point);
        let answer = std::thread::spawn(move || sender.send(&call));
        bridge.failpoints.wait_for(point);
        bridge.pause();
        bridge.failpoints.release(point);
        std::thread::sleep(Duration::from_secs(5));
        bridge.resume();
        assert!(answer.join().unwrap().is_successful);
        assert!(began.elapsed() > Duration::from_secs(5), "it did not stand still");
    }
    vendor.complete();
    assert_eq!(world.contacts().len(), 2);
    assert_eq!(vendor.open(&[contact()])["contact"], 2);
}

fn rows(id: i32) -> Request {
    Request::row_data(&[batch(&contact(), i64::from(id), &[("I", id, "x")])])
}

#[test]
fn a_bridge_that_stands_still_for_longer_than_a_transaction_fails_the_call_and_goes_on() {
    let world = World::new();
    let mut bridge = Bridge::start_with(&world, "", &[TRANSACTION]);
    let vendor = world.vendor(&bridge);
    vendor.cycle(&[batch(&contact(), 1, &[("I", 1, "x")])]);
    for point in [failpoint::ROWS_CONFIRMED, failpoint::POSITIONS_CONFIRMED] {
        vendor.open(&[contact()]);
        let (call, sender) = (vendor.call(&rows(2)), vendor.at(&bridge));
        bridge.failpoints.arm(point);
        let answer = std::thread::spawn(move || sender.send(&call));
        bridge.failpoints.wait_for(point);
        bridge.pause();
        bridge.failpoints.release(point);
        assert!(!is_settled(&world), "nothing was open");
        wait_until("kafka has aborted the transaction", || is_settled(&world));
        bridge.resume();
        let answer = answer.join().unwrap();
        assert!(!answer.is_successful, "acknowledged what kafka had aborted");
        assert_eq!(world.contacts().len(), 1);
    }
    // No restart, no new cycle: the next call has a producer.
    vendor.rows(&[batch(&contact(), 3, &[("I", 3, "x")])]);
    vendor.complete();
    assert_eq!(world.contacts(), [(1, Some("x".into())), (3, Some("x".into()))]);
    assert_eq!(vendor.open(&[contact()])["contact"], 3);
}

#[test]
fn a_bridge_that_stood_still_while_another_took_over_is_fenced_and_shows_nothing() {
    let world = World::new();
    let (mut one, two) = (world.bridge(), world.bridge());
    let vendor = world.vendor(&one);
    vendor.cycle(&[batch(&contact(), 1, &[("I", 1, "x")])]);
    for (lsn, point) in [(2, failpoint::ROW_SENT), (3, failpoint::POSITIONS_CONFIRMED)] {
        vendor.open(&[contact()]);
        let (call, sender) = (vendor.call(&rows(100)), vendor.at(&one));
        one.failpoints.arm(point);
        let answer = std::thread::spawn(move || sender.send(&call));
        one.failpoints.wait_for(point);
        one.pause();
        one.failpoints.release(point);
        let successor = vendor.at(&two);
        assert_eq!(successor.cycle(&[batch(&contact(), lsn, &[("U", 1, "of two")])])["contact"], lsn - 1);
        let end = world.cluster.end(&world.topic("contact"), Isolation::ReadUncommitted);
        one.resume();
        let answer = answer.join().unwrap();
        assert!(!answer.is_successful, "{point}: acknowledged by a bridge that was fenced");
        assert_eq!(world.contacts(), [(1, Some("of two".into()))]);
        assert_eq!(world.cluster.end(&world.topic("contact"), Isolation::ReadUncommitted), end, "{point}");
        vendor.catch_up(&successor);
        assert_eq!(vendor.open(&[contact()])["contact"], lsn, "the fenced one opens anew");
    }
}

#[test]
fn a_transaction_that_nobody_ends_delays_its_own_topic_and_no_other_tenant() {
    let world = World::new();
    let dying = Bridge::start_with(&world, "", &[TRANSACTION]);
    let vendor = world.vendor(&dying);
    vendor.cycle(&[batch(&contact(), 1, &[("I", 1, "x")])]);
    let other = world.another_tenant();
    let bridge = other.bridge();
    let neighbour = other.vendor(&bridge);
    neighbour.cycle(&[batch(&contact(), 7, &[("I", 1, "x")])]);

    vendor.open(&[contact()]);
    let (call, sender) = (vendor.call(&rows(2)), vendor.at(&dying));
    dying.failpoints.arm(failpoint::POSITIONS_CONFIRMED);
    let answer = std::thread::spawn(move || sender.try_send(&call));
    dying.failpoints.wait_for(failpoint::POSITIONS_CONFIRMED);
    dying.kill();
    assert!(answer.join().unwrap().is_err());
    assert!(!is_settled(&world), "nothing hangs");
    assert_eq!(neighbour.cycle(&[batch(&contact(), 8, &[("I", 2, "x")])])["contact"], 7);
    assert_eq!(neighbour.open(&[contact()])["contact"], 8);
    assert!(is_settled(&other) && other.contacts().len() == 2);
    assert!(!is_settled(&world), "the transaction was over before the neighbour's cycle was");
    wait_until("kafka has aborted the transaction", || is_settled(&world));
    assert_eq!(world.contacts().len(), 1);
}

#[test]
fn of_two_bridges_that_open_a_tenant_at_once_none_loses_what_it_acknowledges() {
    let world = World::new();
    let bridges = [world.bridge(), world.bridge()];
    let vendor = world.vendor(&bridges[0]);
    vendor.cycle(&[batch(&contact(), 1, &[("I", 1, "x")])]);
    let (mut acknowledged, mut opened) = (vec![1], 0);
    for round in 0..6 {
        bridges.iter().for_each(|bridge| bridge.failpoints.arm(failpoint::BEFORE_FENCE));
        let cycles: Vec<_> = bridges
            .iter()
            .zip([10 * round + 10, 10 * round + 11])
            .map(|(bridge, id)| {
                let turn = vendor.later().at(bridge);
                std::thread::spawn(move || {
                    let authenticated = turn.answer(&Request::authenticate()).is_successful;
                    let taken = authenticated
                        && turn.answer(&Request::table_schema(&[contact()])).is_successful
                        && turn.answer(&rows(id)).is_successful;
                    (authenticated, taken.then_some(id))
                })
            })
            .collect();
        bridges.iter().for_each(|bridge| bridge.failpoints.wait_for(failpoint::BEFORE_FENCE));
        bridges.iter().for_each(|bridge| bridge.failpoints.release(failpoint::BEFORE_FENCE));
        for cycle in cycles {
            let (authenticated, taken) = cycle.join().unwrap();
            opened += usize::from(authenticated);
            acknowledged.extend(taken);
        }
    }
    assert!(opened >= 6, "in a round nobody opened: {opened} of 12");
    let ids: Vec<i32> = world.contacts().into_iter().map(|(id, _)| id).collect();
    let lost: Vec<_> = acknowledged.iter().filter(|id| !ids.contains(id)).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    vendor.cycle(&[batch(&contact(), 99, &[("I", 99, "x")])]);
    assert_eq!(vendor.open(&[contact()])["contact"], 99);
}
