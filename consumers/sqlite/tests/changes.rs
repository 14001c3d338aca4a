//! Inserts, updates, deletes, columns and tables.

use apache_avro::types::Value;
use mirrorbus_schemas::event::Kind;

use super::mirror::{Mirror, contact};
use super::source::{Records, Shape, Source, until};

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

#[test]
fn rows_are_inserted_updated_and_deleted_and_an_abort_is_never_seen() {
    let source = Source::new("rows");
    let contact = source.register("Cust1", &contact());
    source.create(&contact.topic, 1);
    let mirror = Mirror::start(&source);
    let row = |id, name: &str| contact.row(1, &[("id", Value::Int(id)), ("name", text(name))]);
    source.commit(Records::of([row(1, "one"), row(2, "two"), row(3, "three")]));
    mirror.catch_up(&source, "Cust1", &contact.topic);
    assert_eq!(
        mirror.rows("Cust1", "contact").unwrap(),
        ["id=1 name='one'", "id=2 name='two'", "id=3 name='three'"]
    );
    source.abort(Records::of([row(4, "never"), contact.delete(1, Value::Int(1))]));
    source.commit(Records::of([
        row(2, "zwei"),
        contact.delete(1, Value::Int(3)),
        contact.delete(1, Value::Int(9)),
    ]));
    mirror.catch_up(&source, "Cust1", &contact.topic);
    assert_eq!(mirror.rows("Cust1", "contact").unwrap(), ["id=1 name='one'", "id=2 name='zwei'"]);
    assert_eq!(mirror.counts("Cust1", "contact"), (3, 1, 1));
}

#[test]
fn the_newest_record_of_a_key_in_a_transaction_counts() {
    let source = Source::new("newest");
    let contact = source.register("Cust1", &contact());
    source.create(&contact.topic, 1);
    let row = |id, name: &str| contact.row(1, &[("id", Value::Int(id)), ("name", text(name))]);
    let gone = |id| contact.delete(1, Value::Int(id));
    source.commit(Records::of([row(1, "a"), gone(1), row(1, "b"), row(2, "a"), gone(2)]));
    let mirror = Mirror::start(&source);
    mirror.catch_up(&source, "Cust1", &contact.topic);
    assert_eq!(mirror.rows("Cust1", "contact").unwrap(), ["id=1 name='b'"]);
}

