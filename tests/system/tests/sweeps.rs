//! Sweeps that are longer than their call, and bridges that end in the middle of one: the right keys stay, all others
//! go, and the vendor waits meanwhile.

use std::time::{Duration, Instant};

use mirrorbus::failpoint::{
    COMMITTED, POSITIONS_CONFIRMED, ROW_SENT, ROWS_CONFIRMED, SWEEP_CHUNK_KEYS, TRANSACTION_BEGUN,
};
use mirrorbus_schemas::event::Kind;
use operations_center::wire::{Batch, Request};

use crate::support::bridge::Bridge;
use crate::support::vendor::Vendor;
use crate::support::{World, batch, contact, wait_until};

const OLD: i32 = 3000;
/// So many keys of a table are swept by one transaction in the small tests, instead of 50,000.
const CHUNK: (&str, &str) = (SWEEP_CHUNK_KEYS, "500");
/// Of so many ids one comes again.
const KEPT: i32 = 30;
/// How long an answer waits for sweeps.
const SWEEP_TIME: Duration = Duration::from_secs(3);
/// Less than a bridge has to end when it is asked to.
const GRACE: Duration = Duration::from_secs(45);

fn rows(lsn: i64, ids: impl Iterator<Item = i32>, name: &str) -> Batch {
    let rows: Vec<_> = ids.map(|id| ("I", id, name)).collect();
    batch(&contact(), lsn, &rows)
}

fn kept() -> impl Iterator<Item = i32> {
    (0..OLD).filter(|id| id % KEPT == 0)
}

/// What must be left: the rows that came again, as they came again.
fn right() -> Vec<(i32, Option<String>)> {
    kept().map(|id| (id, Some("new".to_owned()))).collect()
}

fn settings(more: &str) -> (World, Bridge, Vendor) {
    let world = World::new();
    let bridge = Bridge::start_with(&world, more, &[CHUNK]);
    let vendor = world.vendor(&bridge);
    (world, bridge, vendor)
}

/// A table of which most keys do not come again: it is complete with the vendor's next call.
fn loaded_again() -> (World, Bridge, Vendor) {
    let (world, bridge, vendor) = settings("");
    vendor.cycle(&[rows(1, 0..OLD, "old")]);
    vendor.open(&[contact()]);
    vendor.wipe("contact");
    vendor.rows(&[rows(2, kept(), "new")]);
    (world, bridge, vendor)
}

type Sent = std::thread::JoinHandle<Result<operations_center::answer::Answer, String>>;

/// Sends a call, and stops the bridge where the first transaction of its sweep begins.
fn send_into_sweep(bridge: &Bridge, vendor: &Vendor, request: &Request) -> Sent {
    let (call, sender) = (vendor.call(request), vendor.at(bridge));
    bridge.failpoints.arm(POSITIONS_CONFIRMED);
    let sent = std::thread::spawn(move || sender.try_send(&call).map_err(|error| error.to_string()));
    bridge.failpoints.wait_for(POSITIONS_CONFIRMED);
    bridge.failpoints.go_on(POSITIONS_CONFIRMED, TRANSACTION_BEGUN);
    sent
}

/// Lets the first chunk be committed; the bridge stops where the second one's transaction begins.
fn sweep_one_chunk(bridge: &Bridge) {
    bridge.failpoints.go_on(TRANSACTION_BEGUN, COMMITTED);
    bridge.failpoints.go_on(COMMITTED, TRANSACTION_BEGUN);
}

/// As [`sweep_one_chunk`], with the call's time over meanwhile: it is answered, and the sweep goes on without it.
fn outlive_the_call(bridge: &Bridge) {
    let began = Instant::now();
    wait_until("the call's time for sweeps is over", || began.elapsed() > SWEEP_TIME);
    sweep_one_chunk(bridge);
}

/// Ghosts that are left: keys of the old population that did not come again.
fn ghosts(world: &World) -> usize {
    world.contacts().iter().filter(|(_, name)| name.as_deref() == Some("old")).count()
}

fn authenticate(vendor: &Vendor) -> bool {
    vendor.later();
    vendor.succeed(&Request::authenticate()).asks_not_to_replicate()
}

fn has_told(world: &World, kind: Kind) -> bool {
    world.events().iter().any(|event| event.kind == kind)
}

