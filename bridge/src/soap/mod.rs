//! SOAP 1.1 as the vendor's task speaks it: envelopes in, answers out.
//!
//! A call is read in two stages. [`Envelope::open`] reads up to the operation's name and finds the token;
//! [`Envelope::read_call`] reads the rest, once the token is accepted. No tree is built: values stay slices of the
//! body until they are encoded. Documents are read strictly, their contents tolerantly: any prefixes, members in any
//! order, unknown members skipped, duplicate ones refused. Only in lists nothing unknown is skipped: it could be a row.

mod answer;
mod call;
mod column_type;
mod description;
mod envelope;
mod error;
mod members;
mod name;
mod row_data;
mod table;
#[cfg(test)]
mod tests;
mod value;
mod xml;

pub use self::answer::{Answer, Signed, TablePosition, fault};
pub use self::call::Call;
pub use self::description::{multi_part, service_page, single};
pub use self::envelope::Envelope;
pub use self::error::{ContentError, Fault, FaultCode, SoapError};
pub use self::name::{ACTION_PREFIX, Operation};

/// What one call may hold. Defaults leave room over everything observed, and bound what a caller can cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Nesting of elements (observed: 9).
    pub max_depth: usize,
    /// Attributes of one element.
    pub max_attributes: usize,
    /// Bytes of one attribute's value.
    pub max_attribute_bytes: usize,
    /// Bytes of one text value.
    pub max_value_bytes: usize,
    /// Bytes of the token (observed: 790).
    pub max_token_bytes: usize,
    /// Rows of one call.
    pub max_rows: usize,
    /// Columns of one table (observed: 111).
    pub max_columns: usize,
    /// Tables of one call (observed: 413).
    pub max_tables: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_depth: 32,
            max_attributes: 32,
            max_attribute_bytes: 4 * 1024,
            max_value_bytes: 16 * 1024 * 1024,
            max_token_bytes: 4 * 1024,
            max_rows: 500_000,
            max_columns: 1024,
            max_tables: 5000,
        }
    }
}
