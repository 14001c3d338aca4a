//! Checker B, call by call, after Jepsen: no lost write, no aborted read, no torn call, no cycle in the order of calls.

use std::collections::{BTreeMap, BTreeSet};

use super::Stage;
use crate::history::{Call, Outcome, Row, Tables, Written};

/// What contradicts, in words.
pub(crate) fn check(calls: &[Call], seen: &Tables, stage: Stage) -> Vec<String> {
    let visible = visible(seen);
    let mut faults = Vec::new();
    for call in calls {
        if let (Outcome::Refused(code), true) = (&call.outcome, visible.contains_key(&call.number)) {
            faults.push(format!("aborted read: call {} was answered {code} and is there", call.number));
        }
    }
    if let Some(cycle) = order_cycle(seen, visible.keys().copied()) {
        faults.push(format!("order cycle: calls {cycle:?} stand before each other"));
    }
    if stage == Stage::Over {
        faults.extend(calls.iter().filter_map(|call| torn(call, &visible)));
        faults.extend(lost_writes(calls, seen));
    }
    faults
}

/// Rows by the calls that wrote them.
fn visible(seen: &Tables) -> BTreeMap<u64, BTreeSet<Written>> {
    let mut visible: BTreeMap<u64, BTreeSet<Written>> = BTreeMap::new();
    let values = seen.values().flatten().filter_map(|record| Written::read(record.value.as_deref()?));
    values.for_each(|written| {
        visible.entry(written.call).or_default().insert(written);
    });
    visible
}

fn torn(call: &Call, visible: &BTreeMap<u64, BTreeSet<Written>>) -> Option<String> {
    let sent = call.rows.iter().filter(|row| row.value.is_some()).count();
    let found = visible.get(&call.number).map_or(0, BTreeSet::len);
    (0 < found && found < sent).then(|| format!("torn call: {found} of {sent} rows of call {}", call.number))
}

/// The newest record of every key must be the last acknowledged write to it, or one of unknown outcome after that.
fn lost_writes(calls: &[Call], seen: &Tables) -> Vec<String> {
    let mut faults = Vec::new();
    for ((table, key), allowed) in may_be_last(calls) {
        let mut records = seen.get(table).into_iter().flatten();
        let newest = records.rfind(|record| record.key == key);
        let value = newest.and_then(|record| Written::read(record.value.as_deref()?));
        if !allowed.contains(&value) {
            let found = value.map_or("nothing".to_owned(), |value| value.to_string());
            faults.push(format!("lost write: {table}, key {key} holds {found}, not one of {allowed:?}"));
        }
    }
    faults
}

type Key<'c> = (&'c str, i32);

fn may_be_last(calls: &[Call]) -> BTreeMap<Key<'_>, Vec<Option<Written>>> {
    let mut allowed: BTreeMap<Key<'_>, Vec<Option<Written>>> = BTreeMap::new();
    for call in calls {
        for Row { table, key, value } in &call.rows {
            let values = allowed.entry((table, *key)).or_insert_with(|| vec![None]);
            match call.outcome {
                Outcome::Acknowledged => *values = vec![*value],
                Outcome::Unknown => values.push(*value),
                Outcome::Refused(_) => {}
            }
        }
    }
    allowed
}

/// Calls that stand before each other, if there are any. What stands before what is said by the offsets of every
/// table, and by time: a tenant makes one call after the other.
fn order_cycle(seen: &Tables, visible: impl Iterator<Item = u64>) -> Option<Vec<u64>> {
    let by_time: Vec<u64> = visible.collect();
    let mut after: BTreeMap<u64, BTreeSet<u64>> = BTreeMap::new();
    let mut edge = |before: u64, call: u64| {
        if before != call {
            after.entry(before).or_default().insert(call);
        }
    };
    by_time.windows(2).for_each(|pair| edge(pair[0], pair[1]));
    for records in seen.values() {
        let calls: Vec<u64> =
            records.iter().filter_map(|record| Some(Written::read(record.value.as_deref()?)?.call)).collect();
        calls.windows(2).for_each(|pair| edge(pair[0], pair[1]));
    }
    left_in_cycles(&by_time, &after)
}

