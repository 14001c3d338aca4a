//! The seam between whoever makes calls and whoever carries them to the receiver, where faults can be put in.

use crate::answer::Answer;
use crate::client::{CallError, Client};
use crate::token::Token;
use crate::wire::Operation;

/// A call that is ready to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// What is called.
    pub operation: Operation,
    /// The tables that it is about: one of a Wipe, any number of RowData, none of others.
    pub tables: &'a [&'a str],
    /// The token in its header.
    pub token: &'a Token,
    /// The same as it stands in the body.
    pub signed: &'a str,
    /// The whole body, token included.
    pub body: &'a [u8],
}

/// Carries the calls of one cycle, one after another.
pub trait Transport {
    /// Sends one call and brings its answer. A failure that the receiver reports is an answer, not an error.
    ///
    /// # Errors
    /// [`CallError`] when there is no answer, or none that keeps to the contract.
    fn send(&self, call: &Call<'_>) -> Result<Answer, CallError>;

    /// About how many bytes of rows a call with rows of `table` carries, where the tenant prefers `preferred`.
    fn batch_bytes(&self, _table: &str, preferred: usize) -> usize {
        preferred
    }

    /// By how many seconds the vendor's clock is wrong when it checks the answer to Authenticate.
    fn skew_seconds(&self) -> i64 {
        0
    }
}

impl Transport for Client {
    fn send(&self, call: &Call<'_>) -> Result<Answer, CallError> {
        Self::send(self, call.operation, call.body)
    }
}
