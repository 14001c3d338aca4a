//! The names of the contract. Names of elements are known or [`Name::Other`], so that nothing of a foreign document
//! is ever copied.

use std::fmt;
use std::str::FromStr;

/// Namespace of the operations.
pub(super) const MIRRORING: &str = "http://www.superoffice.com/online/mirroring/0.1";
/// Namespace of the data contracts.
pub(super) const DATA: &str =
    "http://schemas.datacontract.org/2004/07/SuperOffice.Online.Mirroring.Contract.V1";
const ARRAYS: &str = "http://schemas.microsoft.com/2003/10/Serialization/Arrays";
const SERIALIZATION: &str = "http://schemas.microsoft.com/2003/10/Serialization/";
const INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";
pub(super) const ENVELOPE: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const XML: &str = "http://www.w3.org/XML/1998/namespace";

/// What a SOAPAction begins with, before the operation's name.
pub const ACTION_PREFIX: &str = "http://www.superoffice.com/online/mirroring/0.1/IMirroringClientService/";

/// The namespaces that mean something here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Namespace {
    None,
    Envelope,
    Mirroring,
    Data,
    Arrays,
    Serialization,
    Instance,
    Xml,
    Other,
}

impl Namespace {
    pub(super) fn of(uri: &str) -> Self {
        match uri {
            "" => Self::None,
            ENVELOPE => Self::Envelope,
            MIRRORING => Self::Mirroring,
            DATA => Self::Data,
            ARRAYS => Self::Arrays,
            SERIALIZATION => Self::Serialization,
            INSTANCE => Self::Instance,
            XML => Self::Xml,
            _ => Self::Other,
        }
    }
}

macro_rules! names {
    ($($name:ident = $text:literal),* $(,)?) => {
        /// Local names of elements, as the contract spells them.
        #[allow(clippy::enum_variant_names)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Name { $($name,)* Other }

        impl Name {
            pub(super) fn of(local: &str) -> Self {
                match local { $($text => Self::$name,)* _ => Self::Other }
            }

            pub(super) fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* Self::Other => "an unknown element" }
            }
        }
    };
}

names! {
    String = "string", RowData = "RowData", Operation = "Operation", ColumnValues = "ColumnValues",
    ColumnInfo = "ColumnInfo", DefaultValue = "DefaultValue", IsNullable = "IsNullable", Name = "Name", Type = "Type",
    Columns = "Columns", TableName = "TableName", TableSchemaInfo = "TableSchemaInfo", Tables = "Tables",
    Data = "Data", Lsn = "LSN", TableInfo = "TableInfo", RowDataBatch = "RowDataBatch", DataBatches = "DataBatches",
    ClientState = "ClientState", ChangedTables = "ChangedTables", ReplicationSummary = "ReplicationSummary",
    Deletes = "Deletes", Inserts = "Inserts", Updates = "Updates",
    Envelope = "Envelope", Header = "Header", Body = "Body", SignedToken = "SignedToken",
    AuthenticateRequest = "AuthenticateRequest", TableSchemaRequest = "TableSchemaRequest",
    WipeRequest = "WipeRequest", RowDataRequest = "RowDataRequest",
    ReplicationCompletedRequest = "ReplicationCompletedRequest",
}

/// The five operations of `IMirroringClientService`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
    /// All of them, in the order of a cycle.
    pub const ALL: [Self; 5] =
        [Self::Authenticate, Self::TableSchema, Self::Wipe, Self::RowData, Self::ReplicationCompleted];

    /// The operation's name in the contract.
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

    pub(super) fn of_request(name: Name) -> Option<Self> {
        match name {
            Name::AuthenticateRequest => Some(Self::Authenticate),
            Name::TableSchemaRequest => Some(Self::TableSchema),
            Name::WipeRequest => Some(Self::Wipe),
            Name::RowDataRequest => Some(Self::RowData),
            Name::ReplicationCompletedRequest => Some(Self::ReplicationCompleted),
            _ => None,
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Operation {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|operation| operation.name() == name).ok_or(())
    }
}
