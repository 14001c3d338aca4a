//! The bus against a cluster in memory in which the n-th effect goes wrong, for every n: whatever fails, lies or dies,
//! nothing acknowledged is missing, no position is ahead of its rows, and clean cycles end with topic = source.

mod cluster;
mod vendor;

use std::collections::BTreeMap;

use self::cluster::{EVERY_WRONG, FakeCluster, Wrong};
use self::vendor::{Ended, Vendor};

const TABLES: [&str; 3] = ["contact", "person", "task"];
/// Cycles that may be needed once nothing goes wrong any more: one may be asked to wait for a sweep, one may be the
/// repetition that drops what was withheld.
const CYCLES: usize = 3;

/// A life of three tables: loads of several calls, changes, deletes, a table that goes. Every failed cycle is followed by
/// the next, as the vendor does. Gives the number of effects.
fn play(faults: BTreeMap<usize, Wrong>) -> usize {
    let cluster = FakeCluster::default();
    cluster.plan(faults);
    let mut vendor = Vendor::new(&cluster);
    for id in 0..3 {
        vendor.set("contact", id, Some("a"));
    }
    vendor.set("person", 1, Some("p"));
    vendor.set("task", 1, Some("t"));
    drop(vendor.cycle());
    vendor.set("contact", 1, Some("b"));
    vendor.set("contact", 2, None);
    vendor.set("person", 2, Some("q"));
    drop(vendor.cycle());
    vendor.set("contact", 0, None);
    vendor.set("contact", 3, Some("c"));
    vendor.drop_table("task");
    drop(vendor.cycle());
    let effects = cluster.effects();
    cluster.heal();
    end(&mut vendor);
    vendor.assert_mirrored(&TABLES);
    assert_eq!(cluster.open_transactions(), 0);
    effects
}

fn end(vendor: &mut Vendor) {
    for _ in 0..CYCLES {
        match vendor.cycle() {
            Ok(()) => return,
            Err(Ended::AskedToWait) => {}
            Err(Ended::Failed) => panic!("a cycle failed although nothing went wrong"),
        }
    }
    panic!("the vendor is asked to wait for ever");
}

#[test]
fn whatever_goes_wrong_at_whichever_effect_the_mirror_ends_equal() {
    let effects = play(BTreeMap::new());
    assert!(effects > 60, "only {effects} effects");
    for wrong in EVERY_WRONG {
        let mut number = 1;
        // A life with a fault in it may be longer than one without.
        while number <= play([(number, wrong)].into()) {
            number += 1;
        }
        assert!(number > effects / 2, "{wrong:?}: the loop ended at {number}");
    }
}

#[test]
fn a_second_fault_in_the_recovery_of_the_first_changes_nothing() {
    for first in (1..=play(BTreeMap::new())).step_by(5) {
        for gap in [1, 2, 3, 5, 8, 13, 21, 34, 55] {
            let wrong = |number: usize| EVERY_WRONG[number % EVERY_WRONG.len()];
            play([(first, wrong(first + gap)), (first + gap, wrong(first / 5))].into());
        }
    }
}

#[test]
fn a_row_that_is_missing_although_its_position_is_there_makes_the_table_load_again() {
    let cluster = FakeCluster::default();
    let mut vendor = Vendor::new(&cluster);
    vendor.set("contact", 1, Some("a"));
    vendor.cycle().unwrap();
    vendor.set("contact", 2, Some("b"));
    vendor.cycle().unwrap();
    cluster.tear("crm.Cust1.contact");
    vendor.cycle().unwrap();
    vendor.assert_mirrored(&["contact"]);
}

#[test]
fn other_schema_ids_for_the_same_keys_leave_no_ghosts() {
    let cluster = FakeCluster::default();
    let mut vendor = Vendor::new(&cluster);
    for id in 0..3 {
        vendor.set("contact", id, Some("a"));
    }
    vendor.cycle().unwrap();
    cluster.lose_schemas();
    vendor.set("contact", 1, None);
    vendor.cycle().unwrap();
    vendor.assert_mirrored(&["contact"]);
    let rows = cluster.upsert("crm.Cust1.contact");
    assert_eq!(rows.len(), 2, "one record for each key");
    assert!(rows.keys().all(|key| cluster.knows(key)), "a key's schema id is known to nobody");
}
