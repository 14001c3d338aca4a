//! The verbs of mirrors as programs, beside a mirror that runs: every claim for both destinations.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mirrorbus_mirror::failpoint::FETCHED;
use mirrorbus_mirror::{Copy, Value};
use mirrorbus_schemas::topic::{Table, Tenant};
use serde_json::json;

use crate::support::mirror::Kept;
use crate::support::vendor::Vendor;
use crate::support::{World, batch, contact, wait_until};

/// Rows that nobody changes.
const STILL: i32 = 30_000;
/// Keys that change in turn: the n-th change gives key `n % MOVING` the name `n`.
const MOVING: i32 = 20;
/// Exit codes of every mirror's program.
const FINE: i32 = 0;
const DIFFERENCES: i32 = 3;
const FENCED: i32 = 4;

#[test]
fn regenerating_in_sqlite_shows_readers_nothing_but_states_of_the_topic() {
    regenerated_under_readers(Kept::in_sqlite, STILL);
}

#[test]
fn regenerating_in_postgresql_shows_readers_nothing_but_states_of_the_topic() {
    regenerated_under_readers(|_| Kept::in_postgres(), STILL);
}

#[test]
#[ignore = "minutes; `make regenerate` runs it"]
fn regenerating_a_million_rows_shows_readers_nothing_but_states_of_the_topic() {
    regenerated_under_readers(|_| Kept::in_postgres(), 1_000_000);
    regenerated_under_readers(Kept::in_sqlite, 1_000_000);
}

/// Fills `contact` with rows that stay as they are.
fn fill(vendor: &Vendor, rows: i32) {
    const CALL: i32 = 10_000;
    for first in (0..rows).step_by(CALL.try_into().unwrap()) {
        let ids = MOVING + first..MOVING + (first + CALL).min(rows);
        let rows: Vec<_> = ids.map(|id| ("I", id, "still")).collect();
        vendor.rows(&[batch(&contact(), 1, &rows)]);
    }
}

/// The changes number `n` to `n + 9`, in one call.
fn change(vendor: &Vendor, n: i32) {
    let names: Vec<String> = (n..n + 10).map(|n| n.to_string()).collect();
    let rows: Vec<_> = (n..).zip(&names).map(|(n, name)| ("U", n % MOVING, name.as_str())).collect();
    vendor.rows(&[batch(&contact(), i64::from(n) + 2, &rows)]);
}

/// The newest change that a table shows; fails if the table is not what the topic was after that one.
fn state(moving: &[(i64, i32)], rows: i64, still: i32) -> i32 {
    assert_eq!(rows, i64::from(still + MOVING), "rows that nobody deletes");
    let newest = moving.iter().map(|(_, n)| *n).max().unwrap();
    for (key, n) in moving {
        let due = (newest - MOVING + 1..=newest).find(|n| i64::from(n % MOVING) == *key);
        assert_eq!(Some(*n), due, "key {key} where change {newest} is shown");
    }
    newest
}

fn regenerated_under_readers(kept: impl FnOnce(&World) -> Kept, still: i32) {
    let (world, _bridge, vendor) = World::with_bridge();
    let kept = kept(&world);
    vendor.open(&[contact()]);
    fill(&vendor, still);
    for first in (0..MOVING).step_by(10) {
        change(&vendor, first);
    }
    let mirror = kept.start(&world);
    let end = world.cluster.settled_end(&world.topic("contact"));
    wait_until("all is applied", || kept.position(&world, "contact") >= end);
    let over = AtomicBool::new(false);
    let (made, looks) = std::thread::scope(|scope| {
        let over = &over;
        let writer = scope.spawn(move || {
            let mut next = MOVING;
            while !over.load(Ordering::Relaxed) {
                change(&vendor, next);
                next += 10;
            }
        });
        let reader = scope.spawn(|| {
            let (mut looks, mut newest) = (0, 0);
            while !over.load(Ordering::Relaxed) {
                let begun = Instant::now();
                let (moving, rows) = kept.look(&world, MOVING);
                let now = state(&moving, rows, still);
                assert!(now >= newest, "back in time: {now} after {newest}");
                (looks, newest) = (looks + 1, now);
                // Ten looks a second.
                std::thread::sleep(Duration::from_millis(100).saturating_sub(begun.elapsed()));
            }
            looks
        });
        let made = kept.carry_out(&world, &["regenerate", &world.tenant]);
        over.store(true, Ordering::Relaxed);
        writer.join().unwrap();
        (made, reader.join().unwrap())
    });
    let (printed, code) = made;
    assert_eq!(code, FINE, "{printed:?}");
    println!("{looks} looks; {}", printed.last().unwrap());
    assert!(looks > 3, "hardly a look in all the time");
    let end = world.cluster.settled_end(&world.topic("contact"));
    wait_until("the mirror goes on with the new copy", || kept.position(&world, "contact") >= end);
    let (report, code) = kept.carry_out(&world, &["verify"]);
    assert_eq!((code, &report[0]["equal"]), (FINE, &json!(true)), "{report:?}");
    mirror.stop();
}

