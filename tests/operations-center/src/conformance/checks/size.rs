//! Large calls.

use crate::conformance::line::{Checked, Line, Miss};
use crate::conformance::raw::Form;
use crate::conformance::stage::Stage;
use crate::conformance::subject::signed;
use crate::conformance::table::TestTable;
use crate::wire::{Batch, Request};

const SIZES: &str = "transport, documented";
/// The vendor's default BatchSize.
const DEFAULT_BATCH_BYTES: usize = 1_000_000;
/// A customer's larger one.
const LARGE_BATCH_BYTES: usize = 10_000_000;
/// Tables of one call.
const TABLES: usize = 40;
/// The position that a call brings.
const LSN: i64 = 5;
/// One row's text.
const TEXT_BYTES: usize = 4000;

pub(super) fn lines() -> Vec<Line> {
    vec![
        Line::new("size.1-mb", SIZES, "a call of a megabyte is taken, the default BatchSize", |stage| {
            sized(stage, DEFAULT_BATCH_BYTES)
        }),
        Line::new(
            "size.10-mb",
            SIZES,
            "a call of ten megabytes is taken, for BatchSize is the customer's to set",
            |stage| sized(stage, LARGE_BATCH_BYTES),
        ),
        Line::new("size.40-tables", SIZES, "a call with small batches of 40 tables is taken", tables),
    ]
}

fn sized(stage: &Stage<'_>, bytes: usize) -> Checked {
    let (subject, table) = (
        stage.subject(),
        TestTable::new(
            "document",
            &[("document_id", crate::sql::SqlType::Int), ("content", crate::sql::SqlType::NText)],
        ),
    );
    let text = "0123456789abcdef".repeat(TEXT_BYTES / 16);
    let count = i32::try_from(bytes / TEXT_BYTES + 1).unwrap_or(i32::MAX);
    let rows: Vec<(i32, &str)> = (0..count).map(|key| (key, text.as_str())).collect();
    subject.open(&[&table])?;
    subject.wipe(&table)?;
    let call = Request::row_data(&[table.inserts(LSN, &rows)]);
    // By hand: a receiver that refuses a call for its length answers before it has come whole.
    stage.send_as(Form::Usual, &call, &signed(&subject.token())?).success("RowData")?;
    subject.complete()?;
    subject.expect_position(&table, &[LSN], "after it")
}

fn tables(stage: &Stage<'_>) -> Checked {
    let tables: Vec<TestTable> =
        (0..TABLES).map(|number| TestTable::keyed(&format!("table_{number}"))).collect();
    let all: Vec<&TestTable> = tables.iter().collect();
    let subject = stage.subject();
    subject.open(&all)?;
    let batches: Vec<Batch> = tables.iter().map(|table| table.inserts(LSN, &[(1, "Nord")])).collect();
    subject.send(&batches)?;
    subject.complete()?;
    let found = subject.positions(&all)?;
    let right = found.values().filter(|lsn| **lsn == LSN).count();
    let observed = format!("after it, {right} of {TABLES} tables are answered their LSN");
    if right == tables.len() { Ok(observed) } else { Err(Miss::failed(observed)) }
}
