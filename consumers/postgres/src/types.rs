//! Which PostgreSQL type a column has, and which one holds everything that its kind can.
//!
//! A column begins with the type that the source's stands for. A value that this type cannot hold, because the source
//! sent more than its own schema admits, widens the column to the type that holds every value of its kind exactly: a
//! mirror that refused would be stuck.

use std::fmt;

use mirrorbus_mirror::{Column, Kind};

/// A type of PostgreSQL that the mirror uses. Displays as PostgreSQL's `format_type` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Stored {
    Smallint,
    Integer,
    Bigint,
    Boolean,
    Double,
    /// Precision and scale, where they are limited.
    Numeric(Option<(u32, u32)>),
    /// Digits of the second.
    Timestamp(u32),
    Date,
    Time(u32),
    Bytea,
    Uuid,
    /// Characters.
    Varchar(u32),
    Text,
}

impl fmt::Display for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Smallint => f.write_str("smallint"),
            Self::Integer => f.write_str("integer"),
            Self::Bigint => f.write_str("bigint"),
            Self::Boolean => f.write_str("boolean"),
            Self::Double => f.write_str("double precision"),
            Self::Numeric(None) => f.write_str("numeric"),
            Self::Numeric(Some((precision, scale))) => write!(f, "numeric({precision},{scale})"),
            Self::Timestamp(digits) => write!(f, "timestamp({digits}) without time zone"),
            Self::Date => f.write_str("date"),
            Self::Time(digits) => write!(f, "time({digits}) without time zone"),
            Self::Bytea => f.write_str("bytea"),
            Self::Uuid => f.write_str("uuid"),
            Self::Varchar(length) => write!(f, "character varying({length})"),
            Self::Text => f.write_str("text"),
        }
    }
}

impl Stored {
    /// Reads what `format_type` says; `None` for a type that the mirror never uses.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (word, arguments) = split(text);
        Some(match (word.as_str(), arguments.as_slice()) {
            ("smallint", []) => Self::Smallint,
            ("integer", []) => Self::Integer,
            ("bigint", []) => Self::Bigint,
            ("boolean", []) => Self::Boolean,
            ("double precision", []) => Self::Double,
            ("numeric", []) => Self::Numeric(None),
            ("numeric", [precision, scale]) => Self::Numeric(Some((*precision, *scale))),
            ("timestamp without time zone", [digits]) => Self::Timestamp(*digits),
            ("timestamp without time zone", []) => Self::Timestamp(6),
            ("date", []) => Self::Date,
            ("time without time zone", [digits]) => Self::Time(*digits),
            ("time without time zone", []) => Self::Time(6),
            ("bytea", []) => Self::Bytea,
            ("uuid", []) => Self::Uuid,
            ("character varying", [length]) => Self::Varchar(*length),
            ("text", []) => Self::Text,
            _ => return None,
        })
    }

    /// The type that the source's stands for.
    pub(crate) fn declared(column: &Column) -> Self {
        let (word, arguments) = split(&column.sql_type);
        let word = word.split_whitespace().next().unwrap_or_default();
        match (column.kind, word, arguments.as_slice()) {
            (Kind::Int, "smallint" | "tinyint", _) => Self::Smallint,
            (Kind::Decimal { scale: 4 }, "money", []) => Self::Numeric(Some((19, 4))),
            (Kind::Decimal { scale: 4 }, "smallmoney", []) => Self::Numeric(Some((10, 4))),
            (Kind::Decimal { scale }, "decimal" | "numeric", [precision, of])
                if *of == scale && (1..=38).contains(precision) =>
            {
                Self::Numeric(Some((*precision, scale)))
            }
            (Kind::Text, "uniqueidentifier", _) => Self::Uuid,
            // PostgreSQL counts characters, SQL Server halves of UTF-16 or bytes, which are never fewer. Its `char`
            // is no choice: it forgets the spaces at the end.
            (Kind::Text, "char" | "nchar" | "varchar" | "nvarchar", [length]) if *length > 0 => {
                Self::Varchar(*length)
            }
            (kind, ..) => Self::plain(kind),
        }
    }

    fn plain(kind: Kind) -> Self {
        match kind {
            Kind::Millis => Self::Timestamp(3),
            Kind::Micros => Self::Timestamp(6),
            Kind::Date => Self::Date,
            Kind::Time => Self::Time(6),
            _ => Self::widest(kind),
        }
    }

    /// The type that holds every value of a kind. Dates and times that PostgreSQL does not have are kept as the numbers
    /// that they are in the topic.
    pub(crate) fn widest(kind: Kind) -> Self {
        match kind {
            Kind::Int | Kind::Date => Self::Integer,
            Kind::Long | Kind::Millis | Kind::Micros | Kind::Time => Self::Bigint,
            Kind::Bit => Self::Boolean,
            Kind::Double => Self::Double,
            Kind::Decimal { .. } => Self::Numeric(None),
            Kind::Bytes => Self::Bytea,
            Kind::Text => Self::Text,
        }
    }

    /// Whether the mirror writes values of a kind into such a column, be they all or some.
    pub(crate) fn takes(self, kind: Kind) -> bool {
        match (kind, self) {
            (Kind::Int, Self::Smallint) | (Kind::Date, Self::Date) | (Kind::Time, Self::Time(6)) => true,
            (Kind::Decimal { scale }, Self::Numeric(Some((_, of)))) => of == scale,
            (Kind::Millis, Self::Timestamp(digits)) => digits >= 3,
            (Kind::Micros, Self::Timestamp(digits)) => digits == 6,
            (Kind::Text, Self::Uuid | Self::Varchar(_)) => true,
            _ => self == Self::widest(kind),
        }
    }

    /// What turns a column's cells into those of its widest type.
    pub(crate) fn to_widest(self, kind: Kind, column: &str) -> String {
        match (self, kind) {
            (Self::Timestamp(_), Kind::Millis) => format!("(extract(epoch FROM {column}) * 1000)::bigint"),
            (Self::Timestamp(_) | Self::Time(_), _) => {
                format!("(extract(epoch FROM {column}) * 1000000)::bigint")
            }
            (Self::Date, _) => format!("{column} - DATE '1970-01-01'"),
            _ => format!("{column}::{}", Self::widest(kind)),
        }
    }
}