#[test]
fn verify_finds_and_mends_exactly_what_differs_in_sqlite() {
    verified_and_mended(Kept::in_sqlite);
}

#[test]
fn verify_finds_and_mends_exactly_what_differs_in_postgresql() {
    verified_and_mended(|_| Kept::in_postgres());
}

fn verified_and_mended(kept: impl FnOnce(&World) -> Kept) {
    let (world, _bridge, vendor) = World::with_bridge();
    let kept = kept(&world);
    vendor.open(&[contact()]);
    let names: Vec<(i32, String)> = (0..500).map(|id| (id, format!("name {id}"))).collect();
    let rows: Vec<_> = names.iter().map(|(id, name)| ("I", *id, name.as_str())).collect();
    vendor.rows(&[batch(&contact(), 1, &rows)]);
    vendor.complete();
    let mirror = kept.start(&world);
    let end = world.cluster.settled_end(&world.topic("contact"));
    wait_until("all is applied", || kept.position(&world, "contact") >= end);
    let (_, code) = kept.carry_out(&world, &["verify"]);
    assert_eq!(code, FINE);
    let before = names_of(&kept, &world);
    for (harm, kind, key) in [
        ("UPDATE contact SET name = 'other' WHERE id = 7", "changed", 7),
        ("DELETE FROM contact WHERE id = 8", "missing", 8),
        ("INSERT INTO contact (id, name) VALUES (9000, 'extra')", "extra", 9000),
    ] {
        kept.run_sql(&world, harm);
        let (report, code) = kept.carry_out(&world, &["verify", "--table", "contact"]);
        assert_eq!(code, DIFFERENCES, "{harm}");
        let text = report[0].to_string();
        assert!(text.contains(kind) && text.contains(&key.to_string()), "{harm}: {text}");
        let (report, code) = kept.carry_out(&world, &["verify", "--repair"]);
        assert_eq!(code, FINE, "{harm}: {report:?}");
        assert_eq!(names_of(&kept, &world), before, "{harm}");
    }
    mirror.stop();
}

/// All of `contact`, id and name.
fn names_of(kept: &Kept, world: &World) -> Vec<(i64, String)> {
    let (tenant, table) = (Tenant::new(&world.tenant).unwrap(), Table::new("contact").unwrap());
    let mut copies = kept.copies();
    let mut snapshot = copies.snapshot(&tenant, Copy::Live).unwrap();
    let mut rows = Vec::new();
    let mut take = |cells: &[Option<Value<'_>>]| match cells {
        [Some(Value::Whole(id)), Some(Value::Text(name))] => rows.push((*id, (*name).to_owned())),
        other => panic!("not an id and a name: {other:?}"),
    };
    snapshot.rows(&table, &mut take).unwrap();
    rows.sort_unstable();
    rows
}

#[test]
fn of_two_mirrors_in_sqlite_the_one_that_stood_still_stops_and_changes_nothing() {
    stood_still(Kept::in_sqlite);
}

#[test]
fn of_two_mirrors_in_postgresql_the_one_that_stood_still_stops_and_changes_nothing() {
    stood_still(|_| Kept::in_postgres());
}

/// As an operator's debugger or a suspended machine would have it.
const STOOD_STILL: Duration = Duration::from_secs(60);

fn stood_still(kept: impl FnOnce(&World) -> Kept) {
    let (world, _bridge, vendor) = World::with_bridge();
    let kept = kept(&world);
    vendor.open(&[contact()]);
    fill(&vendor, 20_000);
    let mut first = kept.start(&world);
    wait_until("it has begun", || kept.position(&world, "contact") > 0);
    fill(&vendor, 20_000);
    first.failpoints.arm(FETCHED);
    change(&vendor, 0);
    first.failpoints.wait_for(FETCHED);
    first.pause();
    let paused = Instant::now();
    let second = kept.start(&world);
    for n in 1..4 {
        change(&vendor, n * 10);
    }
    vendor.complete();
    let end = world.cluster.settled_end(&world.topic("contact"));
    wait_until("the other has all", || kept.position(&world, "contact") >= end);
    let after = names_of(&kept, &world);
    first.failpoints.release(FETCHED);
    // The other was done long before.
    std::thread::sleep(STOOD_STILL.saturating_sub(paused.elapsed()));
    first.resume();
    assert_eq!(first.code(), FENCED);
    assert_eq!(names_of(&kept, &world), after);
    change(&vendor, 40);
    let end = world.cluster.settled_end(&world.topic("contact"));
    wait_until("the other goes on", || kept.position(&world, "contact") >= end);
    let (_, code) = kept.carry_out(&world, &["verify"]);
    assert_eq!(code, FINE);
    second.stop();
}
