//! Rows that do not go with what is recorded of their table.

use mirrorbus_schemas::event::Kind;
use operations_center::wire::Request;

use super::{assert_refused, open, refusal};
use crate::support::vendor::{column, table};
use crate::support::{World, batch, contact};

/// Taken by the columns that it brings: the vendor announces every table, so this is a table that came since.
#[test]
fn co_16_a_table_that_was_never_announced_is_taken_by_the_columns_that_it_brings() {
    let (world, _bridge, vendor) = open();
    let young = table("young");
    vendor.rows(&[batch(&young, 4, &[("I", 1, "a")])]);
    vendor.complete();
    assert_eq!(world.named_rows("young"), [(1, Some("a".into()))]);
    assert_eq!(vendor.open(&[contact(), young])["young"], 4);
}

#[test]
fn co_16_columns_of_another_type_refuse_the_call_and_the_table_is_asked_for_again() {
    let (world, _bridge, vendor) = open();
    let mut retyped = contact();
    retyped.columns[1].sql_type = "int".into();
    let message = vendor.fail(&Request::row_data(&[batch(&retyped, 5, &[("U", 1, "7")])]));
    assert!(message.starts_with("BAD_TABLE: ") && message.contains("table contact"), "{message}");
    assert_eq!(world.contacts(), [(1, Some("mine".into()))]);
    assert!(world.events().iter().any(|event| event.kind == Kind::Alarm));
    assert_eq!(vendor.open(&[contact()])["contact"], -1);
}

#[test]
fn co_16_rows_of_a_table_that_left_the_source_are_refused_until_it_is_announced() {
    let (world, _bridge, vendor) = World::with_bridge();
    let person = table("person");
    vendor.cycle(&[batch(&contact(), 3, &[("I", 1, "mine")]), batch(&person, 3, &[("I", 1, "a")])]);
    vendor.open(&[contact()]);
    let rows = Request::row_data(&[batch(&person, 4, &[("I", 2, "b")])]);
    let rule = "table person: rows are refused until TableSchema asks for the table";
    assert_refused(&world, &vendor, &[refusal("CO-16 dropped", rows, "BAD_TABLE", rule)]);
    assert_eq!(world.named_rows("person"), []);
}

/// The vendor's lists of blocked tables change: what comes is mirrored, whatever list it is on.
#[test]
fn co_16_tables_that_the_vendor_usually_blocks_are_mirrored_when_they_come() {
    let (world, _bridge, vendor) = World::with_bridge();
    for name in ["binaryobject", "log_events", "webhook"] {
        vendor.cycle(&[batch(&table(name), 3, &[("I", 1, "a")])]);
        assert_eq!(world.named_rows(name).len(), 1, "{name}");
    }
}

#[test]
fn co_17_an_lsn_behind_the_acknowledged_one_refuses_the_call_and_asks_for_the_table_again() {
    let (world, bridge, vendor) = World::with_bridge();
    vendor.cycle(&[batch(&contact(), 7, &[("I", 1, "mine")])]);
    assert_eq!(vendor.open(&[contact()])["contact"], 7);
    let message = vendor.fail(&Request::row_data(&[batch(&contact(), 6, &[("U", 1, "older")])]));
    assert!(
        message.starts_with("BAD_TABLE: ")
            && message.contains("the LSN is behind the one that was acknowledged"),
        "{message}"
    );
    assert_eq!(world.contacts(), [(1, Some("mine".into()))]);
    let alarm = world.events().into_iter().find(|event| event.kind == Kind::Alarm).unwrap();
    assert!(alarm.message.contains("table contact: the LSN is behind"), "{}", alarm.message);
    assert!(bridge.log().contains("the table will be asked for again"));
    // Nothing more is taken of it in this cycle, and it comes whole in the next.
    let refused = vendor.fail(&Request::row_data(&[batch(&contact(), 9, &[("U", 1, "newer")])]));
    assert!(refused.contains("rows are refused until TableSchema asks for the table"), "{refused}");
    assert_eq!(vendor.cycle(&[batch(&contact(), 6, &[("I", 1, "older")])])["contact"], -1);
    assert_eq!(world.contacts(), [(1, Some("older".into()))]);
    assert_eq!(vendor.open(&[contact()])["contact"], 6);
}

#[test]
fn co_17_the_acknowledged_lsn_again_is_taken() {
    let (world, _bridge, vendor) = World::with_bridge();
    vendor.cycle(&[batch(&contact(), 7, &[("I", 1, "a")])]);
    assert_eq!(vendor.cycle(&[batch(&contact(), 7, &[("U", 1, "b")])])["contact"], 7);
    assert_eq!(world.contacts(), [(1, Some("b".into()))]);
    assert_eq!(vendor.open(&[contact()])["contact"], 7);
}

/// Of several batches of a table in a call only the last one's LSN counts, and only if it is valid.
#[test]
fn co_17_the_last_batch_of_a_table_says_where_it_stands() {
    let (world, _bridge, vendor) = open();
    vendor.rows(&[batch(&contact(), 5, &[("U", 1, "a")]), batch(&contact(), 0, &[("I", 2, "b")])]);
    vendor.complete();
    assert_eq!(vendor.open(&[contact()])["contact"], 3, "the last batch had none");
    vendor.rows(&[batch(&contact(), 0, &[("U", 1, "c")]), batch(&contact(), 6, &[("I", 3, "d")])]);
    vendor.complete();
    assert_eq!(vendor.open(&[contact()])["contact"], 6);
    assert_eq!(world.contacts().len(), 3);
}

/// A column that is the same but for its name's case is another column: SQL Server would not have both.
#[test]
fn co_16_a_column_that_differs_in_case_is_not_the_announced_one() {
    let (world, _bridge, vendor) = open();
    let mut other = contact();
    other.columns[1] = column("NAME", "nvarchar(100)", true);
    let message = vendor.fail(&Request::row_data(&[batch(&other, 5, &[("U", 1, "x")])]));
    assert!(message.contains("lack the announced column name"), "{message}");
    assert_eq!(world.contacts(), [(1, Some("mine".into()))]);
}
