//! Any rows, written as the vendor's WCF client writes them, are read back equal.

use arbitrary::{Result, Unstructured};
use mirrorbus::batch::{Batch as Read, Lsn, Operation};
use operations_center::sql::{SqlType, Value};
use operations_center::wire::{self, Batch, ColumnInfo, Request, Row, TableInfo};

use crate::vendor::{TYPES, expected, read_batches, without_nuls};

const MS_PER_DAY: i64 = 86_400_000;
/// 0001-01-01 and 9999-12-31 in days since 1970.
const DAYS: std::ops::RangeInclusive<i64> = -719_162..=2_932_896;
/// `datetime` begins in 1753.
const DATETIME_DAYS: std::ops::RangeInclusive<i64> = -79_257..=2_932_896;

/// What is meant beside what is written.
struct Meant {
    rows: Vec<(Operation, Vec<Value>)>,
    written: Batch,
}

/// Rows of up to four tables survive the writer and the reader, value by value.
pub fn row_data(data: &[u8]) {
    let mut bytes = Unstructured::new(data);
    let Ok((meant, pretty)) = calls(&mut bytes) else { return };
    let written: Vec<_> = meant.iter().map(|batch| batch.written.clone()).collect();
    let document = Request::row_data(&written).pretty(pretty).envelope("a.b.c");
    let read = match read_batches(&document) {
        Ok(read) => read,
        Err(error) => panic!("{error} in {}", String::from_utf8_lossy(&document)),
    };
    assert_eq!(read.len(), meant.len());
    meant.iter().zip(&read).for_each(|(meant, read)| assert_same(meant, read));
}

fn assert_same(meant: &Meant, read: &Read<'_>) {
    assert_eq!(read.table.table, without_nuls(&meant.written.table.table));
    assert_eq!(read.lsn, Lsn::new(meant.written.lsn));
    assert_eq!(read.operations.len(), meant.rows.len());
    assert_eq!((read.cut_values > 0, read.discarded_rows), (has_nuls(meant), 0));
    for ((operation, values), (read_operation, row)) in meant.rows.iter().zip(read.rows()) {
        assert_eq!(*operation, read_operation);
        for ((column, value), found) in read.table.columns.iter().zip(values).zip(row) {
            assert_eq!(*found, expected(column.kind, value), "column {}", column.sql_type);
        }
    }
}

fn has_nuls(meant: &Meant) -> bool {
    let mut values = meant.rows.iter().flat_map(|(_, values)| values);
    values.any(|value| matches!(value, Value::Text(text) if text.contains('\0')))
}

fn calls(bytes: &mut Unstructured<'_>) -> Result<(Vec<Meant>, bool)> {
    let pretty = bytes.arbitrary()?;
    let count = bytes.int_in_range(1..=4)?;
    let batches = (0..count).map(|_| batch(bytes)).collect::<Result<_>>()?;
    Ok((batches, pretty))
}

fn batch(bytes: &mut Unstructured<'_>) -> Result<Meant> {
    let width = bytes.int_in_range(1..=6)?;
    let types =
        (0..width).map(|_| bytes.choose(&TYPES).map(|name| sql_type(name))).collect::<Result<Vec<_>>>()?;
    let columns = types.iter().enumerate().map(|(number, kind)| column(bytes, number, *kind));
    let columns = columns.collect::<Result<_>>()?;
    let table: String = bytes.arbitrary()?;
    let mut rows = Vec::new();
    while rows.len() < 16 && bytes.ratio(3u8, 4u8)? {
        rows.push(row(bytes, &types)?);
    }
    let written = Batch {
        rows: rows.iter().map(|(operation, values)| written(*operation, &types, values)).collect(),
        lsn: bytes.arbitrary()?,
        table: TableInfo { columns, table },
    };
    Ok(Meant { rows, written })
}

fn column(bytes: &mut Unstructured<'_>, number: usize, kind: SqlType) -> Result<ColumnInfo> {
    Ok(ColumnInfo {
        default_value: bytes.arbitrary()?,
        is_nullable: bytes.arbitrary()?,
        name: format!("c{number}"),
        sql_type: kind.to_string(),
    })
}

fn row(bytes: &mut Unstructured<'_>, types: &[SqlType]) -> Result<(Operation, Vec<Value>)> {
    let operation = *bytes.choose(&[Operation::Insert, Operation::Update, Operation::Delete])?;
    let values = types.iter().map(|kind| value(bytes, *kind)).collect::<Result<_>>()?;
    Ok((operation, values))
}

fn written(operation: Operation, types: &[SqlType], values: &[Value]) -> Row {
    let operation = match operation {
        Operation::Insert => "I",
        Operation::Update => "U",
        Operation::Delete => "D",
    };
    let values = types.iter().zip(values).map(|(kind, value)| wire::encode(*kind, value)).collect();
    Row { values, operation: operation.to_owned() }
}

fn value(bytes: &mut Unstructured<'_>, kind: SqlType) -> Result<Value> {
    if bytes.ratio(1u8, 8u8)? {
        return Ok(Value::Null);
    }
    Ok(match kind {
        SqlType::Int => Value::Whole(i64::from(bytes.arbitrary::<i32>()?)),
        SqlType::SmallInt => Value::Whole(i64::from(bytes.arbitrary::<i16>()?)),
        SqlType::BigInt => Value::Whole(bytes.arbitrary()?),
        SqlType::Bit => Value::Whole(i64::from(bytes.arbitrary::<bool>()?)),
        SqlType::Float => {
            Value::Double(Some(bytes.arbitrary()?).filter(|f: &f64| f.is_finite()).unwrap_or(0.5))
        }
        SqlType::Decimal { precision, .. } => {
            let limit = 10i128.pow(u32::from(precision));
            Value::Decimal(bytes.int_in_range(1 - limit..=limit - 1)?)
        }
        SqlType::Money => Value::Decimal(i128::from(bytes.arbitrary::<i64>()?)),
        SqlType::DateTime => Value::Whole(
            bytes.int_in_range(DATETIME_DAYS)? * MS_PER_DAY + bytes.int_in_range(0..=MS_PER_DAY - 1)?,
        ),
        SqlType::DateTime2 => {
            let day = bytes.int_in_range(DAYS)? * MS_PER_DAY * 1000;
            Value::Whole(day + bytes.int_in_range(0..=MS_PER_DAY * 1000 - 1)?)
        }
        SqlType::Date => Value::Whole(bytes.int_in_range(DAYS)?),
        SqlType::Time => Value::Whole(bytes.int_in_range(0..=MS_PER_DAY * 1000 - 1)?),
        SqlType::VarBinary => Value::Bytes(bytes.arbitrary()?),
        SqlType::UniqueIdentifier => Value::Text(guid(bytes.arbitrary()?)),
        SqlType::NVarChar(_) | SqlType::NText => Value::Text(bytes.arbitrary()?),
    })
}

fn guid(number: u128) -> String {
    let digits = format!("{number:032x}");
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| digits.get(part).unwrap_or_default());
    parts.join("-")
}

fn sql_type(name: &str) -> SqlType {
    name.parse().expect("every listed type is one that the stand-in has")
}
