//! Checker A, row by row: every acknowledged row is there, none twice, and each key's rows in the order of their calls.

use std::collections::BTreeMap;

use super::Stage;
use crate::history::{Call, Outcome, Tables, Written};

/// What contradicts, in words.
pub(crate) fn check(calls: &[Call], seen: &Tables, stage: Stage) -> Vec<String> {
    let mut faults = Vec::new();
    let sent = sent(calls);
    let mut places: BTreeMap<Written, u64> = BTreeMap::new();
    let mut newest: BTreeMap<(&str, i32), Written> = BTreeMap::new();
    for (table, records) in seen {
        for record in records {
            let Some(text) = &record.value else { continue };
            let place = format!("{table}, offset {}", record.offset);
            let Some(written) = Written::read(text).filter(|written| sent.contains_key(written)) else {
                faults.push(format!("{place}: nobody wrote {text:?}"));
                continue;
            };
            if sent[&written] != (table.as_str(), record.key) {
                faults.push(format!("{place}: {written} was sent to another key or table"));
            }
            *places.entry(written).or_default() += 1;
            let before = newest.insert((table, record.key), written);
            if let Some(before) = before.filter(|before| *before > written) {
                faults.push(format!("{place}: {written} stands after {before}, key {}", record.key));
            }
        }
    }
    let twice = places.iter().filter(|(_, count)| **count > 1);
    faults.extend(twice.map(|(written, count)| format!("{written} stands {count} times")));
    if stage == Stage::Over {
        faults.extend(calls.iter().filter_map(|call| missing(call, &places)));
    }
    faults
}

fn sent(calls: &[Call]) -> BTreeMap<Written, (&str, i32)> {
    let rows = calls.iter().flat_map(|call| &call.rows);
    rows.filter_map(|row| Some((row.value?, (row.table.as_str(), row.key)))).collect()
}

/// Rows of an acknowledged call that stand nowhere.
fn missing(call: &Call, places: &BTreeMap<Written, u64>) -> Option<String> {
    let rows = acknowledged(std::slice::from_ref(call)).filter(|written| !places.contains_key(written));
    let rows: Vec<Written> = rows.collect();
    let (first, count) = (rows.first()?, rows.len());
    Some(format!("call {} was acknowledged and lacks {count} rows, {first} is the first", call.number))
}

/// Rows with a value in calls that were acknowledged.
pub(crate) fn acknowledged(calls: &[Call]) -> impl Iterator<Item = Written> {
    let calls = calls.iter().filter(|call| call.outcome == Outcome::Acknowledged);
    calls.flat_map(|call| &call.rows).filter_map(|row| row.value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::testing::{assert_only, call, refused, seen};

    fn history() -> Vec<Call> {
        vec![
            call(1, Outcome::Acknowledged, &[("a", 1), ("b", 1)]),
            call(2, Outcome::Unknown, &[("a", 1), ("a", 2)]),
            call(3, refused(), &[("a", 3)]),
            call(4, Outcome::Acknowledged, &[("a", 1), ("a", -2)]),
        ]
    }

    fn faults(a: &str, b: &str) -> Vec<String> {
        check(&history(), &seen(&[("a", a), ("b", b)]), Stage::Over)
    }

    #[test]
    fn a_history_in_order_has_no_fault_with_the_unknown_call_and_without_it() {
        assert_eq!(faults("1=c1r0 1=c2r0 2=c2r1 1=c4r0 2", "1=c1r1"), Vec::<String>::new());
        assert_eq!(faults("1=c1r0 1=c4r0 2", "1=c1r1"), Vec::<String>::new());
    }

    #[test]
    fn an_acknowledged_row_that_is_missing_is_found_once_all_is_read() {
        assert_only(&faults("1=c1r0 1=c4r0", ""), "call 1 was acknowledged and lacks 1 rows, c1r1");
        let seen = seen(&[("a", "1=c1r0")]);
        assert_eq!(check(&history(), &seen, Stage::Running), Vec::<String>::new());
    }

    #[test]
    fn a_row_that_stands_twice_is_found() {
        assert_only(&faults("1=c1r0 1=c4r0 1=c4r0", "1=c1r1"), "c4r0 stands 2 times");
    }

    #[test]
    fn rows_of_a_key_out_of_order_are_found() {
        assert_only(&faults("1=c4r0 1=c1r0", "1=c1r1"), "c1r0 stands after c4r0");
    }

    #[test]
    fn values_that_nobody_wrote_or_that_moved_are_found() {
        assert_only(&faults("1=c1r0 1=c4r0 9=c9r0", "1=c1r1"), "nobody wrote");
        assert_only(&faults("1=c1r0 1=c4r0", "2=c1r1"), "another key or table");
    }
}
