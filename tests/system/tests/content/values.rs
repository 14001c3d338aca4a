//! Values by their column's type: what lands, to the last digit, and what is refused by table, row and column.

use apache_avro::types::Value;
use operations_center::wire::{Batch, Request, TableInfo};

use super::{Refusal, assert_refused, open, refusal};
use crate::support::World;
use crate::support::vendor::{row, typed};

fn of_type(sql_type: &str) -> TableInfo {
    typed("t", &[("id", "int"), ("v", sql_type)])
}

/// A call with one row that has `value` in a column of the type.
fn one(sql_type: &str, value: &str) -> Request {
    Request::row_data(&[Batch {
        rows: vec![row("I", &[Some("[I:1]"), Some(value)])],
        lsn: 4,
        table: of_type(sql_type),
    }])
}

fn refused(id: &str, sql_type: &str, values: &[&str]) -> Vec<Refusal> {
    let refusals = values.iter().map(|value| {
        let what = format!("{id} {sql_type} {value}");
        refusal(what, one(sql_type, value), "BAD_CONTENT", "table t, row 1, column v, ")
    });
    refusals.collect()
}

/// Sends all values in one call and gives them as they landed.
fn landed(sql_type: &str, values: &[&str]) -> Vec<Value> {
    let (world, _bridge, vendor) = World::with_bridge();
    let table = of_type(sql_type);
    vendor.open(std::slice::from_ref(&table));
    let ids: Vec<String> = (1..=values.len()).map(|id| format!("[I:{id}]")).collect();
    let rows = ids.iter().zip(values).map(|(id, value)| row("I", &[Some(id), Some(value)])).collect();
    vendor.rows(&[Batch { rows, lsn: 4, table }]);
    let mut rows = world.decoded("t");
    rows.sort_by_key(|row| match row["id"] {
        Value::Int(id) => id,
        ref other => panic!("no int: {other:?}"),
    });
    rows.into_iter().map(|mut row| row.remove("v").unwrap()).collect()
}

#[test]
fn co_07_text_that_looks_like_a_value_stays_text() {
    let texts = [
        "[I:5]",
        "[DT:x]",
        "[",
        "[S:",
        "]",
        "",
        " ",
        "[B:AAEC/w==]",
        "[F:NaN]",
        "null",
        "[[I:5]]",
        "\u{feff}[I:5]",
    ];
    let kept: Vec<Value> = texts.iter().map(|text| Value::String((*text).into())).collect();
    assert_eq!(landed("nvarchar(100)", &texts), kept);
}

#[test]
fn co_08_co_09_co_10_values_that_do_not_fit_their_type_refuse_the_whole_call() {
    let (world, bridge, vendor) = open();
    let integers = [
        "[I:999999999999]",
        "[I:2147483648]",
        "[I:]",
        "abc",
        "",
        "[S:5]",
        "[I:5",
        "5]",
        "[I:5.0]",
        "[F:5]",
        "[i:5]",
        "0x5",
        "+ 5",
    ];
    let dates = [
        "[DT:13/45/2020 00:00:00]",
        "[DT:18.05.2020 10:40:43]",
        "[DT:5/18/2020 10:40:43]",
        "[DT:05/18/2020 10:40:43 PM]",
        "[DT:01/01/0000 00:00:00]",
        "[DT:05/18/2020 10:40:43.00000000]",
        "[DT:02/30/2020 00:00:00]",
        "now",
    ];
    let floats = ["[F:NaN]", "[F:INF]", "[F:-Infinity]", "[F:1,5]", "[F:1e309]", "[F:]", "[F:1.5f]"];
    let refusals = [
        refused("CO-08", "int", &integers),
        refused("CO-08", "smallint", &["[S:32768]", "[I:-32769]"]),
        refused("CO-09", "datetime", &dates),
        refused("CO-10", "float", &floats),
        refused("CO-10", "decimal(5,2)", &["[F:1000]", "[F:NaN]", "[M:1,5]"]),
    ];
    let refusals: Vec<Refusal> = refusals.into_iter().flatten().collect();
    assert_refused(&world, &vendor, &refusals);
    assert_eq!(world.cluster.topic_id(&world.topic("t")), None);
    let told = bridge
        .log()
        .lines()
        .filter(|line| line.contains("call refused") && line.contains("column v, "))
        .count();
    assert_eq!(told, refusals.len(), "each is told to the operator once");
}

