//! Tables that are read anew because their rows can be trusted no more, and what readers see of that.

use std::time::Duration;

use apache_avro::types::Value;
use mirrorbus_mirror::{Settings, spawn};
use mirrorbus_schemas::topic::Table;

use super::faults::contact;
use super::source::{Records, Registered, Source, until, until_within};
use super::transactions::{Copy, Fault, InMemory};

const TENANT: &str = "Cust1";

fn settings(source: &Source) -> Settings {
    Settings { batch_records: 5, ..Settings::new(&source.kafka, &source.registry, source.prefix.clone()) }
}

fn rows(table: &Registered, ids: std::ops::Range<i32>) -> Records {
    Records::of(ids.map(|id| table.row(1, &[("id", Value::Int(id)), ("name", Value::String("x".into()))])))
}

fn count(copy: &Copy) -> usize {
    copy.rows.get("contact").map_or(0, |rows| rows.len())
}

/// A mirror that has applied thirty rows and was stopped, of a topic that ends with what was aborted.
fn mirrored(source: &Source) -> (Registered, InMemory) {
    let table = source.register(TENANT, &contact());
    source.create(&table.topic, 1);
    source.commit(rows(&table, 0..30));
    source.abort(rows(&table, 100..110));
    let destination = InMemory::watched();
    let running = spawn(settings(source), destination.clone()).unwrap();
    until("all is there", || count(&destination.copy(TENANT)) == 30);
    until("to its end", || destination.next_offset(TENANT, &table.topic) >= source.end(&table.topic, 0));
    until("it knows that", || destination.copy(TENANT).memory.caught_up_ms.is_some());
    running.stop().unwrap();
    (table, destination)
}

/// Somebody takes rows away.
fn damage(destination: &InMemory) {
    destination.tamper(TENANT, |copy| {
        copy.memory.damaged.insert(Table::new("contact").unwrap());
        copy.rows.get_mut("contact").unwrap().retain(|key, _| key != "Whole(3)");
    });
}

fn long_ago(destination: &InMemory) {
    destination.tamper(TENANT, |copy| {
        *copy.memory.caught_up_ms.as_mut().unwrap() -= 30 * 24 * 3600 * 1000;
    });
}

#[test]
fn a_damaged_table_is_read_anew_and_readers_never_miss_its_rows() {
    let source = Source::new("damaged");
    let (_, destination) = mirrored(&source);
    damage(&destination);
    let seen = destination.visible().len();
    let running = spawn(settings(&source), destination.clone()).unwrap();
    until("it is whole again", || count(&destination.copy(TENANT)) == 30);
    running.stop().unwrap();
    assert!(destination.unended() >= 6, "in several batches");
    assert!(destination.visible().iter().skip(seen).all(|copy| count(copy) >= 29));
}

#[test]
fn a_rebuild_that_is_cut_off_leaves_the_old_rows_and_is_done_again() {
    let source = Source::new("cut");
    let (table, destination) = mirrored(&source);
    damage(&destination);
    let seen = destination.visible().len();
    destination.panic_in_batch(4);
    let running = spawn(settings(&source), destination.clone()).unwrap();
    running.wait().unwrap_err();
    assert_eq!(count(&destination.copy(TENANT)), 29, "the old rows are there");
    assert!(destination.next_offset(TENANT, &table.topic) > 0);
    // The next one fails in the middle without ending.
    let running = spawn(settings(&source), destination.clone()).unwrap();
    destination.fail_batch(3, Fault::Refuse);
    until("it is whole again", || count(&destination.copy(TENANT)) == 30);
    running.stop().unwrap();
    assert!(destination.visible().iter().skip(seen).all(|copy| count(copy) >= 29));
}

#[test]
fn a_mirror_that_was_away_for_too_long_is_rebuilt_only_where_something_was_written() {
    let source = Source::new("away");
    let (table, destination) = mirrored(&source);
    // Nothing was written: nothing can have been missed.
    long_ago(&destination);
    let unended = destination.unended();
    let running = spawn(settings(&source), destination.clone()).unwrap();
    let long = destination.copy(TENANT).memory.caught_up_ms;
    until("it has caught up", || destination.copy(TENANT).memory.caught_up_ms > long);
    running.stop().unwrap();
    assert_eq!(destination.unended(), unended, "nothing was read anew");
    // A row whose tombstone is gone, as far as anybody can tell.
    destination.tamper(TENANT, |copy| {
        let rows = copy.rows.get_mut("contact").unwrap();
        rows.insert("Whole(77)".to_owned(), vec!["Whole(77)".to_owned(), "Text(\"x\")".to_owned()]);
    });
    long_ago(&destination);
    source.commit(rows(&table, 30..31));
    let running = spawn(settings(&source), destination.clone()).unwrap();
    until("what was deleted is gone", || {
        let copy = destination.copy(TENANT);
        count(&copy) == 31 && !copy.rows["contact"].contains_key("Whole(77)")
    });
    running.stop().unwrap();
    assert!(destination.unended() > unended, "it was read anew in one transaction");
}