#[test]
fn columns_come_and_go_with_their_records() {
    let source = Source::new("columns");
    let narrow = source.register("Cust1", &contact());
    source.create(&narrow.topic, 1);
    let mirror = Mirror::start(&source);
    source.commit(narrow.row(1, &[("id", Value::Int(1)), ("name", text("one"))]));
    mirror.catch_up(&source, "Cust1", &narrow.topic);

    let mut shape = contact();
    shape.columns.push(("age", r#""int""#, "smallint"));
    let wide = source.register("Cust1", &shape);
    source.commit(Records::of([
        wide.row(1, &[("id", Value::Int(2)), ("name", text("two")), ("age", Value::Int(7))]),
        narrow.row(1, &[("id", Value::Int(3)), ("name", text("three"))]),
    ]));
    mirror.catch_up(&source, "Cust1", &narrow.topic);
    assert_eq!(
        mirror.rows("Cust1", "contact").unwrap(),
        ["id=1 name='one' age=NULL", "id=2 name='two' age=7", "id=3 name='three' age=NULL"]
    );

    shape.columns.remove(1);
    let without = source.register("Cust1", &shape);
    source.commit(without.row(1, &[("id", Value::Int(1)), ("age", Value::Int(1))]));
    mirror.catch_up(&source, "Cust1", &narrow.topic);
    assert_eq!(mirror.rows("Cust1", "contact").unwrap(), ["id=1 age=1", "id=2 age=7", "id=3 age=NULL"]);
}

#[test]
fn an_announced_schema_shows_even_when_no_row_follows() {
    let source = Source::new("announced");
    let narrow = source.register("Cust1", &contact());
    source.create(&narrow.topic, 1);
    source.create(&source.cycles_topic("Cust1"), 1);
    let mirror = Mirror::start(&source);
    source.commit(narrow.row(1, &[("id", Value::Int(1)), ("name", text("one"))]));
    let mut shape = contact();
    shape.columns.push(("age", r#""int""#, "smallint"));
    let wide = source.register("Cust1", &shape);
    source.commit(source.event("Cust1", Kind::SchemaChanged, "contact", 1, wide.value_id, 1));
    until("the column is there", || {
        mirror.rows("Cust1", "contact").is_some_and(|rows| rows == ["id=1 name='one' age=NULL"])
    });
    source.commit(source.event("Cust1", Kind::SchemaChanged, "contact", 1, narrow.value_id, 1));
    until("the column is gone", || {
        mirror.rows("Cust1", "contact").is_some_and(|rows| rows == ["id=1 name='one'"])
    });
}

#[test]
fn a_changed_length_changes_the_declared_type_and_keeps_the_rows() {
    let source = Source::new("length");
    let short = source.register("Cust1", &contact());
    source.create(&short.topic, 1);
    let mirror = Mirror::start(&source);
    source.commit(short.row(1, &[("id", Value::Int(1)), ("name", text("one"))]));
    mirror.catch_up(&source, "Cust1", &short.topic);
    let mut shape = contact();
    shape.columns[1].2 = "nvarchar(max)";
    let long = source.register("Cust1", &shape);
    source.commit(long.row(1, &[("id", Value::Int(2)), ("name", text("two"))]));
    mirror.catch_up(&source, "Cust1", &short.topic);
    assert_eq!(mirror.rows("Cust1", "contact").unwrap(), ["id=1 name='one'", "id=2 name='two'"]);
    let types: Vec<String> = mirror
        .connection("Cust1")
        .prepare("SELECT type FROM pragma_table_info('contact')")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<rusqlite::Result<_>>()
        .unwrap();
    assert_eq!(types, ["INTEGER", "nvarchar(max)"]);
}

#[test]
fn a_dropped_table_leaves_once_its_rows_are_in_and_comes_back_with_a_later_epoch() {
    let source = Source::new("dropped");
    let contact = source.register("Cust1", &contact());
    source.create(&contact.topic, 1);
    source.create(&source.cycles_topic("Cust1"), 1);
    let mirror = Mirror::start(&source);
    let row = |epoch, id| contact.row(epoch, &[("id", Value::Int(id)), ("name", text("x"))]);
    source.commit(Records::of([row(1, 1), row(1, 2)]));
    mirror.catch_up(&source, "Cust1", &contact.topic);
    // The event comes first; what it speaks of is not there yet.
    source.commit(source.event("Cust1", Kind::Dropped, "contact", 2, 0, 5));
    until("the event was read, and waits", || {
        mirror.next_offset("Cust1", &source.cycles_topic("Cust1"), 0) == Some(0)
            || mirror.rows("Cust1", "contact").is_some_and(|rows| rows.len() == 2)
    });
    source.commit(Records::of([contact.delete(2, Value::Int(1)), contact.delete(2, Value::Int(2))]));
    until("the table is gone", || mirror.rows("Cust1", "contact").is_none());
    mirror.catch_up(&source, "Cust1", &source.cycles_topic("Cust1"));
    assert!(mirror.next_offset("Cust1", &contact.topic, 0).is_some(), "its position stays");
    assert_eq!(mirror.counts("Cust1", "contact"), (2, 0, 2));
    source.commit(row(3, 7));
    mirror.catch_up(&source, "Cust1", &contact.topic);
    assert_eq!(mirror.rows("Cust1", "contact").unwrap(), ["id=7 name='x'"]);

    // A mirror that begins now reads all of that at once and ends in the same place.
    let late = Mirror::start(&source);
    late.catch_up(&source, "Cust1", &contact.topic);
    late.catch_up(&source, "Cust1", &source.cycles_topic("Cust1"));
    assert_eq!(late.rows("Cust1", "contact").unwrap(), ["id=7 name='x'"]);
}

#[test]
fn another_type_or_key_in_a_later_epoch_makes_the_table_anew() {
    let source = Source::new("retyped");
    let before = source.register("Cust1", &contact());
    source.create(&before.topic, 1);
    let mirror = Mirror::start(&source);
    source
        .commit(Records::of([1, 2].map(|id| before.row(1, &[("id", Value::Int(id)), ("name", text("x"))]))));
    mirror.catch_up(&source, "Cust1", &before.topic);
    let shape = Shape {
        table: "contact",
        columns: vec![("code", r#""string""#, "nvarchar(10)"), ("name", r#""long""#, "bigint")],
    };
    let after = source.register("Cust1", &shape);
    source.commit(Records::of([1, 2].map(|id| before.delete(2, Value::Int(id)))));
    source.commit(after.row(2, &[("code", text("a")), ("name", Value::Long(5))]));
    mirror.catch_up(&source, "Cust1", &before.topic);
    assert_eq!(mirror.rows("Cust1", "contact").unwrap(), ["code='a' name=5"]);
    assert_eq!(mirror.counts("Cust1", "contact"), (3, 0, 2));
}

#[test]
fn one_cell_changed_by_hand_changes_the_checksum() {
    let source = Source::new("checksum");
    let shape = Shape {
        table: "sale",
        columns: vec![
            ("id", r#""int""#, "int"),
            ("amount", r#"{"type":"bytes","logicalType":"decimal","precision":19,"scale":4}"#, "money"),
            ("sold", r#"{"type":"long","logicalType":"timestamp-millis"}"#, "datetime"),
        ],
    };
    let sale = source.register("Cust1", &shape);
    source.create(&sale.topic, 1);
    let mirror = Mirror::start(&source);
    source.commit(sale.row(
        1,
        &[
            ("id", Value::Int(1)),
            ("amount", Value::Decimal(apache_avro::Decimal::from(1_234_500i64.to_be_bytes()))),
            ("sold", Value::TimestampMillis(1_700_000_000_123)),
        ],
    ));
    mirror.catch_up(&source, "Cust1", &sale.topic);
    assert_eq!(
        mirror.rows("Cust1", "sale").unwrap(),
        ["id=1 amount='123.4500' sold='2023-11-14 22:13:20.123'"]
    );
    let mut expected = mirror_sqlite::TableChecksum::default();
    use mirrorbus_schemas::checksum::Canonical;
    expected.add([
        ("id", Canonical::Whole(1)),
        ("amount", Canonical::Whole(1_234_500)),
        ("sold", Canonical::Whole(1_700_000_000_123)),
    ]);
    let path = mirror.path("Cust1");
    assert_eq!(mirror_sqlite::checksum(&path, "sale").unwrap(), expected);
    let connection = mirror.connection("Cust1");
    for change in ["amount = '123.45'", "amount = '123.4501'", "sold = sold || '0'", "sold = NULL", "id = 2"]
    {
        connection.execute_batch(&format!("BEGIN; UPDATE sale SET {change}; COMMIT")).unwrap();
        assert_ne!(mirror_sqlite::checksum(&path, "sale").unwrap(), expected, "{change}");
        connection
            .execute_batch("UPDATE sale SET id = 1, amount = '123.4500', sold = '2023-11-14 22:13:20.123'")
            .unwrap();
        assert_eq!(mirror_sqlite::checksum(&path, "sale").unwrap(), expected);
    }
}

#[test]
fn several_partitions_end_in_one_table_whichever_is_read_first() {
    let source = Source::new("partitions");
    let narrow = source.register("Cust1", &contact());
    let mut shape = contact();
    shape.columns.push(("age", r#""int""#, "smallint"));
    let wide = source.register("Cust1", &shape);
    source.create(&narrow.topic, 2);
    let old = |id| narrow.row(1, &[("id", Value::Int(id)), ("name", text("old"))]);
    let new = |id| wide.row(1, &[("id", Value::Int(id)), ("name", text("new")), ("age", Value::Int(id))]);
    source.commit(Records::of([old(1).in_partition(0), old(2).in_partition(1)]));
    source.commit(Records::of([new(3).in_partition(0), new(2).in_partition(1)]));
    let mirror = Mirror::start(&source);
    for partition in [0, 1] {
        let end = source.end(&narrow.topic, partition);
        until("a partition is applied", || {
            mirror.next_offset("Cust1", &narrow.topic, partition).is_some_and(|next| next >= end)
        });
    }
    assert_eq!(
        mirror.rows("Cust1", "contact").unwrap(),
        ["id=1 name='old' age=NULL", "id=2 name='new' age=2", "id=3 name='new' age=3"]
    );
}
