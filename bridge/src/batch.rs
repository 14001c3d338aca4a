//! What a source hands to the bus: tables, columns and typed rows, whatever the wire looked like.
//!
//! Values borrow from the call's body where they can. A batch is flat: all values of all rows stand in one
//! vector, row after row, each row as long as the table has columns.

use std::borrow::Cow;
use std::fmt;

/// A Log Sequence Number of the source: a valid one is above zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lsn(i64);

impl Lsn {
    /// A valid position, or `None` for the zero and negative numbers that mean "no position yet".
    #[must_use]
    pub fn new(lsn: i64) -> Option<Self> {
        (lsn > 0).then_some(Self(lsn))
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The type of a column as far as it decides how values are decoded and stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// `tinyint`, `smallint`: Avro int.
    SmallInt,
    /// `int`: Avro int.
    Int,
    /// `bigint`: Avro long.
    BigInt,
    /// `bit`: Avro boolean.
    Bit,
    /// `float`, `real`: Avro double.
    Float,
    /// `decimal(p,s)`, `numeric`, `money` (19,4), `smallmoney` (10,4): Avro decimal.
    Decimal {
        /// Digits in all.
        precision: u8,
        /// Digits after the point.
        scale: u8,
    },
    /// `datetime`, `smalldatetime`: Avro timestamp-millis.
    DateTime,
    /// `datetime2`: Avro timestamp-micros.
    DateTime2,
    /// `date`: Avro date.
    Date,
    /// `time`: Avro time-micros.
    Time,
    /// `binary`, `varbinary`, `image`, `timestamp`, `rowversion`: Avro bytes.
    Binary,
    /// `uniqueidentifier`: Avro string.
    Guid,
    /// `char`, `varchar`, `text`, `nchar`, `nvarchar`, `ntext`, `xml`, and every type that is not known: Avro string.
    Text,
}

/// One column as the source announces it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The name, unchanged.
    pub name: String,
    /// The SQL type as the source writes it, such as `nvarchar(255)`.
    pub sql_type: String,
    /// What the bridge makes of `sql_type`.
    pub kind: ColumnType,
    /// Whether the source's column admits NULL.
    pub nullable: bool,
    /// The source's default expression; empty where there is none.
    pub default: String,
}

/// A table's columns in the source's order. Names of columns are unique.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableColumns {
    /// The table's name as it came; the bus checks whether a topic can be made of it.
    pub table: String,
    /// At least one column, but for tables that are ignored.
    pub columns: Vec<Column>,
}

/// One decoded value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// NULL.
    Null,
    /// [`ColumnType::Bit`].
    Bool(bool),
    /// [`ColumnType::SmallInt`], [`ColumnType::Int`]; [`ColumnType::Date`] as days since 1970-01-01.
    Int(i32),
    /// [`ColumnType::BigInt`]; [`ColumnType::DateTime`] as milliseconds, [`ColumnType::DateTime2`] as
    /// microseconds since 1970-01-01 00:00; [`ColumnType::Time`] as microseconds since midnight.
    Long(i64),
    /// [`ColumnType::Float`].
    Double(f64),
    /// [`ColumnType::Decimal`]: the number times ten to the column's scale.
    Decimal(i128),
    /// [`ColumnType::Text`], [`ColumnType::Guid`].
    Text(Cow<'a, str>),
    /// [`ColumnType::Binary`].
    Bytes(Vec<u8>),
}

/// What happened to a row. Insert and update are both upserts; they differ only in the record's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// `I`.
    Insert,
    /// `U`.
    Update,
    /// `D`: only the key's value can be relied on.
    Delete,
}

/// Rows of one table with the position that they reach.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch<'a> {
    /// The table and the columns of these rows.
    pub table: TableColumns,
    /// The position reached when all rows up to here are kept; `None` means "no position yet".
    pub lsn: Option<Lsn>,
    /// One operation per row.
    pub operations: Vec<Operation>,
    /// `operations.len() * table.columns.len()` values.
    pub values: Vec<Value<'a>>,
    /// Values that could not be kept to the last digit or character: cut decimals and fractions of a second, U+0000.
    pub cut_values: u64,
    /// Rows that were dropped because the table is ignored.
    pub discarded_rows: u64,
}

impl<'a> Batch<'a> {
    /// Operation and values of every row.
    pub fn rows(&self) -> impl Iterator<Item = (Operation, &[Value<'a>])> {
        self.operations.iter().copied().zip(self.values.chunks_exact(self.table.columns.len().max(1)))
    }
}

/// What the vendor says it sent of one table in a cycle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableCounts {
    /// The table's name.
    pub table: String,
    /// Rows inserted.
    pub inserts: i32,
    /// Rows updated.
    pub updates: i32,
    /// Rows deleted.
    pub deletes: i32,
}

/// A name from outside as it may stand in an error: short, and nothing that a terminal or a log would obey.
pub(crate) fn shown(name: &str) -> String {
    const MAX_CHARS: usize = 64;
    let mut shown: String = name.chars().take(MAX_CHARS).flat_map(char::escape_default).collect();
    if name.chars().nth(MAX_CHARS).is_some() {
        shown.push_str("...");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_outside_are_short_and_harmless() {
        assert_eq!(shown("a\u{1b}[2J\n"), "a\\u{1b}[2J\\n");
        assert!(shown(&"x".repeat(1000)).len() < 70);
    }
}
