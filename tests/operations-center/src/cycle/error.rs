//! What ends a cycle.

use crate::answer::SignatureError;
use crate::client::CallError;
use crate::tenant::TenantError;
use crate::wire::Operation;

/// Why a cycle ended early. The next one starts again from the positions that TableSchema answers.
#[derive(Debug, thiserror::Error)]
pub enum CycleError {
    /// The tenant's database failed.
    #[error(transparent)]
    Tenant(#[from] TenantError),
    /// A call brought no answer, or none that the vendor would accept.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The same of a call that is about tables.
    #[error("the call about {tables} failed")]
    TableCall {
        /// The tables.
        tables: String,
        /// Why.
        #[source]
        source: CallError,
    },
    /// The receiver answered that it did not do what was asked.
    #[error("{operation}{} was refused by the receiver: {message}", of(table.as_deref()))]
    Refused {
        /// The operation.
        operation: Operation,
        /// The tables, where the call is about some.
        table: Option<String>,
        /// The receiver's ErrorMessage.
        message: String,
    },
    /// The receiver did not prove that it is the application.
    #[error("the answer to Authenticate cannot be trusted")]
    Signature(#[from] SignatureError),
    /// TableSchema's answer does not name every table once.
    #[error("the answer to TableSchema {what} {table}")]
    Positions {
        /// Such as `lacks table`.
        what: &'static str,
        /// The table.
        table: String,
    },
    /// This machine's clock was set back.
    #[error("the clock is {seconds} seconds behind the tenant's last token, set it right or wait")]
    ClockBehind {
        /// How far.
        seconds: i64,
    },
    /// Whoever runs the cycle wants no more calls.
    #[error("the cycle was told to end")]
    Stopped,
}

fn of(table: Option<&str>) -> String {
    table.map(|table| format!(" of {table}")).unwrap_or_default()
}
