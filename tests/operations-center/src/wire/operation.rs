//! The five operations.

use std::fmt;

use super::MIRRORING;

/// An operation of `IMirroringClientService`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// Once at the start of a cycle.
    Authenticate,
    /// Once before any data, all tables in one call.
    TableSchema,
    /// Before a full population of one table.
    Wipe,
    /// Rows, until nothing is left.
    RowData,
    /// Once at the end of a cycle that succeeded.
    ReplicationCompleted,
}

impl Operation {
    /// Its name in the contract.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Authenticate => "Authenticate",
            Self::TableSchema => "TableSchema",
            Self::Wipe => "Wipe",
            Self::RowData => "RowData",
            Self::ReplicationCompleted => "ReplicationCompleted",
        }
    }

    /// Its SOAP action, which the `SOAPAction` header holds in quotes.
    #[must_use]
    pub fn action(self) -> String {
        format!("{MIRRORING}/IMirroringClientService/{self}")
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