#[test]
fn a_bridge_killed_at_any_moment_of_a_sweep_leaves_no_ghost_once_the_tenant_authenticates() {
    let all = usize::try_from(OLD).unwrap() - kept().count();
    for (point, swept) in
        [(TRANSACTION_BEGUN, 500), (ROW_SENT, 500), (POSITIONS_CONFIRMED, 500), (COMMITTED, 1000)]
    {
        let (world, bridge, vendor) = loaded_again();
        let answer = send_into_sweep(&bridge, &vendor, &Request::completed(&[]));
        sweep_one_chunk(&bridge);
        if point != TRANSACTION_BEGUN {
            bridge.failpoints.go_on(TRANSACTION_BEGUN, point);
        }
        bridge.kill();
        assert!(answer.join().unwrap().is_err(), "{point}");
        wait_until("a commit's markers are there", || ghosts(&world) == all - swept);
        let bridge = world.bridge();
        let vendor = vendor.at(&bridge);
        assert!(!authenticate(&vendor), "{point}: so few keys take no time");
        assert_eq!(world.contacts(), right(), "{point}");
        assert_eq!(vendor.schema(&[contact()])["contact"], 2, "{point}: it was complete");
    }
}

#[test]
fn a_sweep_outlives_its_call_and_a_cycle_is_left_out_while_it_runs_and_told_of() {
    let (world, bridge, vendor) = loaded_again();
    let answer = send_into_sweep(&bridge, &vendor, &Request::completed(&[]));
    bridge.kill();
    assert!(answer.join().unwrap().is_err());
    let bridge = Bridge::start_with(&world, "", &[CHUNK]);
    let vendor = vendor.at(&bridge);
    vendor.later();
    let answer = send_into_sweep(&bridge, &vendor, &Request::authenticate());
    let began = Instant::now();
    wait_until("the call's time for sweeps is over", || began.elapsed() > SWEEP_TIME);
    bridge.failpoints.release(TRANSACTION_BEGUN);
    assert!(answer.join().unwrap().unwrap().asks_not_to_replicate(), "the sweep was done already");
    assert!(has_told(&world, Kind::Paused) && !has_told(&world, Kind::Resumed));
    wait_until("the sweep ends without another call", || ghosts(&world) == 0);
    assert!(!authenticate(&vendor));
    assert!(has_told(&world, Kind::Resumed));
    let kinds: Vec<Kind> = world.events().iter().map(|event| event.kind).collect();
    let pauses = kinds.iter().filter(|kind| matches!(kind, Kind::Paused | Kind::Resumed)).count();
    assert_eq!(pauses, 2, "{kinds:?}");
    assert_eq!(world.contacts(), right());
    assert_eq!(vendor.schema(&[contact()])["contact"], 2);
}

#[test]
fn a_bridge_asked_to_stop_in_a_sweep_ends_after_its_chunk_and_the_next_one_resumes() {
    let (world, mut bridge, vendor) = loaded_again();
    let answer = send_into_sweep(&bridge, &vendor, &Request::completed(&[]));
    outlive_the_call(&bridge);
    assert!(answer.join().unwrap().unwrap().is_successful, "a cycle is complete though its sweep is not");
    let began = Instant::now();
    bridge.terminate();
    wait_until("the bridge is stopping", || bridge.readiness() == 503);
    bridge.failpoints.release(TRANSACTION_BEGUN);
    let status = bridge.ended(GRACE).expect("it did not end");
    assert!(status.success(), "{status}: {}", bridge.log());
    println!("ended after {:?}", began.elapsed());
    let left = usize::try_from(OLD).unwrap() - kept().count() - 1000;
    assert_eq!(ghosts(&world), left, "the chunk under way is finished, another one is not begun");
    world.ends();
    assert!(began.elapsed() < GRACE, "something was left open");
    let bridge = world.bridge();
    let vendor = vendor.at(&bridge);
    assert!(!authenticate(&vendor));
    assert_eq!(world.contacts(), right());
}

