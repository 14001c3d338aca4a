//! A cycle: everything that the Mirroring Task does for one tenant, every 20 minutes or so.
//!
//! Authenticate, TableSchema, then table by table what the receiver lacks, then ReplicationCompleted. The first
//! failure ends it. Each step can be taken on its own, for whoever wants to see a receiver in the middle of a cycle.
//!
//! Calls are made one after another, as the vendor promises; only the reading of the next rows goes on beside them.

mod error;
mod pack;
mod report;
mod rounds;
mod send;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

pub use error::CycleError;
pub use report::{Report, TableReport};

use self::pack::Packer;
use crate::answer::{self, Answer};
use crate::caller::Caller;
use crate::tenant::{Settings, Table};
use crate::wire::{Operation, Request, TableInfo};

/// `BatchSize` where the tenant has not set it.
pub const DEFAULT_BATCH_BYTES: usize = 1_000_000;
/// How many tables an error names.
const NAMED_TABLES: usize = 3;

/// How calls are cut and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// About how many bytes of rows one call carries; `None` is the tenant's `BatchSize`.
    pub batch_bytes: Option<usize>,
    /// Whether the last batches of several tables share a call, up to `batch_bytes`.
    pub combine: bool,
    /// Whether calls are indented, as samples are; real ones are in one line.
    pub pretty: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { batch_bytes: None, combine: true, pretty: false }
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
    settings: Settings,
    client_state: String,
    /// The tables that TableSchema said.
    announced: BTreeMap<String, Table>,
    /// Tables of which no earlier change is known, whatever position the receiver has.
    newly_tracked: BTreeSet<String>,
    /// Last batches of tables that wait for others to share a call with.
    packer: Option<Packer>,
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
            settings: Settings::default(),
            client_state: String::new(),
            announced: BTreeMap::new(),
            newly_tracked: BTreeSet::new(),
            packer: None,
            report: Report::default(),
        }
    }

    /// All steps in their order.
    ///
    /// # Errors
    /// [`CycleError`] for the step that failed.
    pub fn run(&mut self) -> Result<Report, CycleError> {
        if self.authenticate()? == Readiness::Ready {
            let positions = self.table_schema()?;
            self.send_all(&positions)?;
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
        let answer = accepted(Operation::Authenticate, &[], self.caller.call_with(&request, &token))?;
        let key = self.caller.application().application_public_key();
        let signed = answer.signed_application_token.as_deref().unwrap_or_default();
        let now = self.caller.clock().now_seconds() + self.caller.transport().skew_seconds();
        answer::check(signed, token.nonce(), &key, now)?;
        self.report.skipped = answer.asks_not_to_replicate();
        self.client_state = answer.client_state.unwrap_or_default();
        Ok(if self.report.skipped { Readiness::NotNow } else { Readiness::Ready })
    }

    /// Switches change tracking on where it is off, announces all tables in one call and returns the positions that
    /// the receiver holds, by table.
    ///
    /// Tables that are blocked, or that the tenant skips, are not announced. One that was skipped only after it was
    /// mirrored so leaves the mirror.
    ///
    /// # Errors
    /// [`CycleError`], also when the answer does not name every table exactly once.
    pub fn table_schema(&mut self) -> Result<BTreeMap<String, i64>, CycleError> {
        let tenant = self.caller.tenant();
        self.settings = tenant.settings()?;
        let mut tables = tenant.tables()?;
        tables.retain(|table| self.settings.mirrors(&table.name));
        for table in &tables {
            if tenant.enable_tracking(&table.name)? {
                self.newly_tracked.insert(table.name.clone());
            }
        }
        let announced: Vec<TableInfo> = tables.iter().map(TableInfo::from).collect();
        let answer = self.call(Request::table_schema(&announced), &[])?;
        let positions = positions(&tables, answer)?;
        self.announced = tables.into_iter().map(|table| (table.name.clone(), table)).collect();
        Ok(positions)
    }

    /// Ends the cycle with the counts of what was sent.
    ///
    /// # Errors
    /// [`CycleError`].
    pub fn complete(&mut self) -> Result<(), CycleError> {
        self.flush()?;
        self.call(Request::completed(&self.report.summaries()), &[]).map(|_| ())
    }

    /// What has been done so far.
    #[must_use]
    pub fn report(&self) -> Report {
        Report { calls: self.caller.calls(), bytes: self.caller.bytes(), ..self.report.clone() }
    }

    /// The tenant's preference, unless a fault is to make huge batches.
    fn batch_bytes(&self, table: &str) -> usize {
        let preferred = self.options.batch_bytes.or(self.settings.batch_bytes).unwrap_or(DEFAULT_BATCH_BYTES);
        self.caller.transport().batch_bytes(table, preferred)
    }

    /// One call of this cycle, which must succeed.
    fn call(&self, request: Request, tables: &[&str]) -> Result<Answer, CycleError> {
        let request = request.with_client_state(Some(&self.client_state)).pretty(self.options.pretty);
        accepted(request.operation(), tables, self.caller.call(&request))
    }
}

/// The answer to a call about these tables, if it is a success.
fn accepted(
    operation: Operation,
    tables: &[&str],
    answer: Result<Answer, CycleError>,
) -> Result<Answer, CycleError> {
    match (answer, named(tables)) {
        (Ok(answer), _) if answer.is_successful => Ok(answer),
        (Ok(answer), table) => {
            Err(CycleError::Refused { operation, table, message: answer.message().to_owned() })
        }
        (Err(CycleError::Call(source)), Some(tables)) => Err(CycleError::TableCall { tables, source }),
        (Err(error), _) => Err(error),
    }
}

/// `contact, person, sale and 4 more`; `None` of none.
fn named(tables: &[&str]) -> Option<String> {
    let (first, more) = tables.split_at(tables.len().min(NAMED_TABLES));
    let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
    (!first.is_empty()).then(|| first.join(", ") + &more)
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