/// Takes away calls that nothing stands before, again and again: what stays is in a cycle or behind one.
fn left_in_cycles(calls: &[u64], after: &BTreeMap<u64, BTreeSet<u64>>) -> Option<Vec<u64>> {
    let mut before: BTreeMap<u64, usize> = calls.iter().map(|call| (*call, 0)).collect();
    for call in after.values().flatten() {
        *before.entry(*call).or_default() += 1;
    }
    let mut free: Vec<u64> = before.iter().filter(|(_, count)| **count == 0).map(|(call, _)| *call).collect();
    while let Some(call) = free.pop() {
        before.remove(&call);
        for next in after.get(&call).into_iter().flatten() {
            if let Some(count) = before.get_mut(next) {
                *count -= 1;
                if *count == 0 {
                    free.push(*next);
                }
            }
        }
    }
    (!before.is_empty()).then(|| before.into_keys().take(10).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::testing::{assert_only, call, refused, seen};

    fn history() -> Vec<Call> {
        vec![
            call(1, Outcome::Acknowledged, &[("a", 1), ("b", 1)]),
            call(2, Outcome::Unknown, &[("a", 1), ("b", 2)]),
            call(3, refused(), &[("a", 3)]),
            call(4, Outcome::Acknowledged, &[("a", 4), ("b", 4)]),
            call(5, Outcome::Acknowledged, &[("a", -4)]),
        ]
    }

    fn faults(a: &str, b: &str) -> Vec<String> {
        check(&history(), &seen(&[("a", a), ("b", b)]), Stage::Over)
    }

    #[test]
    fn a_history_in_order_has_no_fault_with_the_unknown_call_and_without_it() {
        assert_eq!(faults("1=c1r0 1=c2r0 4=c4r0 4", "1=c1r1 2=c2r1 4=c4r1"), Vec::<String>::new());
        assert_eq!(faults("1=c1r0 4=c4r0 4", "1=c1r1 4=c4r1"), Vec::<String>::new());
    }

    #[test]
    fn a_write_that_was_lost_is_found() {
        let found = faults("4=c4r0 4", "1=c1r1 4=c4r1");
        assert!(
            found.iter().any(|fault| fault.starts_with("lost write: a, key 1 holds nothing")),
            "{found:?}"
        );
        assert_only(&faults("1=c1r0 4=c4r0", "1=c1r1 4=c4r1"), "lost write: a, key 4 holds c4r0");
    }

    #[test]
    fn a_refused_call_that_is_there_is_found() {
        let found = faults("1=c1r0 3=c3r0 4=c4r0 4", "1=c1r1 4=c4r1");
        assert!(found.iter().any(|fault| fault.starts_with("aborted read: call 3")), "{found:?}");
    }

    #[test]
    fn a_call_that_is_there_in_part_is_found() {
        assert_only(&faults("1=c1r0 1=c2r0 4=c4r0 4", "1=c1r1 4=c4r1"), "torn call: 1 of 2 rows of call 2");
    }

    #[test]
    fn calls_before_each_other_are_found_in_one_table_and_across_tables() {
        assert_only(&faults("1=c1r0 4=c4r0 1=c2r0 4", "1=c1r1 2=c2r1 4=c4r1"), "order cycle: calls [2, 4]");
        let calls = [1, 2].map(|number| call(number, Outcome::Unknown, &[("a", 1), ("b", 2)]));
        let seen = seen(&[("a", "1=c1r0 1=c2r0"), ("b", "2=c2r1 2=c1r1")]);
        assert_only(&check(&calls, &seen, Stage::Running), "order cycle: calls [1, 2]");
    }
}
