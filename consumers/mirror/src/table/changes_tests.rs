use std::sync::Arc;

use super::*;
use crate::table::value::Value;

#[derive(Debug)]
struct Epoch(i64);

impl HasEpoch for Epoch {
    fn epoch(&self) -> Option<i64> {
        Some(self.0)
    }
}

struct Known(HashMap<u32, Arc<Plan>>);

impl Schemas for Known {
    fn plan(&mut self, id: u32) -> Result<Arc<Plan>, Fault> {
        Ok(Arc::clone(&self.0[&id]))
    }
}

/// Schema 1 is the key, 2 and 3 are versions of the value, 4 is another key and 5 its value.
fn schemas() -> Known {
    let record = |fields: &str| format!(r#"{{"type":"record","name":"V","fields":[{fields}]}}"#);
    let id = r#"{"name":"id","type":"int"}"#;
    let texts = [
        (1, id.to_owned()),
        (2, format!(r#"{id},{{"name":"a","type":["null","int"]}}"#)),
        (3, format!(r#"{id},{{"name":"b","type":["null","int"]}},{{"name":"a","type":["null","int"]}}"#)),
        (4, r#"{"name":"code","type":"int"}"#.to_owned()),
        (5, r#"{"name":"code","type":"int"}"#.to_owned()),
    ];
    Known(texts.map(|(id, fields)| (id, Arc::new(Plan::compile(id, &record(&fields)).unwrap()))).into())
}

/// Wire bytes of a schema id and small numbers; `-` fields are NULL branches.
fn bytes(id: u8, datum: &[u8]) -> Vec<u8> {
    [&[0, 0, 0, 0, id], datum].concat()
}

fn record<'r>(offset: i64, epoch: i64, key: &'r [u8], value: Option<&'r [u8]>) -> RowRecord<'r> {
    // Few of them, and each lives for one test.
    let epoch: &'static Epoch = Box::leak(Box::new(Epoch(epoch)));
    RowRecord { partition: 0, offset, epoch, key: Some(key), value, is_only_partition: true }
}

fn changes<'r>(memory: TableMemory) -> Changes<'r> {
    Changes::new(Table::new("contact").unwrap(), memory)
}

#[test]
fn rows_of_an_older_version_are_written_in_the_newest_shape() {
    let (one, two) = (bytes(1, &[2]), bytes(1, &[4]));
    let (old, new) = (bytes(2, &[2, 2, 20]), bytes(3, &[4, 2, 40, 0]));
    let mut changes = changes(TableMemory::default());
    changes.take(&record(0, 1, &one, Some(&old)), &mut schemas()).unwrap();
    changes.take(&record(1, 1, &two, Some(&new)), &mut schemas()).unwrap();
    let change = changes.finish("t").unwrap().0;
    let names: Vec<_> = change.after.iter().flatten().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["id", "b", "a"]);
    assert_eq!(
        change.rows,
        [
            Row::Upsert(vec![Value::Whole(1), Value::Null, Value::Whole(10)]),
            Row::Upsert(vec![Value::Whole(2), Value::Whole(20), Value::Null]),
        ]
    );
    assert!(change.keeps_rows && change.before.is_none());
}

#[test]
fn only_the_last_record_of_a_key_is_left() {
    let key = bytes(1, &[2]);
    let (first, second) = (bytes(2, &[2, 2, 20]), bytes(2, &[2, 0]));
    let mut changes = changes(TableMemory::default());
    changes.take(&record(0, 1, &key, Some(&first)), &mut schemas()).unwrap();
    changes.take(&record(1, 1, &key, None), &mut schemas()).unwrap();
    assert_eq!(changes.finish("t").unwrap().0.rows, [Row::Delete(vec![Value::Whole(1)])]);
    changes.take(&record(2, 1, &key, Some(&second)), &mut schemas()).unwrap();
    assert_eq!(changes.finish("t").unwrap().0.rows, [Row::Upsert(vec![Value::Whole(1), Value::Null])]);
}

#[test]
fn tombstones_of_a_table_that_is_not_there_or_has_another_key_do_nothing() {
    let (old_key, new_key) = (bytes(1, &[2]), bytes(4, &[2]));
    let value = bytes(5, &[2]);
    let mut changes = changes(TableMemory::default());
    changes.take(&record(0, 1, &old_key, None), &mut schemas()).unwrap();
    changes.take(&record(1, 1, &new_key, Some(&value)), &mut schemas()).unwrap();
    changes.take(&record(2, 1, &old_key, None), &mut schemas()).unwrap();
    assert_eq!(changes.finish("t").unwrap().0.rows, [Row::Upsert(vec![Value::Whole(1)])]);
}

#[test]
fn another_key_in_a_later_epoch_discards_what_was_gathered() {
    let (old_key, new_key) = (bytes(1, &[2]), bytes(4, &[2]));
    let (old, new) = (bytes(2, &[2, 0]), bytes(5, &[2]));
    let mut changes = changes(TableMemory::default());
    changes.take(&record(0, 1, &old_key, Some(&old)), &mut schemas()).unwrap();
    changes.take(&record(1, 2, &new_key, Some(&new)), &mut schemas()).unwrap();
    let change = changes.finish("t").unwrap().0;
    assert!(!change.keeps_rows);
    assert_eq!(change.rows.len(), 1);
}

#[test]
fn records_that_break_a_rule_are_named_by_it() {
    let (key, value) = (bytes(1, &[2]), bytes(5, &[2]));
    let fault = |record: &RowRecord<'_>| match changes(TableMemory::default()).take(record, &mut schemas()) {
        Err(RecordFault::Rule(rule)) => rule,
        _ => panic!("taken"),
    };
    assert_eq!(fault(&RowRecord { key: None, ..record(0, 1, &key, None) }), "has no key");
    let disagree = "key and value schema do not agree on the key columns";
    assert_eq!(fault(&record(0, 1, &key, Some(&value))), disagree);
    assert!(fault(&record(0, 1, b"{}", None)).contains("does not begin"));
}

#[test]
fn of_records_that_follow_each_other_the_last_one_tells_the_population() {
    let (one, two) = (bytes(1, &[2]), bytes(1, &[4]));
    let (old, new) = (bytes(2, &[2, 2, 20]), bytes(2, &[4, 2, 40]));
    let mut changes = changes(TableMemory::default());
    for (offset, epoch, key, value) in [(0, 1, &one, &old), (1, 2, &two, &new), (2, 3, &one, &old)] {
        changes.take(&record(offset, epoch, key, Some(value)), &mut schemas()).unwrap();
    }
    changes.end_run().unwrap();
    assert_eq!(changes.epoch(), 3);
    let (change, memory) = changes.finish("t").unwrap();
    assert_eq!((change.rows.len(), change.keeps_rows, memory.marks.epoch), (2, true, 3));
}

#[test]
fn a_new_population_of_the_same_schema_takes_away_the_columns_that_left_before() {
    let (one, two) = (bytes(1, &[2]), bytes(1, &[4]));
    let (with_b, without) = (bytes(3, &[2, 2, 40, 0]), bytes(2, &[4, 2, 20]));
    let mut changes = changes(TableMemory::default());
    // Schema 2 is shown, then 3 with one column more, then 2 again: the column stays until a population without it.
    changes.take(&record(0, 1, &two, Some(&without)), &mut schemas()).unwrap();
    changes.take(&record(1, 1, &one, Some(&with_b)), &mut schemas()).unwrap();
    changes.take(&record(2, 1, &two, Some(&without)), &mut schemas()).unwrap();
    assert_eq!(changes.finish("t").unwrap().1.columns.unwrap().len(), 3);
    changes.take(&record(3, 2, &two, Some(&without)), &mut schemas()).unwrap();
    changes.end_run().unwrap();
    assert_eq!(changes.finish("t").unwrap().1.columns.unwrap().len(), 2);
}
