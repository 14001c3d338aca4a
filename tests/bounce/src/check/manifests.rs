//! Checker C, the auditor: what a committed position says of its call's rows is what a reader of the topic finds.
//!
//! A position names the call, and per partition how many records it wrote and the sum of their hashes; they are the
//! committed records between the previous position's last offset and its own.

use std::collections::BTreeMap;

use mirrorbus::bus::memory::Memory;
use mirrorbus::bus::position::Position;
use xxhash_rust::xxh3::Xxh3;

use super::Stage;
use reader::Record;

use crate::log::{Log, Partition};

/// What was found of one tenant.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Audit {
    /// Manifests that were compared.
    pub(crate) audited: u64,
    /// Records that they cover.
    pub(crate) rows: u64,
    /// What contradicts, in words.
    pub(crate) faults: Vec<String>,
}

/// Audits every position in `positions`, the tenant's positions topic; `rows` is what its row topics begin with.
pub(crate) fn check(log: &Log, positions: &str, rows: &str, stage: Stage) -> Audit {
    let mut audit = Audit::default();
    let mut before: BTreeMap<String, Position> = BTreeMap::new();
    for record in log.records(positions) {
        let mut memory = Memory::default();
        if let Err(error) = memory.take(Some(&record.key), record.value.as_deref()) {
            audit.faults.push(format!("{positions}, offset {}: {error}", record.offset));
        }
        for (table, position) in memory.tables {
            let topic = format!("{rows}.{table}");
            audit.position(log, &topic, before.get(&table), &position, stage);
            before.insert(table, position);
        }
    }
    if stage == Stage::Over {
        audit.strays(log, rows, &before);
    }
    audit
}

impl Audit {
    fn position(
        &mut self,
        log: &Log,
        topic: &str,
        before: Option<&Position>,
        after: &Position,
        stage: Stage,
    ) {
        let manifest = after.manifest.as_ref();
        let call = |position: &Position| position.manifest.as_ref().map(|manifest| manifest.call.clone());
        // A position that moved without a call, after a sweep's chunk, carries the call before along.
        let Some(manifest) = manifest.filter(|_| before.and_then(call) != call(after)) else { return };
        for (number, span) in (0..).zip(&after.spans) {
            let empty = Partition::default();
            let partition = log.partitions.get(&(topic.to_owned(), number)).unwrap_or(&empty);
            if stage == Stage::Running && partition.next <= span.last {
                return;
            }
            let from =
                before.and_then(|before| before.spans.get(number as usize)).map_or(-1, |span| span.last);
            let found = Sum::of(&partition.records, from, span.last);
            let told = manifest.partitions.iter().find(|told| told.partition == number);
            let (rows, hash) = told.map_or((0, "0000000000000000"), |told| (told.rows, told.hash.as_str()));
            self.rows += found.rows;
            if (found.rows, found.hash().as_str()) != (rows, hash) {
                self.faults.push(format!(
                    "{topic}, partition {number}, offsets {from} to {}: {found:?}, the manifest says {rows} rows and \
                     {hash}",
                    span.last
                ));
            }
        }
        self.audited += 1;
    }

    /// Records behind the last position are rows without one.
    fn strays(&mut self, log: &Log, rows: &str, positions: &BTreeMap<String, Position>) {
        for ((topic, number), partition) in &log.partitions {
            let Some(table) = topic.strip_prefix(rows).and_then(|rest| rest.strip_prefix('.')) else {
                continue;
            };
            let span = positions.get(table).and_then(|position| position.spans.get(*number as usize));
            let last = span.map_or(-1, |span| span.last);
            let strays = Sum::of(&partition.records, last, i64::MAX).rows;
            if strays > 0 {
                self.faults.push(format!("{topic}, partition {number}: {strays} records without a position"));
            }
        }
    }
}

/// Count and hash of records.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sum {
    rows: u64,
    hash: u64,
}

impl Sum {
    /// Of the records after the offset `from`, up to `last`.
    fn of(records: &[Record], from: i64, last: i64) -> Self {
        let mut sum = Self::default();
        let begin = records.partition_point(|record| record.offset <= from);
        let rest = records.get(begin..).unwrap_or_default();
        for record in rest.iter().take_while(|record| record.offset <= last) {
            let mut hash = Xxh3::new();
            hash.update(&record.key);
            hash.update(record.value.as_deref().unwrap_or_default());
            sum.rows += 1;
            sum.hash = sum.hash.wrapping_add(hash.digest());
        }
        sum
    }