#[test]
fn a_table_that_is_cleared_at_a_wipe_shows_no_old_row_from_its_answer_on() {
    let (world, _bridge, vendor) = settings("on_wipe = \"clear\"");
    vendor.cycle(&[rows(1, 0..OLD, "old")]);
    vendor.open(&[contact()]);
    assert_eq!(world.contacts().len(), usize::try_from(OLD).unwrap());
    vendor.wipe("contact");
    assert_eq!(world.contacts(), []);
    vendor.rows(&[rows(2, kept(), "new")]);
    assert_eq!(world.contacts(), right());
    vendor.complete();
    assert_eq!(world.contacts(), right());
    assert_eq!(vendor.open(&[contact()])["contact"], 2);
}

#[test]
fn a_bridge_killed_while_it_clears_a_table_is_succeeded_by_one_that_goes_on_clearing() {
    let more = "on_wipe = \"clear\"";
    let (world, bridge, vendor) = settings(more);
    vendor.cycle(&[rows(1, 0..OLD, "old")]);
    vendor.open(&[contact()]);
    let answer = send_into_sweep(&bridge, &vendor, &Request::wipe("contact"));
    sweep_one_chunk(&bridge);
    bridge.failpoints.go_on(TRANSACTION_BEGUN, ROWS_CONFIRMED);
    bridge.kill();
    assert!(answer.join().unwrap().is_err());
    assert_eq!(world.contacts().len(), usize::try_from(OLD).unwrap() - 500, "not in mid-clear");
    let bridge = world.bridge_with(more);
    let vendor = vendor.at(&bridge);
    assert!(!authenticate(&vendor));
    assert_eq!(world.contacts(), []);
    assert_eq!(vendor.schema(&[contact()])["contact"], -1);
    vendor.rows(&[rows(2, kept(), "new")]);
    vendor.complete();
    assert_eq!(world.contacts(), right());
}

/// A table of so many keys of which ten come again: the vendor gets its answers in time, waits, and is served when it
/// comes all the same.
fn sweep_keys(keys: i32) {
    const CALL: i32 = 50_000;
    /// What a completing call may take, whatever there is to be swept.
    const LIMIT: Duration = Duration::from_secs(20);
    let (world, bridge, vendor) = World::with_bridge();
    let began = Instant::now();
    vendor.open(&[contact()]);
    for from in (0..keys).step_by(usize::try_from(CALL).unwrap()) {
        vendor.rows(&[rows(1, from..keys.min(from + CALL), "old")]);
    }
    vendor.complete();
    println!("{keys} keys loaded in {:?}, peak {} KiB", began.elapsed(), bridge.peak_memory_kib());
    vendor.open(&[contact()]);
    vendor.wipe("contact");
    vendor.rows(&[rows(2, 0..10, "new")]);
    let began = Instant::now();
    vendor.complete();
    let completed = began.elapsed();
    let waits = authenticate(&vendor);
    let authenticated = began.elapsed() - completed;
    println!("completed in {completed:?}, then authenticated in {authenticated:?}, waits: {waits}");
    // The tenant is opened anew, and its sweep begun anew.
    assert!(completed < LIMIT && authenticated < world.call_timeout);
    assert_eq!(has_told(&world, Kind::Paused), waits);
    let came_anyway = Instant::now();
    assert_eq!(vendor.schema(&[contact()])["contact"], 2);
    vendor.rows(&[batch(&contact(), 3, &[("U", 0, "later"), ("I", keys, "later")])]);
    println!("two calls came anyway and took {:?}", came_anyway.elapsed());
    let swept = format!("mirrorbus_keys_swept_total{{application=\"{}\"}}", world.prefix);
    wait_until("all keys are swept", || bridge.metric(&swept) == Some(f64::from(keys - 10)));
    println!("swept after {:?}, peak {} KiB", began.elapsed(), bridge.peak_memory_kib());
    let named = |id: i32| (id, Some(if id % keys == 0 { "later" } else { "new" }.to_owned()));
    let right: Vec<_> = (0..10).chain([keys]).map(named).collect();
    assert_eq!(world.contacts(), right);
    assert!(!authenticate(&vendor));
    assert_eq!(has_told(&world, Kind::Resumed), waits);
}

#[test]
fn a_large_table_that_shrank_is_swept_while_the_vendor_waits_or_comes_anyway() {
    sweep_keys(300_000);
}

#[test]
#[ignore = "takes minutes: make sweep"]
fn a_million_keys_are_swept_while_the_vendor_waits_or_comes_anyway() {
    sweep_keys(1_000_000);
}