#[test]
fn a_table_that_was_left_out_for_a_while_is_read_anew_when_it_is_taken_again() {
    let source = Source::new("leftout");
    let (table, destination) = mirrored(&source);
    let others = mirrorbus_mirror::Patterns::new(&[], &["contact"]);
    let other = source.register(TENANT, &super::source::Shape { table: "company", ..contact() });
    source.create(&other.topic, 1);
    source.commit(rows(&other, 0..1));
    let running = spawn(Settings { tables: others, ..settings(&source) }, destination.clone()).unwrap();
    until("the position says nothing any more", || destination.next_offset(TENANT, &table.topic) == 0);
    running.stop().unwrap();
    assert_eq!(count(&destination.copy(TENANT)), 30);
    let running = spawn(settings(&source), destination.clone()).unwrap();
    until("it is read", || destination.next_offset(TENANT, &table.topic) >= source.end(&table.topic, 0));
    running.stop().unwrap();
    assert_eq!(count(&destination.copy(TENANT)), 30);
}

#[test]
fn deletes_whose_tombstones_kafka_has_dropped_are_not_missed() {
    let source = Source::new("horizon");
    let table = source.register(TENANT, &contact());
    let kept = [
        ("cleanup.policy", "compact"),
        ("delete.retention.ms", "5000"),
        ("min.cleanable.dirty.ratio", "0.01"),
        ("segment.ms", "100"),
        ("max.compaction.lag.ms", "1000"),
    ];
    source.create_set(&table.topic, 1, &kept);
    source.commit(rows(&table, 0..30));
    let destination = InMemory::watched();
    let running = spawn(settings(&source), destination.clone()).unwrap();
    until("all is there", || count(&destination.copy(TENANT)) == 30);
    until("it knows that", || destination.copy(TENANT).memory.caught_up_ms.is_some());
    running.stop().unwrap();
    let seen = destination.visible().len();
    let deleted = source.end(&table.topic, 0);
    source.commit(table.delete(1, Value::Int(3)));
    // Kafka's cleaner looks every fifteen seconds, and drops a tombstone with the second look after the retention.
    until_within(Duration::from_secs(150), "the tombstone is dropped", || {
        source.commit(rows(&table, 0..1));
        std::thread::sleep(Duration::from_secs(1));
        !source.offsets(&table.topic).contains(&deleted)
    });
    let running = spawn(settings(&source), destination.clone()).unwrap();
    until("the row is gone", || count(&destination.copy(TENANT)) == 29);
    running.stop().unwrap();
    assert!(destination.visible().iter().skip(seen).all(|copy| count(copy) >= 29));
}

#[test]
fn a_table_whose_stored_columns_cannot_take_its_records_is_read_anew() {
    let source = Source::new("shape");
    let (_, destination) = mirrored(&source);
    // As if another version of the mirror had taken the column for something else.
    destination.tamper(TENANT, |copy| {
        let table = copy.memory.tables.get_mut(&Table::new("contact").unwrap()).unwrap();
        table.columns.as_mut().unwrap()[1].kind = mirrorbus_mirror::Kind::Long;
    });
    let mut shape = contact();
    shape.columns.push(("age", r#""int""#, "int"));
    let longer = source.register(TENANT, &shape);
    source.commit(rows(&longer, 30..31));
    let seen = destination.visible().len();
    let running = spawn(settings(&source), destination.clone()).unwrap();
    until("all is there", || count(&destination.copy(TENANT)) == 31);
    running.stop().unwrap();
    assert!(destination.visible().iter().skip(seen).all(|copy| count(copy) >= 30));
    let columns = destination.copy(TENANT).memory.tables[&Table::new("contact").unwrap()].columns.clone();
    let kinds: Vec<_> = columns.unwrap().iter().map(|column| column.kind).collect();
    use mirrorbus_mirror::Kind::{Int, Text};
    assert_eq!(kinds, [Int, Text, Int]);
}

#[test]
fn a_topic_that_contradicts_itself_is_read_anew_once_and_not_again_and_again() {
    let source = Source::new("contradiction");
    let (table, destination) = mirrored(&source);
    let mut shape = contact();
    shape.columns[1] = ("name", r#""long""#, "bigint");
    let other = source.register(TENANT, &shape);
    source.commit(other.row(1, &[("id", Value::Int(30)), ("name", Value::Long(1))]));
    let (seen, end) = (destination.unended(), source.end(&table.topic, 0));
    let running = spawn(settings(&source), destination.clone()).unwrap();
    until("it is set aside twice", || destination.loads() >= 4);
    let once = destination.unended() - seen;
    until("and once more", || destination.loads() >= 5);
    assert_eq!(destination.unended() - seen, once, "it is not read anew again");
    assert!(destination.next_offset(TENANT, &table.topic) < end);
    assert_eq!(count(&destination.copy(TENANT)), 30, "what was there is there");
    running.stop().unwrap();
}
