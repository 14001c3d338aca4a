//! Calls stand alone: late, twice, at another bridge, after a restart.

use mirrorbus::failpoint;
use mirrorbus_librdkafka::Isolation;
use operations_center::wire::Request;

use crate::support::vendor::Vendor;
use crate::support::{World, batch, contact, wait_until};

#[test]
fn the_same_call_twice_leaves_the_mirror_as_once() {
    let (world, _bridge, vendor) = World::with_bridge();
    vendor.open(&[contact()]);
    let rows = vendor.call(&Request::row_data(&[batch(&contact(), 3, &[("I", 1, "a"), ("I", 2, "b")])]));
    assert!(vendor.send(&rows).is_successful);
    let once = (world.contacts(), end(&world));
    assert!(vendor.send(&rows).is_successful);
    assert_eq!((world.contacts(), end(&world)), once, "the last call again is success without work");
}

#[test]
fn a_call_that_comes_again_while_the_first_still_runs_waits_and_writes_nothing() {
    let (world, bridge, vendor) = World::with_bridge();
    vendor.open(&[contact()]);
    let rows = vendor.call(&Request::row_data(&[batch(&contact(), 3, &[("I", 1, "a"), ("I", 2, "b")])]));
    bridge.failpoints.arm(failpoint::POSITIONS_CONFIRMED);
    std::thread::scope(|scope| {
        let senders = [vendor.at(&bridge), vendor.at(&bridge)];
        let [first, second] = senders.map(|sender| {
            let rows = rows.clone();
            move || sender.send(&rows).is_successful
        });
        let first = scope.spawn(first);
        bridge.failpoints.wait_for(failpoint::POSITIONS_CONFIRMED);
        let held = || bridge.metric("mirrorbus_body_bytes_in_flight").unwrap();
        let one = held();
        let second = scope.spawn(second);
        // It has been taken off the wire and waits for its turn behind the first.
        wait_until("both calls are there", || held() == 2.0 * one);
        bridge.failpoints.release(failpoint::POSITIONS_CONFIRMED);
        assert!(first.join().unwrap() && second.join().unwrap());
    });
    assert_eq!(world.contacts().len(), 2);
    let records = world.cluster.read(&world.topic("contact"), Isolation::ReadUncommitted);
    assert_eq!(records.len(), 2, "each row once");
}

#[test]
fn a_tenant_whose_rows_are_refused_keeps_no_other_from_its_cycle() {
    let world = World::new();
    let bridge = world.bridge();
    let (poisoned, other) = (world.vendor(&bridge), Vendor::new("CustOther", &bridge));
    poisoned.open(&[contact()]);
    other.open(&[contact()]);
    let mut bad = batch(&contact(), 3, &[("I", 1, "a")]);
    bad.rows[0].values[0] = Some("[I:no number]".to_owned());
    for id in 1..4 {
        poisoned.fail(&Request::row_data(std::slice::from_ref(&bad)));
        other.rows(&[batch(&contact(), i64::from(id), &[("I", id, "b")])]);
    }
    other.complete();
    assert_eq!(other.open(&[contact()])["contact"], 3);
    poisoned.cycle(&[batch(&contact(), 4, &[("I", 1, "mended")])]);
    assert_eq!(world.contacts(), [(1, Some("mended".into()))]);
}

#[test]
fn an_earlier_call_of_the_table_repeated_is_refused() {
    let (world, _bridge, vendor) = World::with_bridge();
    vendor.open(&[contact()]);
    let wipe = vendor.call(&Request::wipe("contact"));
    assert!(vendor.send(&wipe).is_successful);
    assert!(vendor.send(&wipe).is_successful, "nothing came between");
    let first = vendor.call(&Request::row_data(&[batch(&contact(), 0, &[("I", 1, "a")])]));
    assert!(vendor.send(&first).is_successful);
    vendor.rows(&[batch(&contact(), 4, &[("U", 1, "b")])]);
    for earlier in [wipe, first] {
        let answer = vendor.send(&earlier);
        assert!(!answer.is_successful && answer.message().starts_with("REFUSED"), "{}", answer.message());
    }
    vendor.complete();
    assert_eq!(world.contacts(), [(1, Some("b".into()))]);
    assert_eq!(vendor.open(&[contact()])["contact"], 4);
}

