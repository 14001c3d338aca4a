//! Rows: how many values, which operation, which key, how large, how many.

use std::time::Instant;

use apache_avro::types::Value;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mirrorbus_librdkafka::Isolation;
use mirrorbus_schemas::event::Kind;
use operations_center::wire::{Batch, Operation, Request, Row};

use super::{Refusal, assert_refused, open, refusal};
use crate::support::vendor::{Call, row, typed};
use crate::support::{World, batch, contact};

fn contacts(rows: Vec<Row>) -> Request {
    Request::row_data(&[Batch { rows, lsn: 4, table: contact() }])
}

#[test]
fn co_11_co_12_co_13_rows_without_the_right_values_operation_or_key_refuse_the_whole_call() {
    let (world, _bridge, vendor) = open();
    let good = || row("U", &[Some("[I:1]"), Some("x")]);
    let values: [(&str, Row, &str); 5] = [
        ("CO-11 fewer", row("I", &[Some("[I:2]")]), "fewer values than columns"),
        ("CO-11 none", row("U", &[]), "fewer values than columns"),
        ("CO-11 more", row("I", &[Some("[I:2]"), Some("a"), Some("b")]), "more values than columns"),
        ("CO-11 more of a delete", row("D", &[Some("[I:2]"), None, None]), "more values than columns"),
        ("CO-08 before it", row("I", &[Some("x"), None]), "column id, is not a whole number"),
    ];
    let mut refusals: Vec<Refusal> = values
        .into_iter()
        .map(|(what, bad, rule)| {
            refusal(what, contacts(vec![good(), bad]), "BAD_CONTENT", format!("table contact, row 2, {rule}"))
        })
        .collect();
    for operation in ["X", "", "IU", "Insert", "\u{406}", "I\0"] {
        let request = contacts(vec![good(), row(operation, &[Some("[I:2]"), Some("x")])]);
        let rule = "table contact, row 2, Operation is none of I, U and D";
        refusals.push(refusal(format!("CO-12 {operation:?}"), request, "BAD_CONTENT", rule));
    }
    for bad in [
        row("I", &[None, Some("x")]),
        row("U", &[None, None]),
        row("D", &[None, None]),
        row("D", &[]),
        row("D", &[Some("x"), None]),
    ] {
        let what = format!("CO-13 {bad:?}");
        refusals.push(refusal(
            what,
            contacts(vec![bad]),
            "BAD_ROW",
            "table contact, row 1, column id: a key column is NULL",
        ));
    }
    assert_refused(&world, &vendor, &refusals);
}

#[test]
fn co_12_operations_in_lower_case_and_deletes_of_what_is_not_there_are_taken() {
    let (world, _bridge, vendor) = open();
    let rows = [
        row("i", &[Some("[I:2]"), Some("b")]),
        row("u", &[Some("[I:1]"), Some("a")]),
        row("i", &[Some("[I:3]"), Some("c")]),
        row("d", &[Some("[I:3]"), None]),
        row("D", &[Some("[I:4]")]),
        // Of a deleted row only the key can be relied on.
        row("D", &[Some("[I:5]"), Some("whatever")]),
    ];
    vendor.succeed(&contacts(rows.into()));
    assert_eq!(world.contacts(), [(1, Some("a".into())), (2, Some("b".into()))]);
}

#[test]
fn co_13_the_order_of_one_keys_rows_is_kept_within_a_call() {
    let (world, _bridge, vendor) = open();
    vendor.rows(&[batch(
        &contact(),
        0,
        &[("I", 7, "first"), ("D", 7, ""), ("I", 7, "second"), ("I", 8, "x"), ("D", 8, "")],
    )]);
    assert_eq!(world.contacts(), [(1, Some("mine".into())), (7, Some("second".into()))]);
    let records = world.cluster.read(&world.topic("contact"), Isolation::ReadCommitted);
    let deletes: Vec<bool> =
        records[records.len() - 5..].iter().map(|record| record.value.is_none()).collect();
    assert_eq!(deletes, [false, true, false, false, true]);
}

