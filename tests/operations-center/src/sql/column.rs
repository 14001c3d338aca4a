//! A column as the catalogue keeps it and TableSchema announces it.

use std::str::FromStr;

use super::{SqlType, UnknownType};

/// One column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type.
    pub sql_type: SqlType,
    /// Whether it admits NULL.
    pub nullable: bool,
    /// The default as the vendor announces it, such as `default ((0))`; empty where there is none.
    pub default: String,
}

/// A column's text could not be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ColumnError {
    /// It is not `name type`.
    #[error("a column is written as 'name type [null] [default ...]', which {0:?} is not")]
    Shape(String),
    /// The type is not known.
    #[error(transparent)]
    Type(#[from] UnknownType),
}

/// Reads `name type [null] [default ...]`, as in `code nvarchar(20) null` or `rank int default ((0))`. Without the
/// word `null` the column is NOT NULL.
impl FromStr for Column {
    type Err = ColumnError;

    fn from_str(text: &str) -> Result<Self, ColumnError> {
        let shape = || ColumnError::Shape(text.to_owned());
        let (name, rest) = text.trim().split_once(' ').ok_or_else(shape)?;
        let (sql_type, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        let (nullable, default) = match rest.strip_prefix("null") {
            Some(rest) => (true, rest.trim_start()),
            None => (false, rest),
        };
        if !(default.is_empty() || default.starts_with("default ")) {
            return Err(shape());
        }
        let sql_type = sql_type.parse()?;
        Ok(Self { name: name.to_owned(), sql_type, nullable, default: default.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_read_from_its_text() {
        let column: Column = "rank smallint null default ((0))".parse().unwrap();
        assert_eq!(column.sql_type, SqlType::SmallInt);
        assert_eq!((column.nullable, column.default.as_str()), (true, "default ((0))"));
        let key: Column = "contact_id int".parse().unwrap();
        assert_eq!((key.nullable, key.default.as_str()), (false, ""));
        for text in ["", "name", "name geography", "name int nothing"] {
            assert!(text.parse::<Column>().is_err(), "{text:?}");
        }
    }
}
