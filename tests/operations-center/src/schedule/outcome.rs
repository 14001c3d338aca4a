//! How a cycle ended, without anything that is nobody's business: no row, no token, no key.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::register::Assignment;
use crate::causes::with_causes;
use crate::client::CallError;
use crate::cycle::{CycleError, Report};
use crate::wire::Operation;

/// How a cycle ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has everything up to the versions it was sent.
    Completed,
    /// The receiver asked not to be replicated to now.
    Skipped,
    /// Something ended it early.
    Failed(Failure),
    /// The schedule was stopped while it ran.
    Stopped,
}

/// The kind of a failure: what stays the same when the same thing goes wrong again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The receiver said that it did not do what was asked.
    Refused,
    /// No connection, or none that held until the answer.
    NoAnswer,
    /// An answer that the vendor would not accept.
    BadAnswer,
    /// The receiver did not prove who it is.
    NotTrusted,
    /// Nothing of the receiver's: the tenant's database, this machine's clock, or work on the tenant.
    Source,
}

impl fmt::Display for FailureKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Refused => "refused",
            Self::NoAnswer => "no answer",
            Self::BadAnswer => "bad answer",
            Self::NotTrusted => "not trusted",
            Self::Source => "source",
        })
    }
}

/// What ended a cycle early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Its kind.
    pub kind: FailureKind,
    /// The call that failed, where it was one.
    pub operation: Option<Operation>,
    /// The table, or the tables of one call, where it was about any.
    pub table: Option<String>,
    /// The error with its causes. A receiver's own message stands in it as the receiver wrote it.
    pub reason: String,
}

impl Failure {
    /// Something of the source's own went wrong.
    pub(super) fn of_source(error: &(dyn Error + 'static)) -> Self {
        Self { kind: FailureKind::Source, operation: None, table: None, reason: with_causes(error) }
    }
}

impl From<&CycleError> for Failure {
    fn from(error: &CycleError) -> Self {
        let (kind, operation, table) = match error {
            CycleError::Refused { operation, table, .. } => {
                (FailureKind::Refused, Some(*operation), table.clone())
            }
            CycleError::Call(call) => of_call(call, None),
            CycleError::TableCall { tables, source } => of_call(source, Some(tables.clone())),
            CycleError::Signature(_) => (FailureKind::NotTrusted, Some(Operation::Authenticate), None),
            CycleError::Positions { table, .. } => {
                (FailureKind::BadAnswer, Some(Operation::TableSchema), Some(table.clone()))
            }
            CycleError::Tenant(_) | CycleError::ClockBehind { .. } | CycleError::Stopped => {
                (FailureKind::Source, None, None)
            }
        };
        Self { kind, operation, table, reason: with_causes(error) }
    }
}

fn of_call(error: &CallError, tables: Option<String>) -> (FailureKind, Option<Operation>, Option<String>) {
    let (kind, operation) = match error {
        CallError::Token { operation, .. } | CallError::BrokenOff { operation, .. } => {
            (FailureKind::Source, operation)
        }
        CallError::Transport { operation, .. } => (FailureKind::NoAnswer, operation),
        CallError::Status { operation, .. } | CallError::Answer { operation, .. } => {
            (FailureKind::BadAnswer, operation)
        }
    };
    (kind, Some(*operation), tables)
}

/// How much a cycle did, also one that failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls made.
    pub calls: u64,
    /// Rows sent.
    pub rows: u64,
    /// Bytes of the calls' bodies.
    pub bytes: u64,
    /// Tables that were begun anew.
    pub begun_anew: usize,
}

impl From<&Report> for Counts {
    fn from(report: &Report) -> Self {
        Self { calls: report.calls, rows: report.rows(), bytes: report.bytes, begun_anew: report.wiped() }
    }
}

/// A cycle that ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Whose it was.
    pub assignment: Arc<Assignment>,
    /// When it was due, by the schedule's clock.
    pub due_ms: i64,
    /// When it started, by the schedule's clock.
    pub started_ms: i64,
    /// When it started, by the real clock.
    pub real_started_ms: i64,
    /// How long it took in real time, work on the tenant before it included.
    pub took: Duration,
    /// What it did.
    pub counts: Counts,
    /// How it ended.
    pub outcome: Outcome,
}

impl Ended {
    /// By how much the schedule's clock was past the moment at which it was due.
    #[must_use]
    pub fn late_ms(&self) -> i64 {
        self.started_ms - self.due_ms
    }
}
