//! Histories for tests: what was sent in one line per call, what was seen in one line per table.

use crate::history::{Call, Outcome, Row, Seen, Tables, Written};

/// A call of rows `table key`, `-` before the key for a delete.
pub(crate) fn call(number: u64, outcome: Outcome, rows: &[(&str, i32)]) -> Call {
    let rows = rows.iter().enumerate().map(|(row, (table, key))| Row {
        table: (*table).to_owned(),
        key: key.abs(),
        value: (*key >= 0).then_some(Written { call: number, row }),
    });
    Call { number, rows: rows.collect(), outcome }
}

pub(crate) fn refused() -> Outcome {
    Outcome::Refused("KAFKA_UNAVAILABLE".to_owned())
}

/// What was seen: per table a line of `key=value` or `key` for a tombstone.
pub(crate) fn seen(tables: &[(&str, &str)]) -> Tables {
    let table = |(name, line): &(&str, &str)| {
        let records = (0..).zip(line.split_ascii_whitespace()).map(|(offset, record)| {
            let (key, value) =
                record.split_once('=').map_or((record, None), |(key, value)| (key, Some(value)));
            Seen { offset, key: key.parse().unwrap(), value: value.map(str::to_owned) }
        });
        ((*name).to_owned(), records.collect())
    };
    tables.iter().map(table).collect()
}

/// Exactly one fault, which says `part`.
#[track_caller]
pub(crate) fn assert_only(faults: &[String], part: &str) {
    assert!(matches!(faults, [fault] if fault.contains(part)), "{part:?} was expected: {faults:#?}");
}
