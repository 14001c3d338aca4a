//! What is stored comes back as it was, through the column that it is declared for.

use mirrorbus_mirror::Column;
use proptest::prelude::*;
use rusqlite::Connection;
use rusqlite::types::ToSqlOutput;

use super::*;
use crate::schema;

/// A value that outlives its making.
#[derive(Clone, Debug)]
enum Given {
    Whole(i64),
    Decimal(i128),
    Double(f64),
    Bytes(Vec<u8>),
    Text(String),
}

impl Given {
    fn value(&self) -> Value<'_> {
        match self {
            Given::Whole(number) => Value::Whole(*number),
            Given::Decimal(number) => Value::Decimal(*number),
            Given::Double(number) => Value::Double(*number),
            Given::Bytes(bytes) => Value::Bytes(bytes),
            Given::Text(text) => Value::Text(text),
        }
    }
}

/// Stores a value in a column of its own and says what is found there: as SQL text, and whether it is the same.
fn through(kind: Kind, sql_type: &str, value: Value<'_>) -> (String, bool) {
    let column = Column::new("x", kind, sql_type, false);
    let key = Column::new("id", Kind::Int, "int", true);
    let columns = [key, column];
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(&schema::create("t", &columns)).unwrap();
    let mut buffer = Vec::new();
    let mut run = |sql: &str| {
        let cell = ToSqlOutput::Borrowed(encode(kind, value, &mut buffer));
        connection.execute(sql, (1, cell)).unwrap();
    };
    run(&schema::insert("t", &columns));
    // Once more by an update, which has to keep it as well.
    run(&schema::update("t", &columns).unwrap());
    let shown = connection.query_row("SELECT quote(x) FROM t", [], |row| row.get(0)).unwrap();
    let is_same = connection
        .query_row("SELECT x FROM t", [], |row| {
            Ok(match (decode(kind, row.get_ref(0)?, &mut buffer), value) {
                (Some(Value::Double(read)), Value::Double(given)) => read.to_bits() == given.to_bits(),
                (read, given) => read == Some(given),
            })
        })
        .unwrap();
    (shown, is_same)
}

#[test]
fn values_are_stored_in_forms_that_a_person_reads() {
    let decimal = Kind::Decimal { scale: 4 };
    for (kind, sql_type, value, shown) in [
        (decimal, "money", Value::Decimal(1_234_500), "'123.4500'"),
        (decimal, "decimal(19,4)", Value::Decimal(-5), "'-0.0005'"),
        (Kind::Decimal { scale: 0 }, "decimal(3)", Value::Decimal(7), "'7'"),
        (Kind::Bit, "bit", Value::Whole(1), "1"),
        (Kind::Millis, "datetime", Value::Whole(0), "'1970-01-01 00:00:00.000'"),
        (Kind::Millis, "datetime", Value::Whole(-1), "'1969-12-31 23:59:59.999'"),
        (Kind::Micros, "datetime2", Value::Whole(951_782_400_000_001), "'2000-02-29 00:00:00.000001'"),
        (Kind::Date, "date", Value::Whole(-719_162), "'0001-01-01'"),
        (Kind::Date, "date", Value::Whole(-719_163), "-719163"),
        (Kind::Date, "date", Value::Whole(2_932_896), "'9999-12-31'"),
        (Kind::Time, "time", Value::Whole(86_399_999_999), "'23:59:59.999999'"),
        (Kind::Time, "time", Value::Whole(86_400_000_000), "86400000000"),
        (Kind::Text, "uniqueidentifier", Value::Text("007"), "'007'"),
        (Kind::Text, "sql_variant", Value::Text("1e5"), "'1e5'"),
        (Kind::Text, "point", Value::Text("12"), "'12'"),
        (Kind::Text, "nvarchar(9)", Value::Text(""), "''"),
        (Kind::Bytes, "varbinary(9)", Value::Bytes(b""), "X''"),
        (Kind::Bytes, "image", Value::Bytes(b"12"), "X'3132'"),
        (Kind::Double, "float", Value::Double(-0.0), "X'8000000000000000'"),
        (Kind::Double, "float", Value::Double(5.0), "5.0"),
        (Kind::Text, "xml", Value::Null, "NULL"),
        // Before 1970, and before the calendar's reform of 1752 in Britain and 1753 in Sweden.
        (Kind::Millis, "datetime", Value::Whole(-6_626_966_400_000), "'1760-01-01 00:00:00.000'"),
        (Kind::Micros, "datetime2", Value::Whole(-62_135_596_800_000_000), "'0001-01-01 00:00:00.000000'"),
        (Kind::Date, "date", Value::Whole(-79_623), "'1752-01-01'"),
        (Kind::Int, "int", Value::Whole(i32::MIN.into()), "-2147483648"),
        (Kind::Long, "bigint", Value::Whole(i64::MIN), "-9223372036854775808"),
        (Kind::Long, "bigint", Value::Whole(i64::MAX), "9223372036854775807"),
        (decimal, "money", Value::Decimal(i64::MIN.into()), "'-922337203685477.5808'"),
        (
            Kind::Decimal { scale: 38 },
            "decimal(38,38)",
            Value::Decimal(i128::MIN),
            "'-1.70141183460469231731687303715884105728'",
        ),
        (Kind::Decimal { scale: 0 }, "decimal(38)", Value::Decimal(-1), "'-1'"),
        (
            Kind::Decimal { scale: 38 },
            "decimal(38,38)",
            Value::Decimal(0),
            "'0.00000000000000000000000000000000000000'",
        ),
        (Kind::Double, "float", Value::Double(f64::MAX), "1.7976931348623157e+308"),
        (Kind::Double, "float", Value::Double(f64::NEG_INFINITY), "-9.0e+999"),
    ] {
        let found = through(kind, sql_type, value);
        assert_eq!(found, (shown.to_owned(), true), "{kind:?} {sql_type} {value:?}");
    }
}