/// A type's words in lower case and the numbers in its parentheses; something else in them, such as `max`, makes none.
fn split(text: &str) -> (String, Vec<u32>) {
    let text = text.trim().to_ascii_lowercase();
    let Some((head, rest)) = text.split_once('(') else { return (text, Vec::new()) };
    let (inner, tail) = rest.split_once(')').unwrap_or((rest, ""));
    let numbers: Option<Vec<u32>> = inner.split(',').map(|number| number.trim().parse().ok()).collect();
    (format!("{}{}", head.trim_end(), tail.trim_end()), numbers.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(kind: Kind, sql_type: &str) -> String {
        Stored::declared(&Column::new("x", kind, sql_type, false)).to_string()
    }

    #[test]
    fn types_are_the_sources_where_postgresql_has_them() {
        let decimal = Kind::Decimal { scale: 4 };
        for (kind, source, expected) in [
            (Kind::Int, "int identity(1,1)", "integer"),
            (Kind::Int, "smallint", "smallint"),
            (Kind::Int, "tinyint", "smallint"),
            (Kind::Int, "smallint identity(1,1)", "smallint"),
            (Kind::Long, "bigint", "bigint"),
            (Kind::Bit, "bit", "boolean"),
            (Kind::Double, "float", "double precision"),
            (decimal, "decimal(19,4)", "numeric(19,4)"),
            (decimal, "NUMERIC (10, 4)", "numeric(10,4)"),
            (decimal, "decimal(19,3)", "numeric"),
            (decimal, "money", "numeric(19,4)"),
            (decimal, "", "numeric"),
            (Kind::Millis, "datetime", "timestamp(3) without time zone"),
            (Kind::Micros, "datetime2(7)", "timestamp(6) without time zone"),
            (Kind::Date, "date", "date"),
            (Kind::Time, "time(7)", "time(6) without time zone"),
            (Kind::Bytes, "varbinary(max)", "bytea"),
            (Kind::Text, "uniqueidentifier", "uuid"),
            (Kind::Text, "nvarchar(255)", "character varying(255)"),
            (Kind::Text, "nchar(3)", "character varying(3)"),
            (Kind::Text, "nvarchar(max)", "text"),
            (Kind::Text, "xml", "text"),
            (Kind::Text, "", "text"),
            // The type's name does not decide against the kind.
            (Kind::Long, "nvarchar(5)", "bigint"),
            (Kind::Text, "int", "text"),
        ] {
            assert_eq!(declared(kind, source), expected, "{kind:?} {source}");
        }
    }

    #[test]
    fn what_is_declared_is_read_back_and_takes_its_kind() {
        for kind in [
            Kind::Int,
            Kind::Long,
            Kind::Bit,
            Kind::Double,
            Kind::Decimal { scale: 4 },
            Kind::Millis,
            Kind::Micros,
            Kind::Date,
            Kind::Time,
            Kind::Bytes,
            Kind::Text,
        ] {
            for source in ["", "smallint", "money", "decimal(9,4)", "uniqueidentifier", "nvarchar(5)"] {
                let stored = Stored::declared(&Column::new("x", kind, source, false));
                assert_eq!(Stored::parse(&stored.to_string()), Some(stored));
                assert!(stored.takes(kind), "{stored} {kind:?}");
            }
            assert!(Stored::widest(kind).takes(kind));
        }
        assert_eq!(Stored::parse("timestamp(3) with time zone"), None);
        assert!(!Stored::Timestamp(0).takes(Kind::Millis));
    }
}