#[test]
fn co_09_dates_keep_sentinels_and_both_ends_of_the_calendar() {
    const DAY: i64 = 86_400_000;
    let cases = [
        ("[DT:01/01/0001 00:00:00.0000000]", -719_162 * DAY),
        ("[DT:01/01/1760 00:00:00]", -76_701 * DAY),
        ("[DT:01/01/1753 00:00:00]", -79_257 * DAY),
        ("[DT:12/31/9999 23:59:59.9990000]", 253_402_300_799_999),
        ("[DT:05/18/2020 10:40:43.1234567]", 1_589_798_443_123),
        ("[D:09.11.2017]", 17_479 * DAY),
    ];
    let kept: Vec<Value> = cases.iter().map(|(_, ms)| Value::TimestampMillis(*ms)).collect();
    assert_eq!(landed("datetime", &cases.map(|(text, _)| text)), kept);
    let micros = Value::TimestampMicros(1_589_798_443_123_456);
    assert_eq!(landed("datetime2", &["[DT:05/18/2020 10:40:43.1234567]"]), [micros]);
}

#[test]
fn co_10_floats_land_bit_for_bit() {
    let texts = [
        "[F:-0]",
        "[F:1e308]",
        "[F:1.7976931348623157E+308]",
        "[F:4.9E-324]",
        "[F:0.1]",
        "[F:123456789.12345679]",
        "[F:-1.5]",
    ];
    let bits = |value: &Value| match value {
        Value::Double(number) => number.to_bits(),
        other => panic!("no double: {other:?}"),
    };
    let meant = [-0.0, 1e308, f64::MAX, f64::from_bits(1), 0.1, 123_456_789.123_456_79, -1.5_f64];
    let kept: Vec<u64> = landed("float", &texts).iter().map(bits).collect();
    assert_eq!(kept, meant.map(f64::to_bits));
}

/// Text that terminals, loggers and formatters obey is data like any other, and no log has any of it.
#[test]
fn co_21_hostile_text_is_stored_and_never_logged() {
    let (world, bridge, vendor) = World::with_bridge();
    let marked = [
        "CANARY\u{202e}txet",
        "CANARY\u{1b}[2J",
        "CANARY%n%s",
        "CANARY${jndi:ldap://127.0.0.1/a}",
        "CANARY\r\n{\"level\":\"ERROR\",\"message\":\"forged\"}",
        "CANARY<script>&amp;]]>",
        "CANARY\u{1f980}\u{7}\u{b}\u{fffe}",
    ];
    let table = typed("t", &[("id", "int"), ("v", "ntext")]);
    vendor.open(std::slice::from_ref(&table));
    let ids: Vec<String> = (1..=marked.len()).map(|id| format!("[I:{id}]")).collect();
    let rows = ids.iter().zip(&marked).map(|(id, value)| row("I", &[Some(id), Some(value)])).collect();
    vendor.rows(&[Batch { rows, lsn: 4, table: table.clone() }]);
    let kept: Vec<Value> = world.decoded("t").into_iter().map(|mut row| row.remove("v").unwrap()).collect();
    assert_eq!(kept, marked.map(|text| Value::String(text.into())));
    // The same texts where a number must stand, and as an operation.
    for value in marked {
        let numbers = typed("t", &[("id", "int"), ("v", "ntext")]);
        let rows = vec![row("I", &[Some(value), None]), row(value, &[Some("[I:1]"), None])];
        for row in rows {
            let message =
                vendor.fail(&Request::row_data(&[Batch { rows: vec![row], lsn: 4, table: numbers.clone() }]));
            assert!(!message.contains("CANARY"), "{message}");
        }
    }
    let log = bridge.log();
    assert!(!log.contains("CANARY") && !log.contains("forged") && !log.contains('\u{1b}'), "{log}");
}
