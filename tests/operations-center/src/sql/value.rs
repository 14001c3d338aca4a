//! A value as a tenant's database keeps it: the very form that checksums are computed from.

use mirrorbus_schemas::checksum::Canonical;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef as Stored};

use super::{SqlType, ValueRef, text};

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
    /// Reads a value of a column of type `kind` from its text in the invariant culture, as it stands on the wire behind
    /// its marker: `12.5`, `05/18/2020 10:40:43`, `True`. `None` where it is no such value.
    #[must_use]
    pub fn parse(kind: SqlType, text: &str) -> Option<Self> {
        text::read(kind, text).filter(|value| kind.holds(value))
    }

    /// The form that is hashed.
    #[must_use]
    pub fn canonical(&self) -> Canonical<'_> {
        ValueRef::from(self).canonical()
    }

    /// Reads what `to_sql` wrote into a column of type `kind`; `None` where something else stands there.
    pub(crate) fn from_sql(kind: SqlType, stored: Stored<'_>) -> Option<Self> {
        ValueRef::from_sql(kind, stored).map(Self::from)
    }
}

/// Decimals stand as text: SQLite's integers end at 64 bits.
impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Borrowed(Stored::Null),
            Self::Whole(number) => ToSqlOutput::Borrowed(Stored::Integer(*number)),
            Self::Decimal(unscaled) => ToSqlOutput::Owned(unscaled.to_string().into()),
            Self::Double(number) => ToSqlOutput::Borrowed(Stored::Real(*number)),
            Self::Text(text) => ToSqlOutput::Borrowed(Stored::Text(text.as_bytes())),
            Self::Bytes(bytes) => ToSqlOutput::Borrowed(Stored::Blob(bytes)),
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