#[test]
fn an_old_call_changes_nothing_in_this_bridge_or_a_second_one() {
    let world = World::new();
    let (one, two) = (world.bridge(), world.bridge());
    let vendor = world.vendor(&one);
    vendor.open(&[contact()]);
    let old = [
        vendor.call(&Request::authenticate()),
        vendor.call(&Request::table_schema(&[contact()])),
        vendor.call(&Request::wipe("contact")),
        vendor.call(&Request::row_data(&[batch(&contact(), 2, &[("U", 1, "old")])])),
        vendor.call(&Request::completed(&[])),
    ];
    vendor.rows(&[batch(&contact(), 2, &[("I", 1, "old")])]);
    vendor.complete();
    vendor.cycle(&[batch(&contact(), 5, &[("U", 1, "new")])]);
    let before = end(&world);
    for bridge in [&one, &two] {
        for call in &old {
            let answer = vendor.at(bridge).send(call);
            assert!(!answer.is_successful, "{} of an old cycle was taken", call.operation);
        }
    }
    assert_eq!((world.contacts(), end(&world)), (vec![(1, Some("new".into()))], before));
    assert_eq!(vendor.open(&[contact()])["contact"], 5);
}

#[test]
fn calls_that_alternate_between_two_bridges_lose_nothing() {
    let world = World::new();
    let bridges = [world.bridge(), world.bridge()];
    let vendor = world.vendor(&bridges[0]);
    vendor.open(&[contact()]);
    for id in 1..=6 {
        let turn = vendor.at(&bridges[usize::try_from(id % 2).unwrap()]);
        turn.rows(&[batch(&contact(), i64::from(id), &[("I", id, "x")])]);
    }
    vendor.at(&bridges[1]).complete();
    assert_eq!(world.contacts().len(), 6);
    assert_eq!(vendor.open(&[contact()])["contact"], 6);
}

#[test]
fn a_bridge_restarted_in_mid_cycle_goes_on_with_the_next_call() {
    let (world, bridge, vendor) = World::with_bridge();
    vendor.open(&[contact()]);
    vendor.wipe("contact");
    vendor.rows(&[batch(&contact(), 0, &[("I", 1, "a")])]);
    bridge.kill();
    let bridge = world.bridge();
    let vendor = vendor.at(&bridge);
    vendor.rows(&[batch(&contact(), 6, &[("I", 2, "b")])]);
    vendor.complete();
    assert_eq!(world.contacts(), [(1, Some("a".into())), (2, Some("b".into()))]);
    assert_eq!(vendor.open(&[contact()])["contact"], 6);
    bridge.stop();
}

#[test]
fn a_second_bridge_fences_the_first() {
    let world = World::new();
    let (one, two) = (world.bridge(), world.bridge());
    let vendor = world.vendor(&one);
    vendor.open(&[contact()]);
    vendor.rows(&[batch(&contact(), 0, &[("I", 1, "a")])]);
    // A newer cycle at the other bridge; then the first goes on with its own, older one.
    let newer = vendor.at(&two);
    let stale = vendor.call(&Request::row_data(&[batch(&contact(), 3, &[("U", 1, "stale")])]));
    newer.cycle(&[batch(&contact(), 9, &[("I", 1, "new")])]);
    assert!(!vendor.send(&stale).is_successful);
    assert_eq!(world.contacts(), [(1, Some("new".into()))]);
    assert_eq!(newer.open(&[contact()])["contact"], 9);
}

fn end(world: &World) -> i64 {
    world.cluster.end(&world.topic("contact"), mirrorbus_librdkafka::Isolation::ReadUncommitted)
}
