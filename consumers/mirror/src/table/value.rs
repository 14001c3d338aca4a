//! Decoded values, borrowed from the record they came in.

use mirrorbus_schemas::checksum::Canonical;
use serde::{Deserialize, Serialize};

/// What a column's values are. Two columns of one kind hold the same values whatever their SQL types are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// `smallint`, `int`: 32 bits.
    Int,
    /// `bigint`: 64 bits.
    Long,
    /// `bit`: 0 or 1.
    Bit,
    /// `float`.
    Double,
    /// `decimal`, `money`: whole numbers of this many digits after the point.
    Decimal {
        /// Digits after the point.
        scale: u32,
    },
    /// `datetime`: milliseconds since 1970, no zone.
    Millis,
    /// `datetime2`: microseconds since 1970, no zone.
    Micros,
    /// `date`: days since 1970.
    Date,
    /// `time`: microseconds since midnight.
    Time,
    /// `binary` and its kin.
    Bytes,
    /// Every text, and every type that nobody knows.
    Text,
}

/// One value. Its column's [`Kind`] says what a number means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// NULL.
    Null,
    /// All kinds of whole numbers of up to 64 bits, dates and times among them.
    Whole(i64),
    /// [`Kind::Decimal`]: the number times ten to the column's scale.
    Decimal(i128),
    /// [`Kind::Double`].
    Double(f64),
    /// [`Kind::Text`].
    Text(&'a str),
    /// [`Kind::Bytes`].
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    /// The form in which the value enters a checksum.
    #[must_use]
    pub fn canonical(self) -> Canonical<'a> {
        match self {
            Self::Null => Canonical::Null,
            Self::Whole(number) => Canonical::Whole(number.into()),
            Self::Decimal(number) => Canonical::Whole(number),
            Self::Double(number) => Canonical::Double(number),
            Self::Text(text) => Canonical::Text(text),
            Self::Bytes(bytes) => Canonical::Bytes(bytes),
        }
    }
}

/// A value that outlives its record.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum OwnedValue {
    Null,
    Whole(i64),
    Decimal(i128),
    Double(f64),
    Text(String),
    Bytes(Vec<u8>),
}

impl From<Value<'_>> for OwnedValue {
    fn from(value: Value<'_>) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Whole(number) => Self::Whole(number),
            Value::Decimal(number) => Self::Decimal(number),
            Value::Double(number) => Self::Double(number),
            Value::Text(text) => Self::Text(text.to_owned()),
            Value::Bytes(bytes) => Self::Bytes(bytes.to_owned()),
        }
    }
}

impl OwnedValue {
    pub(crate) fn as_value(&self) -> Value<'_> {
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