    fn hash(&self) -> String {
        format!("{:016x}", self.hash)
    }
}

#[cfg(test)]
mod tests {
    use mirrorbus::bus::position::{Manifest, PartitionManifest, Span};

    use super::*;
    use crate::check::testing::assert_only;

    const POSITIONS: &str = "p-sys.T.positions";

    fn record(offset: i64, value: Option<&str>) -> Record {
        Record { offset, key: vec![1], value: value.map(|value| value.as_bytes().to_vec()) }
    }

    /// The position of a call that wrote the records between two offsets.
    fn position(call: &str, from: i64, last: i64, rows: &[Record]) -> Position {
        let sum = Sum::of(rows, from, last);
        let partitions =
            vec![PartitionManifest { partition: 0, first: from + 1, last, rows: sum.rows, hash: sum.hash() }];
        Position {
            spans: vec![Span { first: 0, last }],
            manifest: Some(Manifest { call: call.to_owned(), opening: 1, partitions }),
            ..Position::blank(1)
        }
    }

    fn log(rows: &[Record], positions: &[Position]) -> Log {
        let mut log = Log::default();
        rows.iter().for_each(|row| log.take(&("p.T.a".to_owned(), 0), row.clone()));
        for (offset, position) in (0..).zip(positions) {
            let value = Some(serde_json::to_vec(position).unwrap());
            let record = Record { offset, key: b"table/a".to_vec(), value };
            log.take(&(POSITIONS.to_owned(), 0), record);
        }
        log
    }

    fn audit(rows: &[Record], positions: &[Position], stage: Stage) -> Audit {
        check(&log(rows, positions), POSITIONS, "p.T", stage)
    }

    fn rows() -> Vec<Record> {
        // Offset 2 is a marker; 4 is a sweep's tombstone.
        vec![
            record(0, Some("x")),
            record(1, Some("y")),
            record(3, None),
            record(4, None),
            record(5, Some("z")),
        ]
    }

    fn positions() -> Vec<Position> {
        let rows = rows();
        let mut swept = position("two", 1, 3, &rows);
        swept.spans[0].last = 4;
        vec![
            position("one", -1, 1, &rows),
            position("two", 1, 3, &rows),
            swept,
            position("three", 4, 5, &rows),
        ]
    }

    #[test]
    fn calls_and_sweeps_that_are_as_told_have_no_fault() {
        let expected = Audit { audited: 3, rows: 4, faults: Vec::new() };
        assert_eq!(audit(&rows(), &positions(), Stage::Over), expected);
    }

    #[test]
    fn a_row_that_is_missing_changed_or_too_many_is_found() {
        for place in 0..2 {
            let mut broken = rows();
            broken.remove(place);
            assert_only(&audit(&broken, &positions(), Stage::Over).faults, "the manifest says 2 rows");
        }
        let mut broken = rows();
        broken[4].value = Some(b"other".to_vec());
        assert_only(&audit(&broken, &positions(), Stage::Over).faults, "offsets 4 to 5");
        let mut broken = rows();
        broken.insert(2, record(2, Some("more")));
        assert_only(&audit(&broken, &positions(), Stage::Over).faults, "the manifest says 1 rows");
    }

    #[test]
    fn rows_without_a_position_are_found_once_all_is_read() {
        let [first, second, ..] = &positions()[..] else { panic!("two positions") };
        let positions = [first.clone(), second.clone()];
        assert_only(&audit(&rows(), &positions, Stage::Over).faults, "2 records without a position");
        assert_eq!(audit(&rows(), &positions, Stage::Running).faults, Vec::<String>::new());
    }

    #[test]
    fn a_reader_that_is_behind_is_no_fault_until_all_is_read() {
        let behind = &rows()[..1];
        assert_eq!(audit(behind, &positions(), Stage::Running), Audit::default());
        assert!(!audit(behind, &positions(), Stage::Over).faults.is_empty());
    }

    #[test]
    fn a_position_that_cannot_be_read_is_found() {
        let mut log = log(&rows(), &positions());
        log.take(
            &(POSITIONS.to_owned(), 0),
            Record { offset: 9, key: b"table/a".to_vec(), value: Some(vec![]) },
        );
        assert_only(&check(&log, POSITIONS, "p.T", Stage::Over).faults, "offset 9");
    }
}
