//! Batches of rows. The columns come after the rows, so values stay slices of the body until the whole batch is
//! read; then each is decoded by its column's type.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::call::{Members, items, number, optional, text};
use super::error::{ContentError, SoapError};
use super::name::{Name, Namespace};
use super::table::{self, RawTable};
use super::value::{self, Decoded};
use super::xml::Xml;
use crate::batch::{Batch, Lsn, Operation, TableColumns, Value};

/// Rows as they came: all values in one vector, each row's end beside its operation.
#[derive(Default)]
struct RawRows<'a> {
    values: Vec<Option<Cow<'a, str>>>,
    rows: Vec<RawRow>,
    replaced_nuls: u64,
}

struct RawRow {
    operation: Result<Operation, ContentError>,
    /// Index past the row's last value.
    end: usize,
}

/// Reads a `RowDataBatch`; `rows` counts all rows of the call.
pub(super) fn read<'a>(
    xml: &mut Xml<'a>,
    rows: &mut usize,
    ignored: &BTreeSet<String>,
) -> Result<Batch<'a>, SoapError> {
    let mut raw = RawRows::default();
    let (mut lsn, mut table) = (None, None);
    let mut members = Members::default();
    while let Some(tag) = members.next(xml, Namespace::Data, &[Name::Data, Name::Lsn, Name::TableInfo])? {
        match tag.name {
            Name::Data => read_rows(xml, rows, &mut raw)?,
            Name::Lsn => lsn = number(xml, tag)?,
            _ => table = Some(table::read_raw(xml)?),
        }
    }
    let table = table.ok_or_else(|| ContentError::new("a batch has no TableInfo"))?;
    let lsn = lsn.and_then(Lsn::new);
    if ignored.contains(&table.table) {
        return Ok(discarded(table, lsn));
    }
    let table = table::check(table)?;
    decode(table, lsn, raw).map_err(SoapError::from)
}

/// An ignored table's rows are dropped here, whatever is in them.
fn discarded<'a>(table: RawTable, lsn: Option<Lsn>) -> Batch<'a> {
    let table = TableColumns { table: table.table, columns: Vec::new() };
    Batch { table, lsn, operations: Vec::new(), values: Vec::new(), cut_values: 0 }
}

fn read_rows<'a>(xml: &mut Xml<'a>, rows: &mut usize, raw: &mut RawRows<'a>) -> Result<(), SoapError> {
    while items(xml, Namespace::Data, Name::RowData)?.is_some() {
        *rows += 1;
        if *rows > xml.limits().max_rows {
            return Err(ContentError::new("the call has more rows than the limit").into());
        }
        let row = read_row(xml, raw).map_err(|error| in_row(error, raw.rows.len() + 1))?;
        raw.rows.push(row);
    }
    Ok(())
}

fn in_row(error: SoapError, row: usize) -> SoapError {
    match error {
        SoapError::Content(error) => SoapError::Content(error.of_row(row)),
        fault => fault,
    }
}

fn read_row<'a>(xml: &mut Xml<'a>, raw: &mut RawRows<'a>) -> Result<RawRow, SoapError> {
    let mut operation = Err(ContentError::new("Operation is missing"));
    let mut members = Members::default();
    while let Some(tag) = members.next(xml, Namespace::Data, &[Name::ColumnValues, Name::Operation])? {
        if tag.name == Name::Operation {
            operation = parse_operation(&text(xml, tag)?);
        } else {
            read_values(xml, raw)?;
        }
    }
    Ok(RawRow { operation, end: raw.values.len() })
}

fn parse_operation(text: &str) -> Result<Operation, ContentError> {
    match text.trim_ascii() {
        "I" | "i" => Ok(Operation::Insert),
        "U" | "u" => Ok(Operation::Update),
        "D" | "d" => Ok(Operation::Delete),
        _ => Err(ContentError::new("Operation is none of I, U and D")),
    }
}

/// Values stand for columns by their place, so nothing else may stand among them.
fn read_values<'a>(xml: &mut Xml<'a>, raw: &mut RawRows<'a>) -> Result<(), SoapError> {
    let begin = raw.values.len();
    while let Some(tag) = xml.child()? {
        if !tag.is(Namespace::Arrays, Name::String) {
            return Err(ContentError::new("ColumnValues holds something other than strings").into());
        }
        if raw.values.len() - begin == xml.limits().max_columns {
            return Err(ContentError::new("a row has more values than the limit of columns").into());
        }
        let value = optional(xml, tag)?;
        raw.replaced_nuls += value.as_ref().map_or(0, |value| value.replaced_nuls);
        raw.values.push(value.map(|value| value.text));
    }
    Ok(())
}

fn decode<'a>(table: TableColumns, lsn: Option<Lsn>, raw: RawRows<'a>) -> Result<Batch<'a>, ContentError> {
    let mut operations = Vec::with_capacity(raw.rows.len());
    let mut values = Vec::with_capacity(raw.rows.len() * table.columns.len());
    let mut cut_values = raw.replaced_nuls;
    let mut rest = raw.values.into_iter();
    let mut begin = 0;
    for (number, row) in (1..).zip(raw.rows) {
        let fault = |error: ContentError| error.of_row(number).of_table(&table.table);
        let operation = row.operation.map_err(fault)?;
        let row_values = rest.by_ref().take(row.end - begin);
        cut_values += match operation {
            Operation::Delete => decode_key(&table, row_values, &mut values),
            _ => decode_row(&table, row_values, &mut values),
        }
        .map_err(fault)?;
        begin = row.end;
        operations.push(operation);
    }
    Ok(Batch { table, lsn, operations, values, cut_values })
}

type Values<'r, 'a> = std::iter::Take<&'r mut std::vec::IntoIter<Option<Cow<'a, str>>>>;

fn decode_row<'a>(
    table: &TableColumns,
    mut row: Values<'_, 'a>,
    values: &mut Vec<Value<'a>>,
) -> Result<u64, ContentError> {
    let mut cut = 0;
    for column in &table.columns {
        let value = row.next().ok_or_else(|| ContentError::new("fewer values than columns"))?;
        let Decoded { value, is_cut } = value::decode(column.kind, value)
            .map_err(|rule| ContentError::new(rule).of_column(&column.name))?;
        cut += u64::from(is_cut);
        values.push(value);
    }
    match row.next() {
        None => Ok(cut),
        Some(_) => Err(ContentError::new("more values than columns")),
    }
}

/// Of a deleted row only the key can be relied on: what does not fit, or is not there, counts as NULL. A key that is
/// NULL then is refused where the key is known.
fn decode_key<'a>(
    table: &TableColumns,
    mut row: Values<'_, 'a>,
    values: &mut Vec<Value<'a>>,
) -> Result<u64, ContentError> {
    for column in &table.columns {
        let value = value::decode(column.kind, row.next().flatten());
        values.push(value.map_or(Value::Null, |decoded| decoded.value));
    }
    match row.next() {
        None => Ok(0),
        Some(_) => Err(ContentError::new("more values than columns")),
    }
}