fn sql_type() -> impl Strategy<Value = String> {
    const KNOWN: &[&str] = &[
        "",
        "nvarchar(max)",
        "int",
        "decimal(19,4)",
        "uniqueidentifier",
        "xml",
        "point",
        "blob",
        "real",
        "float",
    ];
    prop_oneof![prop::sample::select(KNOWN).prop_map(str::to_owned), any::<String>()]
}

/// Texts that SQLite would like to take for numbers, and texts that break things.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[+-]?[0-9]{0,20}(\\.[0-9]{0,5})?(e[0-9]{1,3})?",
        "[\\x01-\\x1f\u{1f600}-\u{1f64f}' \"]{0,8}",
    ]
}

fn given() -> impl Strategy<Value = (Kind, Given)> {
    let whole = |kind, range: BoxedStrategy<i64>| range.prop_map(move |n| (kind, Given::Whole(n)));
    prop_oneof![
        whole(Kind::Int, any::<i32>().prop_map(i64::from).boxed()),
        whole(Kind::Long, any::<i64>().boxed()),
        whole(Kind::Bit, (0..=1i64).boxed()),
        whole(Kind::Millis, prop_oneof![any::<i64>(), -70_000_000_000_000..260_000_000_000_000i64].boxed()),
        whole(Kind::Micros, prop_oneof![any::<i64>(), -70_000_000_000_000_000..i64::MAX / 4].boxed()),
        whole(Kind::Date, any::<i32>().prop_map(i64::from).boxed()),
        whole(Kind::Time, prop_oneof![any::<i64>(), 0..86_400_000_000i64].boxed()),
        any::<u64>().prop_map(|bits| (Kind::Double, Given::Double(f64::from_bits(bits)))),
        (any::<i128>(), 0..=38u32)
            .prop_map(|(number, scale)| (Kind::Decimal { scale }, Given::Decimal(number))),
        any::<Vec<u8>>().prop_map(|bytes| (Kind::Bytes, Given::Bytes(bytes))),
        text().prop_map(|text| (Kind::Text, Given::Text(text))),
    ]
}

proptest! {
    #[test]
    fn no_declared_type_changes_a_value((kind, given) in given(), sql_type in sql_type()) {
        let (shown, is_same) = through(kind, &sql_type, given.value());
        prop_assert!(is_same, "{:?} became {}", given, shown);
    }
}

#[test]
fn a_text_with_a_zero_in_it_is_kept_whole() {
    let text = "before\0after";
    for column in [(Kind::Text, "nvarchar(20)"), (Kind::Text, "uniqueidentifier")] {
        assert!(through(column.0, column.1, Value::Text(text)).1);
    }
}

#[test]
fn ten_megabytes_are_kept_whole() {
    let text = "0123456789".repeat(1 << 20);
    assert!(through(Kind::Text, "nvarchar(max)", Value::Text(&text)).1);
    assert!(through(Kind::Bytes, "varbinary(max)", Value::Bytes(text.as_bytes())).1);
}

#[test]
fn a_cell_in_another_form_is_not_the_mirrors() {
    let decimal = Kind::Decimal { scale: 4 };
    for (kind, cell) in [
        (decimal, ValueRef::Text(b"123.45")),
        (decimal, ValueRef::Text(b"0123.4500")),
        (decimal, ValueRef::Real(123.45)),
        (Kind::Millis, ValueRef::Text(b"2023-11-14 22:13:20.1230")),
        (Kind::Millis, ValueRef::Text(b"2023-11-14T22:13:20.123")),
        (Kind::Millis, ValueRef::Integer(0)),
        (Kind::Date, ValueRef::Text(b"2023-02-30")),
        (Kind::Int, ValueRef::Text(b"7")),
        (Kind::Double, ValueRef::Blob(&[0; 8])),
        (Kind::Text, ValueRef::Text(&[0xFF])),
        (Kind::Bytes, ValueRef::Text(b"x")),
        (Kind::Date, ValueRef::Text(b"2023-99-99")),
        (Kind::Date, ValueRef::Text(b"0000-00-00")),
        (Kind::Date, ValueRef::Text(b"")),
        (Kind::Time, ValueRef::Text(b"25:00:00.000000")),
        (Kind::Time, ValueRef::Text(b"00:00:00.000")),
        (Kind::Micros, ValueRef::Text(b"2023-11-14 22:13:20.123")),
        (decimal, ValueRef::Text(b"-0.0000")),
        (decimal, ValueRef::Text(b"+1.0000")),
        (decimal, ValueRef::Text(b".")),
        (decimal, ValueRef::Text(b"999999999999999999999999999999999999999999")),
    ] {
        assert_eq!(decode(kind, cell, &mut Vec::new()), None, "{kind:?} {cell:?}");
    }
}
