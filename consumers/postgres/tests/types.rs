//! Every value comes back as it was written.

use mirrorbus_mirror::{Column, Kind, Row, Value};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::database::Database;
use super::feed::{Change, Feed, read, shown};

/// A value that owns what it points to.
#[derive(Clone, Debug)]
enum Given {
    Null,
    Whole(i64),
    Decimal(i128),
    Double(f64),
    Text(String),
    Bytes(Vec<u8>),
}

impl Given {
    fn value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Whole(number) => Value::Whole(*number),
            Self::Decimal(number) => Value::Decimal(*number),
            Self::Double(number) => Value::Double(*number),
            Self::Text(text) => Value::Text(text),
            Self::Bytes(bytes) => Value::Bytes(bytes),
        }
    }
}

fn columns() -> Vec<Column> {
    let of = |name: &str, kind, sql| Column::new(name, kind, sql, false);
    vec![
        Column::new("id", Kind::Long, "bigint", true),
        Column::new("key", Kind::Text, "nvarchar(40)", true),
        of("small", Kind::Int, "smallint"),
        of("int", Kind::Int, "int"),
        of("bit", Kind::Bit, "bit"),
        of("float", Kind::Double, "float"),
        of("amount", Kind::Decimal { scale: 4 }, "decimal(19,4)"),
        of("huge", Kind::Decimal { scale: 30 }, "decimal(38,30)"),
        of("whole", Kind::Decimal { scale: 0 }, ""),
        of("moment", Kind::Millis, "datetime"),
        of("finer", Kind::Micros, "datetime2"),
        of("day", Kind::Date, "date"),
        of("time", Kind::Time, "time"),
        of("bytes", Kind::Bytes, "varbinary(max)"),
        of("guid", Kind::Text, "uniqueidentifier"),
        of("short", Kind::Text, "nvarchar(5)"),
        of("text", Kind::Text, "nvarchar(max)"),
        of("ctid", Kind::Int, "int"),
    ]
}

fn maybe(strategy: impl Strategy<Value = Given> + 'static) -> BoxedStrategy<Given> {
    prop_oneof![1 => Just(Given::Null), 5 => strategy].boxed()
}

/// No U+0000: see the test of its own.
fn text() -> impl Strategy<Value = Given> {
    any::<String>().prop_map(|text| Given::Text(text.replace('\0', "0")))
}

/// Values of the source's types; `wild` ones are of the kind only.
fn values(wild: bool) -> impl Strategy<Value = Vec<Vec<Given>>> {
    let whole = move |tame: std::ops::Range<i64>, all: std::ops::Range<i64>| {
        maybe(if wild { all } else { tame }.prop_map(Given::Whole))
    };
    let ints = i64::from(i32::MIN)..i64::from(i32::MAX) + 1;
    let all = i64::MIN..i64::MAX;
    let day = 86_400_000_000;
    let decimal = move |digits: u32| {
        let limit = if wild { i128::MAX } else { 10i128.pow(digits) - 1 };
        maybe((-limit..=limit).prop_map(Given::Decimal))
    };
    let guid = any::<u128>().prop_map(move |number| {
        let text = format!("{number:032x}");
        let (a, b, c, d, e) = (&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]);
        let guid = format!("{a}-{b}-{c}-{d}-{e}");
        Given::Text(if wild && number % 3 == 0 { guid.to_uppercase() } else { guid })
    });
    let short = "\\PC{0,5}".prop_map(Given::Text);
    let row: Vec<BoxedStrategy<Given>> = vec![
        any::<i64>().prop_map(Given::Whole).boxed(),
        text().boxed(),
        whole(-32_768..32_768, ints.clone()),
        whole(ints.clone(), ints.clone()),
        whole(0..2, 0..2),
        maybe(any::<f64>().prop_filter("equal to itself", |n| !n.is_nan()).prop_map(Given::Double)),
        decimal(19),
        decimal(38),
        decimal(38),
        whole(-6_847_804_800_000..253_402_300_800_000, all.clone()),
        whole(-62_135_596_800_000_000..253_402_300_800_000_000, all.clone()),
        whole(-719_162..2_932_897, ints.clone()),
        whole(0..day, all),
        maybe(any::<Vec<u8>>().prop_map(Given::Bytes)),
        maybe(guid),
        if wild { maybe(text()) } else { maybe(short) },
        maybe(text()),
        whole(ints.clone(), ints),
    ];
    proptest::collection::vec(row, 1..30)
}

fn assert_all_come_back(rows: &[Vec<Given>]) {
    let database = Database::new();
    let mut feed = Feed::load(database.place());
    let rows: Vec<Vec<Value<'_>>> = rows.iter().map(|row| row.iter().map(Given::value).collect()).collect();
    let upserts: Vec<Row<'_>> = rows.iter().cloned().map(Row::Upsert).collect();
    let write = Change { table: "kinds", columns: Some(columns()), keeps_rows: true, rows: upserts };
    let count = rows.len() as u64;
    assert_eq!(feed.apply(std::slice::from_ref(&write)).inserts, count);
    assert_eq!(read(database.place(), "kinds"), shown(&rows));
    // The same again as updates, through the staging table; and so after a restart.
    assert_eq!(feed.apply(std::slice::from_ref(&write)).updates, count);
    feed.reload();
    assert!(feed.memory.damaged.is_empty());
    assert_eq!(feed.apply(&[write]).updates, count);
    assert_eq!(read(database.place(), "kinds"), shown(&rows));
    let keys = rows.iter().map(|row| Row::Delete(row[..2].to_vec())).collect();
    let delete = Change { table: "kinds", columns: Some(columns()), keeps_rows: true, rows: keys };
    assert_eq!(feed.apply(&[delete]).deletes, count);
    assert!(read(database.place(), "kinds").is_empty());
}

fn check(strategy: impl Strategy<Value = Vec<Vec<Given>>>) {
    let mut runner = TestRunner::new(Config { cases: 16, failure_persistence: None, ..Config::default() });
    runner
        .run(&strategy, |rows| {
            assert_all_come_back(&rows);
            Ok(())
        })
        .unwrap();
}

#[test]
fn values_of_the_sources_types_come_back() {
    check(values(false));
}

#[test]
fn values_that_the_sources_types_do_not_admit_come_back_too() {
    check(values(true));
}
