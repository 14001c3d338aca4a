//! A cycle: everything that the Mirroring Task does for one tenant, every 20 minutes or so.
//!
//! Authenticate, TableSchema, then table by table what the receiver lacks, then ReplicationCompleted. The first
//! failure ends it. Each step can be taken on its own, for whoever wants to see a receiver in the middle of a cycle.

mod error;
mod report;
mod send;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use error::CycleError;
pub use report::{Report, TableReport};

use crate::answer::{self, Answer};
use crate::caller::Caller;
use crate::tenant::Table;
use crate::wire::{Batch, Operation, Request, TableInfo};

/// The vendor's `BatchSize` preference.
pub const DEFAULT_BATCH_BYTES: usize = 1_000_000;

/// How calls are cut and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// About how many bytes of rows one call carries.
    pub batch_bytes: usize,
    /// Whether the last batches of several tables share a call, up to `batch_bytes`.
    pub combine: bool,
    /// Whether calls are indented, as samples are; real ones are in one line.
    pub pretty: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { batch_bytes: DEFAULT_BATCH_BYTES, combine: false, pretty: false }
    }
}

/// What a receiver said about this cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It takes changes.
    Ready,
    /// It asks to be left alone this time (`doNotReplicate`).
    NotNow,
}

/// One cycle of one tenant.
pub struct Cycle<'a> {
    caller: Caller<'a>,
    options: Options,
    client_state: String,
    /// Last batches of tables that wait for others to share a call with.
    pending: Vec<Batch>,
    pending_bytes: usize,
    report: Report,
}

impl<'a> Cycle<'a> {
    /// A cycle with the vendor's defaults.
    #[must_use]
    pub fn new(caller: Caller<'a>) -> Self {
        Self::with_options(caller, Options::default())
    }

    /// A cycle.
    #[must_use]
    pub fn with_options(caller: Caller<'a>, options: Options) -> Self {
        Self {
            caller,
            options,
            client_state: String::new(),
            pending: Vec::new(),
            pending_bytes: 0,
            report: Report::default(),
        }
    }

    /// All steps in their order.
    ///
    /// # Errors
    /// [`CycleError`] for the step that failed.
    pub fn run(mut self) -> Result<Report, CycleError> {
        if self.authenticate()? == Readiness::Ready {
            for (table, lsn) in self.table_schema()? {
                self.send_table(&table, lsn)?;
            }
            self.complete()?;
        }
        Ok(self.report())
    }

    /// Opens the cycle with a token newer than all before, and makes the receiver prove who it is.
    ///
    /// # Errors
    /// [`CycleError`], also when its signature is not to be trusted.
    pub fn authenticate(&mut self) -> Result<Readiness, CycleError> {
        let token = self.caller.opening_token()?;
        let request = Request::authenticate().pretty(self.options.pretty);
        let answer = accepted(Operation::Authenticate, None, self.caller.call_with(&request, &token)?)?;
        let key = self.caller.application().application_public_key();
        let signed = answer.signed_application_token.as_deref().unwrap_or_default();
        answer::check(signed, token.nonce(), &key, self.caller.clock().now_seconds())?;
        self.report.skipped = answer.asks_not_to_replicate();
        self.client_state = answer.client_state.unwrap_or_default();
        Ok(if self.report.skipped { Readiness::NotNow } else { Readiness::Ready })
    }

    /// Announces all tables in one call and returns the positions that the receiver holds, by table.
    ///
    /// # Errors
    /// [`CycleError`], also when the answer does not name every table exactly once.
    pub fn table_schema(&mut self) -> Result<BTreeMap<String, i64>, CycleError> {
        let tables = self.caller.tenant().tables()?;
        let announced: Vec<TableInfo> = tables.iter().map(TableInfo::from).collect();
        let answer = self.call(Request::table_schema(&announced), None)?;
        positions(&tables, answer)
    }

    /// Ends the cycle with the counts of what was sent.
    ///
    /// # Errors
    /// [`CycleError`].
    pub fn complete(&mut self) -> Result<(), CycleError> {
        self.flush()?;
        self.call(Request::completed(&self.report.summaries()), None).map(|_| ())
    }

    /// What has been done so far.
    #[must_use]
    pub fn report(&self) -> Report {
        Report { calls: self.caller.calls(), bytes: self.caller.bytes(), ..self.report.clone() }
    }

    /// One call of this cycle, which must succeed.
    fn call(&self, request: Request, table: Option<&str>) -> Result<Answer, CycleError> {
        let request = request.with_client_state(Some(&self.client_state)).pretty(self.options.pretty);
        accepted(request.operation(), table, self.caller.call(&request)?)
    }
}

fn accepted(operation: Operation, table: Option<&str>, answer: Answer) -> Result<Answer, CycleError> {
    if answer.is_successful {
        return Ok(answer);
    }
    let (table, message) = (table.map(str::to_owned), answer.message().to_owned());
    Err(CycleError::Refused { operation, table, message })
}

fn positions(tables: &[Table], answer: Answer) -> Result<BTreeMap<String, i64>, CycleError> {
    let mut positions = BTreeMap::new();
    for position in answer.positions.unwrap_or_default() {
        let wrong = |what| CycleError::Positions { what, table: position.table.clone() };
        if !tables.iter().any(|table| table.name == position.table) {
            return Err(wrong("names the unknown table"));
        }
        if positions.insert(position.table.clone(), position.lsn).is_some() {
            return Err(wrong("names twice the table"));
        }
    }
    match tables.iter().find(|table| !positions.contains_key(&table.name)) {
        Some(table) => Err(CycleError::Positions { what: "lacks the table", table: table.name.clone() }),
        None => Ok(positions),
    }
}
