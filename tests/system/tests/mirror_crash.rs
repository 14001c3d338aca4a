//! Mirrors that are killed at every moment of a load, and go on where they were.

use mirrorbus_mirror::failpoint::{BEGUN, COMMITTED, FETCHED, POSITIONS_MOVED, ROWS_APPLIED};
use mirrorbus_mirror::verbs::Sum;

use crate::support::mirror::Kept;
use crate::support::{World, batch, contact, wait_until};

const ROWS: i32 = 200_000;
/// Rows of one call.
const CALL: i32 = 10_000;

#[test]
fn a_mirror_in_sqlite_killed_at_every_moment_of_a_load_is_whole_and_has_no_row_twice() {
    killed_at_every_moment(Kept::in_sqlite);
}

#[test]
fn a_mirror_in_postgresql_killed_at_every_moment_of_a_load_is_whole_and_has_no_row_twice() {
    killed_at_every_moment(|_| Kept::in_postgres());
}

fn killed_at_every_moment(kept: impl FnOnce(&World) -> Kept) {
    let (world, _bridge, vendor) = World::with_bridge();
    vendor.open(&[contact()]);
    for first in (0..ROWS).step_by(CALL.try_into().unwrap()) {
        let rows: Vec<_> = (first..first + CALL).map(|id| ("I", id, "x")).collect();
        vendor.rows(&[batch(&contact(), i64::from(first), &rows)]);
    }
    vendor.complete();
    let end = world.cluster.settled_end(&world.topic("contact"));
    let kept = kept(&world);
    for point in [FETCHED, BEGUN, POSITIONS_MOVED, ROWS_APPLIED, COMMITTED, ROWS_APPLIED, BEGUN, COMMITTED] {
        let mirror = kept.start(&world);
        // In mid-load, and further on each time.
        let before = kept.position(&world, "contact");
        wait_until("it has applied more", || kept.position(&world, "contact") > before);
        mirror.failpoints.arm(point);
        mirror.failpoints.wait_for(point);
        let there = kept.position(&world, "contact");
        assert!(there < end, "the load was over before the kill at {point}");
        mirror.kill();
        assert_eq!(kept.position(&world, "contact"), there, "{point}: nobody writes any more");
    }
    let mirror = kept.start(&world);
    wait_until("all is applied", || kept.position(&world, "contact") >= end);
    mirror.stop();
    let contact = &kept.tables(&world)["contact"];
    assert_eq!(contact.sum, Some(Sum::from(world.cluster.checksum(&world.topic("contact")))));
    let rows = u64::try_from(ROWS).unwrap();
    assert_eq!(contact.applied, [rows, 0, 0], "a row twice would be an update");
}
