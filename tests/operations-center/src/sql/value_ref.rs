//! A value where it stands: read without a copy of its text or bytes.

use mirrorbus_schemas::checksum::Canonical;
use rusqlite::types::ValueRef as Stored;

use super::{SqlType, Value};

/// One cell, as [`Value`], whose text and bytes are somebody else's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ValueRef<'a> {
    /// NULL.
    Null,
    /// Whole numbers, bits, and all dates and times.
    Whole(i64),
    /// The unscaled number of a decimal or money.
    Decimal(i128),
    /// A float.
    Double(f64),
    /// Text and uniqueidentifiers.
    Text(&'a str),
    /// Binary.
    Bytes(&'a [u8]),
}

impl<'a> ValueRef<'a> {
    /// The form that is hashed.
    #[must_use]
    pub fn canonical(self) -> Canonical<'a> {
        match self {
            Self::Null => Canonical::Null,
            Self::Whole(number) => Canonical::Whole(i128::from(number)),
            Self::Decimal(unscaled) => Canonical::Whole(unscaled),
            Self::Double(number) => Canonical::Double(number),
            Self::Text(text) => Canonical::Text(text),
            Self::Bytes(bytes) => Canonical::Bytes(bytes),
        }
    }

    /// Reads what [`Value`]'s `to_sql` wrote into a column of type `kind`; `None` where something else stands there.
    pub(crate) fn from_sql(kind: SqlType, stored: Stored<'a>) -> Option<Self> {
        let is_decimal = matches!(kind, SqlType::Decimal { .. } | SqlType::Money);
        Some(match stored {
            Stored::Null => Self::Null,
            Stored::Integer(number) => Self::Whole(number),
            Stored::Real(number) => Self::Double(number),
            Stored::Text(text) if is_decimal => Self::Decimal(std::str::from_utf8(text).ok()?.parse().ok()?),
            Stored::Text(text) => Self::Text(std::str::from_utf8(text).ok()?),
            Stored::Blob(bytes) => Self::Bytes(bytes),
        })
    }
}

impl<'a> From<&'a Value> for ValueRef<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Whole(number) => Self::Whole(*number),
            Value::Decimal(unscaled) => Self::Decimal(*unscaled),
            Value::Double(number) => Self::Double(*number),
            Value::Text(text) => Self::Text(text),
            Value::Bytes(bytes) => Self::Bytes(bytes),
        }
    }
}

impl From<ValueRef<'_>> for Value {
    fn from(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Null => Self::Null,
            ValueRef::Whole(number) => Self::Whole(number),
            ValueRef::Decimal(unscaled) => Self::Decimal(unscaled),
            ValueRef::Double(number) => Self::Double(number),
            ValueRef::Text(text) => Self::Text(text.to_owned()),
            ValueRef::Bytes(bytes) => Self::Bytes(bytes.to_vec()),
        }
    }
}
