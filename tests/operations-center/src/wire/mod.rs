//! Calls as the vendor's WCF client writes them: SOAP 1.1, members of data contracts in alphabetical order, columns
//! after rows, namespaces where WCF declares them.
//!
//! Everything that a call says is plain text in a [`Request`], so that whoever tests a receiver can say what no tenant
//! would. A tenant's rows, of which there are millions, are written straight into the bytes of their call by the same
//! functions.

mod contract;
mod encode;
mod envelope;
mod operation;
mod request;
mod row_data;
mod table;
#[cfg(test)]
mod tests;
mod xml;

pub use encode::encode;
pub use operation::Operation;
pub use request::Request;
pub(crate) use row_data::{RowData, Unsigned};
pub use table::{Batch, ColumnInfo, Row, Summary, TableInfo};

/// Namespace of the operations.
pub const MIRRORING: &str = "http://www.superoffice.com/online/mirroring/0.1";
/// Namespace of the data contracts.
pub const DATA: &str = "http://schemas.datacontract.org/2004/07/SuperOffice.Online.Mirroring.Contract.V1";
/// Namespace of the lists of strings.
pub const ARRAYS: &str = "http://schemas.microsoft.com/2003/10/Serialization/Arrays";
/// Namespace of `nil`.
pub const INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";
/// Namespace of the envelope.
pub const ENVELOPE: &str = "http://schemas.xmlsoap.org/soap/envelope/";