/// The first column may not be the key: the rows are kept, the last one per key, and somebody is told.
#[test]
fn co_13_a_key_that_a_load_inserts_twice_raises_an_alarm() {
    let (world, _bridge, vendor) = World::with_bridge();
    vendor.open(&[contact()]);
    vendor.rows(&[batch(&contact(), 4, &[("I", 1, "a"), ("I", 1, "b"), ("I", 2, "c")])]);
    assert_eq!(world.contacts(), [(1, Some("b".into())), (2, Some("c".into()))]);
    let alarm = world.events().into_iter().find(|event| event.kind == Kind::Alarm).unwrap();
    assert!(alarm.message.contains("inserted 1 keys more than once; set key_columns"), "{}", alarm.message);
}

#[test]
fn co_14_large_rows_land_whole_or_refuse_the_whole_call() {
    let (world, _bridge, vendor) = World::with_bridge();
    let table = typed("documents", &[("id", "int"), ("text", "nvarchar(max)"), ("bytes", "varbinary(max)")]);
    vendor.open(std::slice::from_ref(&table));
    let (text, bytes) = ("\u{e5}".repeat(450_000), vec![0xA5; 1_500_000]);
    let encoded = format!("[B:{}]", STANDARD.encode(&bytes));
    let rows =
        vec![row("I", &[Some("[I:1]"), Some(&text), None]), row("I", &[Some("[I:2]"), None, Some(&encoded)])];
    vendor.rows(&[Batch { rows, lsn: 4, table: table.clone() }]);
    let kept = world.decoded("documents");
    assert_eq!((&kept[0]["text"], &kept[1]["bytes"]), (&Value::String(text), &Value::Bytes(bytes)));
    let before = world.ends_but_events();
    let huge = "x".repeat(20_000_000);
    let rows =
        vec![row("I", &[Some("[I:3]"), Some("small"), None]), row("I", &[Some("[I:4]"), Some(&huge), None])];
    let message = vendor.fail(&Request::row_data(&[Batch { rows, lsn: 5, table }]));
    assert!(message.contains("table documents, row 2, a value is longer than the limit"), "{message}");
    assert_eq!(world.ends_but_events(), before);
}

/// 200,000 rows are 20 MB here; a call may hold 500,000.
#[test]
fn co_15_very_many_tiny_rows_are_one_call_within_its_time_and_a_bound_of_memory() {
    const ROWS: usize = 200_000;
    let (world, bridge, vendor) = World::with_bridge();
    let table = typed("tiny", &[("id", "int")]);
    vendor.open(std::slice::from_ref(&table));
    let idle_kib = bridge.peak_memory_kib();
    let mark = "<a:RowData/>";
    let call = vendor.call(&Request::row_data(&[Batch { rows: vec![], lsn: 4, table }]));
    let call = call.replaced(
        "<a:Data/>",
        &format!("<a:Data xmlns:b=\"{}\">{mark}</a:Data>", operations_center::wire::ARRAYS),
    );
    let rows: String = (0..ROWS)
        .map(|id| format!("<a:RowData><a:ColumnValues><b:string>{id}</b:string></a:ColumnValues><a:Operation>I</a:Operation></a:RowData>"))
        .collect();
    let body = String::from_utf8(call.body).unwrap().replace(mark, &rows).into_bytes();
    let body_kib = body.len() / 1024;
    let began = Instant::now();
    let answer = vendor.send(&Call { operation: Operation::RowData, body });
    assert!(answer.is_successful, "{}", answer.message());
    let taken = began.elapsed();
    assert!(taken.as_secs() < 45, "{taken:?}");
    assert_eq!(world.cluster.upsert(&world.topic("tiny")).len(), ROWS);
    // The body, 32 bytes for every value, and librdkafka's queue of 128 MiB.
    let grown_kib = usize::try_from(bridge.peak_memory_kib() - idle_kib).unwrap();
    println!("{ROWS} rows in {taken:?}, body {body_kib} KiB, memory grew by {grown_kib} KiB");
    assert!(grown_kib < 3 * body_kib + 160 * 1024, "{grown_kib} KiB for a body of {body_kib} KiB");
}
