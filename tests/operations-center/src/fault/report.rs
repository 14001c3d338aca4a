//! What happened, and what the receiver said to it.

use std::fmt;

use crate::answer::Answer;
use crate::causes::with_causes;
use crate::client::CallError;
use crate::wire::Operation;

/// What came of sending a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver did what was asked.
    Success,
    /// The receiver answered `IsSuccessful=false` with this message.
    Failure(String),
    /// There was no answer, or none that keeps to the contract.
    Error(String),
}

impl From<&Result<Answer, CallError>> for Outcome {
    fn from(result: &Result<Answer, CallError>) -> Self {
        match result {
            Ok(answer) if answer.is_successful => Self::Success,
            Ok(answer) => Self::Failure(answer.message().to_owned()),
            Err(error) => Self::Error(with_causes(error)),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Success => f.write_str("success"),
            Self::Failure(message) => write!(f, "IsSuccessful=false, {message}"),
            Self::Error(message) => f.write_str(message),
        }
    }
}

/// A fault that happened to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happened {
    /// The fault, as it was written.
    pub fault: String,
    /// The call's number in its cycle, from 1.
    pub call: u64,
    /// Its operation.
    pub operation: Operation,
    /// The tables that it is about.
    pub tables: Vec<String>,
    /// What was done.
    pub what: String,
    /// What came of it, once for each time that it was sent and its answer read.
    pub outcomes: Vec<Outcome>,
}

impl fmt::Display for Happened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fault, call, operation, tables, what, outcomes } = self;
        write!(f, "{fault}: call {call}, {operation}")?;
        if !tables.is_empty() {
            write!(f, " of {}", tables.join(", "))?;
        }
        write!(f, ": {what}; ")?;
        if outcomes.is_empty() {
            return f.write_str("no answer was read");
        }
        let outcomes: Vec<String> = outcomes.iter().map(Outcome::to_string).collect();
        write!(f, "answered: {}", outcomes.join("; then: "))
    }
}
