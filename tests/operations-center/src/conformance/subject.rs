//! A tenant that exists for one line, and calls in its name.
//!
//! Its calls say what the vendor's would. Only time is used sparingly: a receiver tells cycles apart by the tokens'
//! `nbf`, which has whole seconds, so that cycles at the present second would have to wait for each other. A token
//! is valid for six minutes: the first cycle's begins two minutes ago, and each later one a second after that.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use super::line::Miss;
use super::response::Response;
use super::stage::Stage;
use super::table::TestTable;
use crate::answer::Answer;
use crate::token::Token;
use crate::wire::{Batch, Operation, Request, TableInfo};

/// How long ago the first token becomes valid.
const FIRST_TOKEN_AGE_SECONDS: i64 = 120;
/// "Send everything."
const NOTHING: i64 = -1;
/// How long a receiver may ask to be skipped before a line gives up.
const MAX_SKIPPED: Duration = Duration::from_secs(20);
/// Between two questions whether it still asks.
const SKIP_PAUSE: Duration = Duration::from_millis(200);

/// A tenant.
pub(super) struct Subject<'s> {
    pub(super) stage: &'s Stage<'s>,
    pub(super) tenant: String,
    token_time: Arc<AtomicI64>,
}

/// What outlives a line: a tenant's name and the time of its last token.
#[derive(Clone, Debug)]
pub(super) struct Remembered {
    tenant: String,
    token_time: Arc<AtomicI64>,
}

impl<'s> Subject<'s> {
    pub(super) fn new(stage: &'s Stage<'s>, tenant: String) -> Self {
        let token_time = Arc::new(AtomicI64::new(stage.now() - FIRST_TOKEN_AGE_SECONDS));
        Self { stage, tenant, token_time }
    }

    /// A tenant that has called before.
    pub(super) fn again(stage: &'s Stage<'s>, remembered: &Remembered) -> Self {
        let Remembered { tenant, token_time } = remembered.clone();
        Self { stage, tenant, token_time }
    }

    pub(super) fn remember(&self) -> Remembered {
        Remembered { tenant: self.tenant.clone(), token_time: Arc::clone(&self.token_time) }
    }

    /// A token as the vendor makes them.
    pub(super) fn token(&self) -> Token {
        Token::new(self.stage.application, &self.tenant, self.token_time.load(Ordering::SeqCst))
    }

    /// Lets a second pass for the tokens to come.
    pub(super) fn later(&self) {
        self.token_time.fetch_add(1, Ordering::SeqCst);
    }

    /// The body of a call with a good token.
    pub(super) fn body(&self, request: &Request) -> Result<Vec<u8>, Miss> {
        Ok(request.envelope(&signed(&self.token())?))
    }

    /// Makes a call.
    pub(super) fn call(&self, request: &Request) -> Result<Response, Miss> {
        Ok(self.stage.send(request.operation(), &self.body(request)?))
    }

    /// Makes a call with any token.
    pub(super) fn call_with(&self, request: &Request, token: &str) -> Response {
        self.stage.send(request.operation(), &request.envelope(token))
    }

    /// Makes a call that must succeed.
    pub(super) fn succeed(&self, request: &Request) -> Result<Answer, Miss> {
        self.call(request)?.success(request.operation().name())
    }

    /// Opens a cycle: Authenticate, as often as the receiver asks to be skipped.
    pub(super) fn authenticate(&self) -> Result<Answer, Miss> {
        let began = Instant::now();
        loop {
            self.later();
            let answer = self.succeed(&Request::authenticate())?;
            if !answer.asks_not_to_replicate() {
                return Ok(answer);
            }
            if began.elapsed() > MAX_SKIPPED {
                return Err(Miss::failed("Authenticate asks again and again not to be replicated to"));
            }
            std::thread::sleep(SKIP_PAUSE);
        }
    }

    /// Opens a cycle and gives the positions that TableSchema answers.
    pub(super) fn open(&self, tables: &[&TestTable]) -> Result<BTreeMap<String, i64>, Miss> {
        self.authenticate()?;
        self.announce(tables)
    }

    /// TableSchema in a cycle that is open. A table that the answer leaves out counts as new: that it must be named is
    /// the matter of lines of its own.
    pub(super) fn announce(&self, tables: &[&TestTable]) -> Result<BTreeMap<String, i64>, Miss> {
        let infos: Vec<TableInfo> = tables.iter().map(|table| table.info()).collect();
        let answer = self.succeed(&Request::table_schema(&infos))?;
        let mut positions: BTreeMap<String, i64> =
            tables.iter().map(|table| (table.name().to_owned(), NOTHING)).collect();
        let answered = answer.positions.unwrap_or_default().into_iter();
        positions.extend(answered.map(|position| (position.table, position.lsn)));
        Ok(positions)
    }

    /// Sends batches, which must succeed.
    pub(super) fn send(&self, batches: &[Batch]) -> Result<(), Miss> {
        self.succeed(&Request::row_data(batches)).map(|_| ())
    }

    /// Wipes a table, which must succeed.
    pub(super) fn wipe(&self, table: &TestTable) -> Result<(), Miss> {
        self.succeed(&Request::wipe(table.name())).map(|_| ())
    }

    /// Ends a cycle.
    pub(super) fn complete(&self) -> Result<(), Miss> {
        self.succeed(&Request::completed(&[])).map(|_| ())
    }

    /// A whole first cycle: every table is wiped and gets its batch.
    pub(super) fn populate(&self, batches: &[(&TestTable, Batch)]) -> Result<(), Miss> {
        let tables: Vec<&TestTable> = batches.iter().map(|(table, _)| *table).collect();
        self.open(&tables)?;
        for (table, batch) in batches {
            self.wipe(table)?;
            self.send(std::slice::from_ref(batch))?;
        }
        self.complete()
    }

    /// Positions as a cycle finds them that brings nothing.
    pub(super) fn positions(&self, tables: &[&TestTable]) -> Result<BTreeMap<String, i64>, Miss> {
        let positions = self.open(tables)?;
        self.complete()?;
        Ok(positions)
    }

    /// One table's position, in words if it is not `expected`.
    pub(super) fn expect_position(
        &self,
        table: &TestTable,
        expected: &[i64],
        what: &str,
    ) -> Result<String, Miss> {
        self.expect_position_among(table, &[table], expected, what)
    }

    /// The same where `tables` are announced.
    pub(super) fn expect_position_among(
        &self,
        table: &TestTable,
        tables: &[&TestTable],
        expected: &[i64],
        what: &str,
    ) -> Result<String, Miss> {
        let positions = self.positions(tables)?;
        let found = positions.get(table.name()).copied().unwrap_or(NOTHING);
        let observed = format!("TableSchema answers LSN {found} {what}");
        if expected.contains(&found) {
            return Ok(observed);
        }
        let due: Vec<String> = expected.iter().map(i64::to_string).collect();
        Err(Miss::failed(format!("{observed}, {} is right", due.join(" or "))))
    }

    /// Demands rows of the mirror.
    pub(super) fn expect_rows(
        &self,
        table: &TestTable,
        expected: &[Vec<crate::sql::Value>],
    ) -> Result<String, Miss> {
        self.stage.expect_rows(&self.tenant, table, expected)
    }

    /// Makes a call of an operation with whole bytes.
    pub(super) fn send_body(&self, operation: Operation, body: &[u8]) -> Response {
        self.stage.send(operation, body)
    }
}

/// A token's text.
pub(super) fn signed(token: &Token) -> Result<String, Miss> {
    token.sign().map_err(|error| Miss::unobserved(format!("the token cannot be signed: {error}")))
}
