//! A value as a tenant's database keeps it: the very form that checksums are computed from.

use mirrorbus_schemas::checksum::Canonical;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};

use super::SqlType;

/// One cell. Which variant a column takes, and in which unit, is [`SqlType`]'s.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// NULL.
    Null,
    /// Whole numbers, bits, and all dates and times.
    Whole(i64),
    /// The unscaled number of a decimal or money.
    Decimal(i128),
    /// A float.
    Double(f64),
    /// Text and uniqueidentifiers.
    Text(String),
    /// Binary.
    Bytes(Vec<u8>),
}

impl Value {
    /// The form that is hashed.
    #[must_use]
    pub fn canonical(&self) -> Canonical<'_> {
        match self {
            Self::Null => Canonical::Null,
            Self::Whole(number) => Canonical::Whole(i128::from(*number)),
            Self::Decimal(unscaled) => Canonical::Whole(*unscaled),
            Self::Double(number) => Canonical::Double(*number),
            Self::Text(text) => Canonical::Text(text),
            Self::Bytes(bytes) => Canonical::Bytes(bytes),
        }
    }

    /// Reads what `to_sql` wrote into a column of type `kind`; `None` where something else stands there.
    pub(crate) fn from_sql(kind: SqlType, stored: ValueRef<'_>) -> Option<Self> {
        let is_decimal = matches!(kind, SqlType::Decimal { .. } | SqlType::Money);
        Some(match stored {
            ValueRef::Null => Self::Null,
            ValueRef::Integer(number) => Self::Whole(number),
            ValueRef::Real(number) => Self::Double(number),
            ValueRef::Text(text) if is_decimal => {
                Self::Decimal(std::str::from_utf8(text).ok()?.parse().ok()?)
            }
            ValueRef::Text(text) => Self::Text(std::str::from_utf8(text).ok()?.to_owned()),
            ValueRef::Blob(bytes) => Self::Bytes(bytes.to_vec()),
        })
    }
}

/// Decimals stand as text: SQLite's integers end at 64 bits.
impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Borrowed(ValueRef::Null),
            Self::Whole(number) => ToSqlOutput::Borrowed(ValueRef::Integer(*number)),
            Self::Decimal(unscaled) => ToSqlOutput::Owned(unscaled.to_string().into()),
            Self::Double(number) => ToSqlOutput::Borrowed(ValueRef::Real(*number)),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Self::Bytes(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
        })
    }
}

impl From<i32> for Value {
    fn from(number: i32) -> Self {
        Self::Whole(i64::from(number))
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Whole(number)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Double(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}
