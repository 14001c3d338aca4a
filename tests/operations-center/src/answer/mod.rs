//! A receiver's answers, checked as strictly as the vendor's client would take them: every element in its namespace
//! and in the contract's order, nothing unknown, nothing twice.

mod parse;
mod signature;
#[cfg(test)]
mod tests;

pub use parse::{AnswerError, parse};
pub use signature::{SignatureError, check};

/// A table's position as TableSchema answers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The table's name.
    pub table: String,
    /// The LSN that the receiver holds, -1 for "send everything".
    pub lsn: i64,
}

/// What a receiver answered. Members that it left out, or that the operation's answer does not have, are `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Whether it did what was asked.
    pub is_successful: bool,
    /// Why not.
    pub error_message: Option<String>,
    /// Authenticate: nonce, time and signature; see [`check`].
    pub signed_application_token: Option<String>,
    /// Authenticate: `1`.
    pub supported_interfaces: Option<String>,
    /// Authenticate: the receiver's version.
    pub build: Option<String>,
    /// Authenticate: what every later call of the cycle brings along.
    pub client_state: Option<String>,
    /// Authenticate: JSON, such as `{ "doNotReplicate": "true" }`.
    pub additional_information: Option<String>,
    /// TableSchema: a position per table.
    pub positions: Option<Vec<Position>>,
}

impl Answer {
    /// Whether Authenticate's answer asks to skip this cycle.
    #[must_use]
    pub fn asks_not_to_replicate(&self) -> bool {
        let json = self.additional_information.as_deref().unwrap_or_default();
        let information: serde_json::Value = serde_json::from_str(json).unwrap_or_default();
        match information.get("doNotReplicate") {
            Some(serde_json::Value::String(text)) => text.eq_ignore_ascii_case("true"),
            Some(other) => other.as_bool().unwrap_or(false),
            None => false,
        }
    }

    /// The error message, or words for its absence.
    #[must_use]
    pub fn message(&self) -> &str {
        match self.error_message.as_deref() {
            Some(message) if !message.is_empty() => message,
            _ => "no error message",
        }
    }
}
