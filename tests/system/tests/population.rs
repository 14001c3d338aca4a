//! Positions that hold, loads that did not finish, wipes and their sweeps.

use operations_center::wire::Request;

use crate::support::vendor::table;
use crate::support::{World, batch, contact};

fn names(ids: &[(i32, &str)]) -> Vec<(i32, Option<String>)> {
    ids.iter().map(|(id, name)| (*id, Some((*name).to_owned()))).collect()
}

#[test]
fn a_load_whose_cycle_ended_after_its_last_batch_is_asked_for_again() {
    let (_world, _bridge, vendor) = World::with_bridge();
    vendor.open(&[contact()]);
    vendor.rows(&[batch(&contact(), 5, &[("I", 1, "a")])]);
    assert_eq!(vendor.open(&[contact()])["contact"], -1, "nothing tells that it was the last batch");
}

#[test]
fn a_load_that_went_on_to_another_table_is_not_asked_for_again() {
    let (_world, _bridge, vendor) = World::with_bridge();
    let person = table("person");
    let both = [contact(), person.clone()];
    vendor.open(&both);
    vendor.rows(&[batch(&contact(), 5, &[("I", 1, "a")])]);
    vendor.rows(&[batch(&person, 6, &[("I", 1, "a")])]);
    let lsns = vendor.open(&both);
    assert_eq!((lsns["contact"], lsns["person"]), (5, -1));
}

#[test]
fn rows_for_an_lsn_that_had_taken_effect_prove_the_reading_wrong() {
    let (_world, _bridge, vendor) = World::with_bridge();
    let person = table("person");
    let both = [contact(), person.clone()];
    vendor.open(&both);
    vendor.rows(&[batch(&contact(), 5, &[("I", 1, "a")])]);
    vendor.rows(&[batch(&person, 6, &[("I", 1, "a")])]);
    let contradicting = vendor.call(&Request::row_data(&[batch(&contact(), 5, &[("I", 2, "b")])]));
    assert!(!vendor.send(&contradicting).is_successful);
    assert!(!vendor.send(&contradicting).is_successful, "a second copy must not undo the finding");
    vendor.rows(&[batch(&person, 7, &[("U", 1, "b")])]);
    vendor.complete();
    assert_eq!(vendor.open(&both)["contact"], -1);
    vendor.rows(&[batch(&contact(), 8, &[("I", 1, "a"), ("I", 2, "b")])]);
    vendor.complete();
    assert_eq!(vendor.open(&both)["contact"], 8);
}

#[test]
fn a_wipe_and_a_smaller_table_leave_exactly_the_smaller_table() {
    let (world, _bridge, vendor) = World::with_bridge();
    vendor.cycle(&[batch(&contact(), 3, &[("I", 1, "a"), ("I", 2, "b"), ("I", 3, "c")])]);
    vendor.open(&[contact()]);
    vendor.wipe("contact");
    assert_eq!(
        world.contacts(),
        names(&[(1, "a"), (2, "b"), (3, "c")]),
        "old rows stay until it is complete"
    );
    vendor.rows(&[batch(&contact(), 8, &[("I", 2, "new")])]);
    vendor.complete();
    assert_eq!(world.contacts(), names(&[(2, "new")]));
    assert_eq!(vendor.open(&[contact()])["contact"], 8);
}

#[test]
fn a_wipe_without_rows_leaves_an_empty_table() {
    let (world, _bridge, vendor) = World::with_bridge();
    vendor.cycle(&[batch(&contact(), 3, &[("I", 1, "a")])]);
    vendor.open(&[contact()]);
    vendor.wipe("contact");
    vendor.complete();
    assert_eq!(world.contacts(), []);
}

#[test]
fn a_smaller_table_without_its_wipe_leaves_exactly_the_smaller_table() {
    let (world, _bridge, vendor) = World::with_bridge();
    vendor.open(&[contact()]);
    vendor.rows(&[batch(&contact(), 0, &[("I", 1, "a"), ("I", 2, "b")])]);
    // The load did not finish; the source has lost a row when it comes again, and sends no Wipe.
    assert_eq!(vendor.open(&[contact()])["contact"], -1);
    vendor.rows(&[batch(&contact(), 4, &[("I", 2, "b")])]);
    vendor.complete();
    assert_eq!(world.contacts(), names(&[(2, "b")]));
}

#[test]
fn a_bridge_killed_between_wipe_and_sweep_leaves_exactly_the_smaller_table() {
    let (world, bridge, vendor) = World::with_bridge();
    vendor.cycle(&[batch(&contact(), 3, &[("I", 1, "a"), ("I", 2, "b")])]);
    vendor.open(&[contact()]);
    vendor.wipe("contact");
    vendor.rows(&[batch(&contact(), 7, &[("I", 2, "new")])]);
    bridge.kill();
    let bridge = world.bridge();
    let vendor = vendor.at(&bridge);
    vendor.complete();
    assert_eq!(world.contacts(), names(&[(2, "new")]));
    assert_eq!(vendor.open(&[contact()])["contact"], 7);
}

#[test]
fn a_bridge_killed_after_a_wipe_asks_for_the_table_again_and_leaves_no_ghost() {
    let (world, bridge, vendor) = World::with_bridge();
    vendor.cycle(&[batch(&contact(), 3, &[("I", 1, "a"), ("I", 2, "b")])]);
    vendor.open(&[contact()]);
    vendor.wipe("contact");
    bridge.kill();
    let bridge = world.bridge();
    let vendor = vendor.at(&bridge);
    assert_eq!(vendor.cycle(&[batch(&contact(), 9, &[("I", 2, "new")])])["contact"], -1);
    assert_eq!(world.contacts(), names(&[(2, "new")]));
}

#[test]
fn a_key_deleted_and_inserted_again_while_loading_survives_the_sweep() {
    let (world, _bridge, vendor) = World::with_bridge();
    vendor.cycle(&[batch(&contact(), 3, &[("I", 1, "a"), ("I", 2, "b"), ("I", 3, "c")])]);
    vendor.open(&[contact()]);
    vendor.wipe("contact");
    vendor.rows(&[batch(&contact(), 0, &[("I", 1, "x"), ("I", 2, "y")])]);
    vendor.rows(&[batch(&contact(), 6, &[("D", 1, ""), ("D", 2, ""), ("I", 2, "z")])]);
    vendor.complete();
    assert_eq!(world.contacts(), names(&[(2, "z")]));
}

#[test]
fn a_position_without_rows_is_kept_without_a_topic() {
    let (world, _bridge, vendor) = World::with_bridge();
    vendor.open(&[contact()]);
    vendor.rows(&[batch(&contact(), 5, &[])]);
    vendor.complete();
    assert_eq!(world.cluster.topic_id(&world.topic("contact")), None);
    assert_eq!(vendor.open(&[contact()])["contact"], 5);
}
