//! Why a call could not be read, and which kind of answer that asks for.

use std::fmt;

use thiserror::Error;

use crate::batch::shown;

/// The call cannot be carried out as it stands.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum SoapError {
    /// Not a call that can be framed: answered with a SOAP fault.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// A known call whose contents do not fit: answered with `IsSuccessful=false`.
    #[error(transparent)]
    Content(#[from] ContentError),
}

/// The document is not well-formed or not an envelope of ours.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{rule}")]
pub struct Fault {
    /// Who is to blame.
    pub code: FaultCode,
    /// The rule that was broken; for the log.
    pub rule: &'static str,
}

impl Fault {
    pub(super) const fn client(rule: &'static str) -> Self {
        Self { code: FaultCode::Client, rule }
    }
}

/// SOAP 1.1 fault codes that the bridge uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultCode {
    /// The call is wrong.
    Client,
    /// Another version of SOAP.
    VersionMismatch,
    /// A header that must be understood is not.
    MustUnderstand,
    /// We failed.
    Server,
}

impl fmt::Display for FaultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "Client",
            Self::VersionMismatch => "VersionMismatch",
            Self::MustUnderstand => "MustUnderstand",
            Self::Server => "Server",
        })
    }
}

/// A value, row, column or table that does not fit the contract. Holds names and numbers, never a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContentError {
    /// The table's name, as far as it may be shown.
    pub table: Option<String>,
    /// Number of the row within its batch, from 1.
    pub row: Option<usize>,
    /// The column's name.
    pub column: Option<String>,
    /// The rule in words.
    pub rule: String,
}

impl ContentError {
    pub(super) fn new(rule: impl Into<String>) -> Self {
        Self { rule: rule.into(), ..Self::default() }
    }

    pub(super) fn of_table(mut self, table: &str) -> Self {
        self.table.get_or_insert_with(|| shown(table));
        self
    }

    pub(super) fn of_row(mut self, row: usize) -> Self {
        self.row.get_or_insert(row);
        self
    }

    pub(super) fn of_column(mut self, column: &str) -> Self {
        self.column.get_or_insert_with(|| shown(column));
        self
    }
}

impl std::error::Error for ContentError {}

impl fmt::Display for ContentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(table) = &self.table {
            write!(f, "table {table}, ")?;
        }
        if let Some(row) = self.row {
            write!(f, "row {row}, ")?;
        }
        if let Some(column) = &self.column {
            write!(f, "column {column}, ")?;
        }
        f.write_str(&self.rule)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_place_wins_and_the_text_names_all() {
        let error = ContentError::new("does not fit int")
            .of_column("age")
            .of_row(3)
            .of_table("contact")
            .of_table("other");
        assert_eq!(error.to_string(), "table contact, row 3, column age, does not fit int");
    }
}
