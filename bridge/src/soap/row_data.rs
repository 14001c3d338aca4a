//! Batches of rows. The columns come after the rows, so values stay slices of the body until the whole batch is
//! read; then each is decoded by its column's type.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::error::{ContentError, SoapError};
use super::members::{Members, contained, items, number, optional, text};
use super::name::{Name, Namespace};
use super::table::{self, RawTable};
use super::value::{self, Decoded};
use super::xml::{PlainLeaf, Xml};
use crate::batch::{Batch, Lsn, Operation, TableColumns, Value};

/// Values that deleted rows may leave out in one call. They cost the caller nothing and us 32 bytes each.
const MAX_LEFT_OUT: usize = 4 * 1024 * 1024;

/// What was read of one call so far.
#[derive(Default)]
pub(super) struct Counts {
    rows: usize,
    left_out: usize,
}

/// Rows as they came: all values in one vector, each row's end beside its operation.
#[derive(Default)]
struct RawRows<'a> {
    values: Vec<Option<Cow<'a, str>>>,
    rows: Vec<RawRow>,
    replaced_nuls: u64,
    /// How most values are written.
    plain: Option<PlainLeaf>,
    /// All rows, also those that could not be read.
    count: usize,
    /// The first thing that could not be read.
    fault: Option<ContentError>,
}

struct RawRow {
    operation: Operation,
    /// Index past the row's last value.
    end: usize,
}

/// Reads a `RowDataBatch`.
pub(super) fn read<'a>(
    xml: &mut Xml<'a>,
    counts: &mut Counts,
    ignored: &BTreeSet<String>,
) -> Result<Batch<'a>, SoapError> {
    let mut raw = RawRows::default();
    let (mut lsn, mut table) = (Ok(None), None);
    let mut members = Members::default();
    while let Some(tag) = members.next(xml, Namespace::Data, &[Name::Data, Name::Lsn, Name::TableInfo])? {
        match tag.name {
            Name::Data => read_rows(xml, counts, &mut raw)?,
            Name::Lsn => lsn = contained(xml, |xml| number(xml, tag))?,
            _ => table = Some(table::read_raw(xml)?),
        }
    }
    let table = table.ok_or_else(|| ContentError::new("a batch has no TableInfo"))?;
    let lsn = lsn.map_err(|error| error.of_table(&table.table))?.and_then(Lsn::new);
    if ignored.contains(&table.table) {
        return Ok(discarded(table, lsn, raw.count));
    }
    let table = table::check(table)?;
    decode(table, lsn, raw, counts).map_err(SoapError::from)
}

/// An ignored table's rows are dropped here, whatever is in them.
fn discarded<'a>(table: RawTable, lsn: Option<Lsn>, rows: usize) -> Batch<'a> {
    let table = TableColumns { table: table.table, columns: Vec::new() };
    let discarded_rows = rows as u64;
    Batch { table, lsn, operations: Vec::new(), values: Vec::new(), cut_values: 0, discarded_rows }
}

/// Reads all rows. What does not fit in them waits until the table is known; too many rows are too many at once.
fn read_rows<'a>(xml: &mut Xml<'a>, counts: &mut Counts, raw: &mut RawRows<'a>) -> Result<(), SoapError> {
    let max_rows = xml.limits().max_rows;
    let list = contained(xml, |xml| {
        while counts.rows <= max_rows && items(xml, Namespace::Data, Name::RowData)?.is_some() {
            counts.rows += 1;
            raw.count += 1;
            match contained(xml, |xml| read_row(xml, raw))? {
                Ok(row) => raw.rows.push(row),
                Err(error) => raw.note(error.of_row(raw.count)),
            }
        }
        Ok(())
    })?;
    if let Err(error) = list {
        raw.note(error);
    }
    if counts.rows > max_rows {
        return Err(ContentError::new("the call has more rows than the limit").into());
    }
    Ok(())
}

impl RawRows<'_> {
    fn note(&mut self, fault: ContentError) {
        self.fault.get_or_insert(fault);
    }
}

fn read_row<'a>(xml: &mut Xml<'a>, raw: &mut RawRows<'a>) -> Result<RawRow, SoapError> {
    let mut operation = None;
    let mut members = Members::default();
    while let Some(tag) = members.next(xml, Namespace::Data, &[Name::ColumnValues, Name::Operation])? {
        if tag.name == Name::Operation {
            operation = Some(parse_operation(&text(xml, tag)?)?);
        } else {
            read_values(xml, raw)?;
        }
    }
    let operation = operation.ok_or_else(|| ContentError::new("Operation is missing"))?;
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
    let max_columns = xml.limits().max_columns;
    xml.find_plain_leaf(&mut raw.plain, Namespace::Arrays, Name::String);
    loop {
        if let Some(plain) = &raw.plain {
            while raw.values.len() - begin < max_columns
                && let Some(text) = xml.plain_text(plain)
            {
                raw.values.push(Some(Cow::Borrowed(text)));
            }
        }
        let Some(tag) = xml.child()? else { return Ok(()) };
        if !tag.is(Namespace::Arrays, Name::String) {
            return Err(ContentError::new("ColumnValues holds something other than strings").into());
        }
        if raw.values.len() - begin == max_columns {
            return Err(ContentError::new("a row has more values than the limit of columns").into());
        }
        let value = optional(xml, tag)?;
        raw.replaced_nuls += value.as_ref().map_or(0, |value| value.replaced_nuls);
        raw.values.push(value.map(|value| value.text));
    }
}

fn decode<'a>(
    table: TableColumns,
    lsn: Option<Lsn>,
    raw: RawRows<'a>,
    counts: &mut Counts,
) -> Result<Batch<'a>, ContentError> {
    if let Some(fault) = raw.fault {
        return Err(fault.of_table(&table.table));
    }
    let mut operations = Vec::with_capacity(raw.rows.len());
    let mut values = Vec::with_capacity(raw.values.len());
    let mut cut_values = raw.replaced_nuls;
    let mut rest = raw.values.into_iter();
    let mut begin = 0;
    for (number, row) in (1..).zip(raw.rows) {
        let row_values = rest.by_ref().take(row.end - begin);
        cut_values += match row.operation {
            Operation::Delete => decode_key(&table, row_values, &mut values, counts),
            _ => decode_row(&table, row_values, &mut values),
        }
        .map_err(|error| error.of_row(number).of_table(&table.table))?;
        begin = row.end;
        operations.push(row.operation);
    }
    Ok(Batch { table, lsn, operations, values, cut_values, discarded_rows: 0 })
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
    counts: &mut Counts,
) -> Result<u64, ContentError> {
    counts.left_out += table.columns.len().saturating_sub(row.len());
    if counts.left_out > MAX_LEFT_OUT {
        return Err(ContentError::new("the deleted rows of the call leave out more values than the limit"));
    }
    for column in &table.columns {
        let value = value::decode(column.kind, row.next().flatten());
        values.push(value.map_or(Value::Null, |decoded| decoded.value));
    }
    match row.next() {
        None => Ok(0),
        Some(_) => Err(ContentError::new("more values than columns")),
    }
}
