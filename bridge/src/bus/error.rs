//! Why a call was not carried out, and what its caller may be told.
//!
//! A caller learns code, table, row, column and rule. What Kafka, the registry or the machine said stays in the
//! log, under the same reference id.

use mirrorbus_librdkafka::NativeError;
use thiserror::Error;

/// A call that failed. Nothing of it is visible to read_committed readers, unless the outcome is unknown.
#[derive(Debug, Error)]
pub enum BusError {
    /// The call is older than what was already handled, or a repetition that can no longer be harmless.
    #[error("refused: {rule}")]
    Refused {
        /// The rule in words.
        rule: &'static str,
    },
    /// A table whose name or columns cannot be mirrored.
    #[error("table {table}: {rule}")]
    Table {
        /// The table's name as far as it can be shown.
        table: String,
        /// The rule in words.
        rule: String,
    },
    /// A record past the configured limit; whoever sends rows says which.
    #[error("a record is larger than max_record_bytes")]
    TooLarge,
    /// A row that cannot be written.
    #[error("table {table}, row {row}, {}{rule}", column_text(column))]
    Row {
        /// The table's name.
        table: String,
        /// Number of the row within its batch, from 1.
        row: usize,
        /// The column's name, where one column is at fault.
        column: Option<String>,
        /// The rule in words, without the value.
        rule: String,
    },
    /// Kafka failed, did not answer, or answered something undecided.
    #[error("{what}: {reason}")]
    Kafka {
        /// What was asked of it.
        what: &'static str,
        /// What it said; for the log only.
        reason: String,
    },
    /// The schema registry failed or refused.
    #[error("registry, subject {subject}: {reason}")]
    Registry {
        /// The subject.
        subject: String,
        /// What it said; for the log only.
        reason: String,
    },
    /// The call's time is over.
    #[error("no time left {before}")]
    Deadline {
        /// What could no longer be begun.
        before: &'static str,
    },
    /// A transaction that the fence should have finished hides the end of a topic, and does not go away.
    #[error("topic {topic}: a transaction before its end is not finished")]
    Hanging {
        /// The topic.
        topic: String,
    },
    /// A commit whose outcome nobody knows; the next call finds the truth in the topics.
    #[error("commit with unknown outcome: {reason}")]
    Unknown {
        /// What librdkafka said; for the log only.
        reason: String,
    },
}

impl BusError {
    pub(super) fn kafka(what: &'static str, reason: impl Into<String>) -> Self {
        Self::Kafka { what, reason: reason.into() }
    }

    pub(super) fn table(table: impl Into<String>, rule: impl Into<String>) -> Self {
        Self::Table { table: table.into(), rule: rule.into() }
    }

    /// One word for the kind of failure, the first of the caller's message.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused { .. } => "REFUSED",
            Self::Table { .. } => "BAD_TABLE",
            Self::Row { .. } | Self::TooLarge => "BAD_ROW",
            Self::Kafka { .. } => "KAFKA_UNAVAILABLE",
            Self::Registry { .. } => "REGISTRY_UNAVAILABLE",
            Self::Deadline { .. } => "TIMEOUT",
            Self::Hanging { .. } => "HANGING_TRANSACTION",
            Self::Unknown { .. } => "OUTCOME_UNKNOWN",
        }
    }

    /// What the caller may be told: rules and names of its own, nothing of our insides.
    #[must_use]
    pub fn public_text(&self) -> String {
        match self {
            Self::Refused { .. } | Self::Table { .. } | Self::Row { .. } | Self::TooLarge => self.to_string(),
            Self::Kafka { .. } => {
                "the message bus did not take the call; send it again in the next cycle".to_owned()
            }
            Self::Registry { .. } => {
                "a schema could not be registered; send the call again in the next cycle".to_owned()
            }
            Self::Deadline { .. } => "the call took too long; send it again in the next cycle".to_owned(),
            Self::Hanging { .. } => {
                "a transaction on the message bus does not end; if this lasts, an operator has to end it"
                    .to_owned()
            }
            Self::Unknown { .. } => {
                "the call's outcome is not known; send it again in the next cycle".to_owned()
            }
        }
    }
}

fn column_text(column: &Option<String>) -> String {
    column.as_ref().map(|column| format!("column {column}: ")).unwrap_or_default()
}

impl From<NativeError> for BusError {
    fn from(error: NativeError) -> Self {
        Self::Kafka { what: error.call, reason: error.reason }
    }
}
