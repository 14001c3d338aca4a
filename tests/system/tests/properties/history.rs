//! Cycles of a tenant in which calls come again: right away, late, and from cycles that are over.

use std::collections::BTreeMap;

use mirrorbus_librdkafka::Isolation;
use operations_center::wire::{Batch, Request};
use proptest::collection::vec;
use proptest::prelude::*;

use super::check;
use crate::support::vendor::{Call, Vendor};
use crate::support::{World, batch, contact};

/// `I`, `U` or `D`, id, name.
type Change = (&'static str, i32, String);

/// Rows of one call, how often it comes again at once, and whether an earlier call of the cycle comes after it.
#[derive(Clone, Debug)]
struct Rows {
    changes: Vec<Change>,
    again: usize,
    late: Option<prop::sample::Index>,
}

#[derive(Clone, Debug)]
struct Cycle {
    wipe: bool,
    calls: Vec<Rows>,
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    vec((prop::sample::select(vec!["I", "U", "U", "D"]), 0..6, "[a-z]{0,4}"), 1..7)
}

fn cycles() -> impl Strategy<Value = Vec<Cycle>> {
    let late = prop::option::weighted(0.3, any::<prop::sample::Index>());
    let rows = (changes(), 0..3usize, late).prop_map(|(changes, again, late)| Rows { changes, again, late });
    let cycle = (any::<bool>(), vec(rows, 1..4)).prop_map(|(wipe, calls)| Cycle { wipe, calls });
    vec(cycle, 1..4)
}

/// What an upsert reader must have, and every value that was written to a key, in order.
#[derive(Default)]
struct Model {
    table: BTreeMap<i32, Option<String>>,
    written: BTreeMap<i32, Vec<Option<String>>>,
}

impl Model {
    fn take(&mut self, changes: &[Change]) {
        for (operation, id, name) in changes {
            if *operation == "D" {
                self.table.remove(id);
            } else {
                self.table.insert(*id, Some(name.clone()));
                self.written.entry(*id).or_default().push(Some(name.clone()));
            }
        }
    }
}

struct Tenant<'w> {
    world: &'w World,
    vendor: Vendor,
    model: Model,
    lsn: i64,
    /// Every call of a cycle that is over.
    old: Vec<Call>,
}

impl Tenant<'_> {
    fn cycle(&mut self, number: usize, cycle: &Cycle) {
        let answered = self.vendor.open(&[contact()])["contact"];
        assert_eq!(answered, if self.lsn == 0 { -1 } else { self.lsn });
        let mut calls = Vec::new();
        if cycle.wipe || number == 0 {
            calls.push(self.vendor.call(&Request::wipe("contact")));
            self.succeed_again(&calls[0], 1);
            self.model.table.clear();
        }
        let last = cycle.calls.len() - 1;
        for (place, rows) in cycle.calls.iter().enumerate() {
            self.lsn += 1;
            let lsn = if place == last { self.lsn } else { 0 };
            let call = self.vendor.call(&Request::row_data(&[rows_of(&rows.changes, lsn)]));
            self.succeed_again(&call, rows.again);
            self.model.take(&rows.changes);
            if let Some(index) = rows.late.filter(|_| !calls.is_empty()) {
                self.refused(&calls[index.index(calls.len())]);
            }
            calls.push(call);
        }
        self.vendor.complete();
        self.assert_as_modelled();
        for call in &self.old {
            self.refused(call);
        }
        self.old.append(&mut calls);
    }

    /// P2: once and more often is the same, to the last offset.
    fn succeed_again(&self, call: &Call, times: usize) {
        let answer = self.vendor.send(call);
        assert!(answer.is_successful, "{}", answer.message());
        let once = self.ends();
        for _ in 0..times {
            let answer = self.vendor.send(call);
            assert!(answer.is_successful, "{}", answer.message());
        }
        assert_eq!(self.ends(), once, "a repetition has written");
    }

    fn refused(&self, call: &Call) {
        let before = self.ends();
        let answer = self.vendor.send(call);
        assert!(answer.message().starts_with("REFUSED: "), "{}", answer.message());
        assert_eq!(self.ends(), before, "a refused call has written");
    }

    /// Of this tenant's topics.
    fn ends(&self) -> BTreeMap<String, i64> {
        let mine = format!(".{}.", self.world.tenant);
        self.world.ends().into_iter().filter(|(topic, _)| topic.contains(&mine)).collect()
    }

    /// P4: of earlier populations nothing is left. P3: each key's values lie in the topic in the order in which they
    /// came, each as often as it came.
    fn assert_as_modelled(&self) {
        let table: Vec<_> = self.model.table.clone().into_iter().collect();
        assert_eq!(self.world.contacts(), table);
        let mut written: BTreeMap<i32, Vec<Option<String>>> = BTreeMap::new();
        for (id, name) in self.world.all_contacts() {
            written.entry(id).or_default().push(name);
        }
        assert_eq!(written, self.model.written);
    }
}

fn rows_of(changes: &[Change], lsn: i64) -> Batch {
    let rows: Vec<_> = changes.iter().map(|(operation, id, name)| (*operation, *id, name.as_str())).collect();
    batch(&contact(), lsn, &rows)
}

#[test]
fn p2_p3_p4_any_history_with_repetitions_leaves_the_table_each_value_once_and_in_order() {
    let mut world = World::new();
    let bridge = world.bridge();
    let root = world.tenant.clone();
    check(6, &cycles(), |number, cycles| {
        world.tenant = format!("{root}x{number}");
        let vendor = world.vendor(&bridge);
        let mut tenant = Tenant { world: &world, vendor, model: Model::default(), lsn: 0, old: Vec::new() };
        for (number, cycle) in cycles.iter().enumerate() {
            tenant.cycle(number, cycle);
        }
        let open = world.cluster.read(&world.positions(), Isolation::ReadCommitted);
        assert!(!open.is_empty());
    });
}
