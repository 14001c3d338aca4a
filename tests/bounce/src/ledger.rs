//! A tenant whose every write has a value of its own, so that whatever becomes of it can be told from the topics alone.
//!
//! It keeps to the vendor's protocol: one call after the other, a failed call ends the cycle, the next one begins a second
//! later and sends what changed since the LSNs that it is answered.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, bail, ensure};
use operations_center::answer::Answer;
use operations_center::application::Application;
use operations_center::client::{CallError, Client};
use operations_center::clock::{Clock, SystemClock};
use operations_center::token::Token;
use operations_center::wire::{self, ColumnInfo, Request, TableInfo};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::history::{Call, Outcome, Row, Written};

/// What a ledger writes to.
pub(crate) const TABLES: [&str; 2] = ["ledger_a", "ledger_b"];
/// Few enough that keys are written again and again.
const KEYS: i32 = 300;
/// Rows of one table in a call.
const ROWS: usize = 40;
/// Codes of answers that leave open what was written.
const OPEN_CODES: [&str; 2] = ["OUTCOME_UNKNOWN", "INTERNAL"];

/// A ledger's tenant.
pub(crate) struct Ledger {
    pub(crate) tenant: String,
    client: Client,
    application: Application,
    random: StdRng,
    tables: BTreeMap<&'static str, BTreeMap<i32, Entry>>,
    /// LSNs that some call carried, by table.
    offered: BTreeMap<&'static str, BTreeSet<i64>>,
    version: i64,
    token_time: i64,
    /// Shared with the checkers.
    history: &'static Mutex<Vec<Call>>,
}

/// A row of the source: whether it is there, and when that last changed.
#[derive(Clone, Copy)]
struct Entry {
    is_there: bool,
    version: i64,
}

/// A batch before its values are given out: table, keys, LSN.
type Batch = (&'static str, Vec<i32>, i64);

/// Why a cycle ended early.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failed(pub(crate) String);

impl Ledger {
    pub(crate) fn new(tenant: &str, url: &str, application: &Application, seed: u64) -> Self {
        Self {
            tenant: tenant.to_owned(),
            client: Client::with_timeout(url, crate::CALL_TIMEOUT),
            application: application.clone(),
            random: StdRng::seed_from_u64(seed),
            tables: TABLES.map(|table| (table, BTreeMap::new())).into(),
            offered: TABLES.map(|table| (table, BTreeSet::new())).into(),
            version: 0,
            token_time: 0,
            // As long as the program: it is one run.
            history: Box::leak(Box::default()),
        }
    }

    pub(crate) fn history(&self) -> &'static Mutex<Vec<Call>> {
        self.history
    }

    /// Rows in acknowledged calls so far.
    pub(crate) fn acknowledged_rows(&self) -> u64 {
        let calls = self.calls();
        let acknowledged = calls.iter().filter(|call| call.outcome == Outcome::Acknowledged);
        acknowledged.map(|call| call.rows.len() as u64).sum()
    }

    /// Writes some rows at the source.
    pub(crate) fn work(&mut self) {
        for _ in 0..self.random.gen_range(50..300) {
            let table = TABLES[self.random.gen_range(0..TABLES.len())];
            let key = self.random.gen_range(1..=KEYS);
            let is_there = self.random.gen_bool(0.85);
            self.write(table, key, is_there);
        }
    }

    fn write(&mut self, table: &'static str, key: i32, is_there: bool) {
        self.version += 1;
        let entry = Entry { is_there, version: self.version };
        self.tables.entry(table).or_default().insert(key, entry);
    }

    /// One cycle; the inner result says whether it came to its end.
    ///
    /// # Errors
    /// What no fault excuses.
    pub(crate) fn cycle(&mut self, acknowledged: &AtomicU64) -> anyhow::Result<Result<(), Failed>> {
        self.token_time = (self.token_time + 1).max(SystemClock.now_seconds());
        SystemClock.wait_until_ms(self.token_time * 1000);
        match self.call(&Request::authenticate()) {
            Ok(answer) if answer.asks_not_to_replicate() => {
                return Ok(Err(Failed("doNotReplicate".to_owned())));
            }
            Ok(_) => {}
            Err(failed) => return Ok(Err(failed)),
        }
        let answer = match self.call(&Request::table_schema(&TABLES.map(info))) {
            Ok(answer) => answer,
            Err(failed) => return Ok(Err(failed)),
        };
        let lsns = self.lsns(&answer)?;
        Ok(self.send(&lsns, acknowledged).and_then(|()| self.call(&Request::completed(&[])).map(|_| ())))
    }

    /// The LSNs answered: -1, or one that was offered.
    fn lsns(&self, answer: &Answer) -> anyhow::Result<BTreeMap<&'static str, i64>> {
        let positions = answer.positions.as_deref().unwrap_or_default();
        ensure!(positions.len() == TABLES.len(), "TableSchema answered {} positions", positions.len());
        let lsns = TABLES.map(|table| {
            let found = positions.iter().find(|position| position.table == table);
            let lsn = found.with_context(|| format!("no position of {table}"))?.lsn;
            if lsn != -1 && !self.offered[table].contains(&lsn) {
                bail!("tenant {}, {table}: LSN {lsn} was answered and never offered", self.tenant);
            }
            Ok((table, lsn))
        });
        lsns.into_iter().collect()
    }

    fn send(&mut self, lsns: &BTreeMap<&'static str, i64>, acknowledged: &AtomicU64) -> Result<(), Failed> {
        let mut batches = Vec::new();
        for (table, lsn) in lsns {
            if *lsn == -1 {
                self.call(&Request::wipe(table))?;
            }
            batches.extend(self.batches(table, *lsn));
        }
        while !batches.is_empty() {
            // A call may hold batches of both tables, as the vendor's may.
            let count = self.random.gen_range(1..=batches.len().min(3));
            let together = batches.drain(..count).collect();
            self.rows(together)?;
            acknowledged.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// What changed since `lsn`, the oldest change first; the last batch alone has an LSN.
    fn batches(&self, table: &'static str, lsn: i64) -> Vec<Batch> {
        let entries = &self.tables[table];
        let is_news = |entry: &Entry| entry.version > lsn && (lsn != -1 || entry.is_there);
        let mut keys: Vec<i32> =
            entries.iter().filter(|(_, entry)| is_news(entry)).map(|(key, _)| *key).collect();
        keys.sort_by_key(|key| entries[key].version);
        let mut batches: Vec<Batch> = keys.chunks(ROWS).map(|keys| (table, keys.to_vec(), 0)).collect();
        if let Some(last) = batches.last_mut() {
            last.2 = self.version;
        }
        batches
    }

    /// One RowData call: every row gets a value that no other has.
    fn rows(&mut self, batches: Vec<Batch>) -> Result<(), Failed> {
        let number = self.calls().len() as u64 + 1;
        let (mut rows, mut written) = (Vec::new(), Vec::new());
        for (table, keys, lsn) in batches {
            let begin = rows.len();
            for key in keys {
                let is_there = self.tables[table][&key].is_there;
                let value = is_there.then_some(Written { call: number, row: rows.len() });
                rows.push(Row { table: table.to_owned(), key, value });
            }
            if lsn > 0 {
                self.offered.entry(table).or_default().insert(lsn);
            }
            written.push(wire_batch(table, rows.get(begin..).unwrap_or_default(), lsn));
        }
        self.calls().push(Call { number, rows, outcome: Outcome::Unknown });
        let result = self.call(&Request::row_data(&written));
        let outcome = match &result {
            Ok(_) => Outcome::Acknowledged,
            Err(Failed(code)) if is_refusal(code) => Outcome::Refused(code.clone()),
            Err(_) => Outcome::Unknown,
        };
        if let Some(call) = self.calls().last_mut() {
            call.outcome = outcome;
        }
        result.map(|_| ())
    }

    fn calls(&self) -> MutexGuard<'static, Vec<Call>> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call(&self, request: &Request) -> Result<Answer, Failed> {
        let token = Token::new(&self.application, &self.tenant, self.token_time);
        match self.client.call(request, &token) {
            Ok(answer) if answer.is_successful => Ok(answer),
            Ok(answer) => Err(Failed(code(answer.message()))),
            Err(error) => Err(Failed(call_code(&error))),
        }
    }
}

/// The first word of a message of ours.
pub(crate) fn code(message: &str) -> String {
    message.split([':', ' ']).next().unwrap_or_default().to_owned()
}

pub(crate) fn call_code(error: &CallError) -> String {
    match error {
        CallError::Transport { .. } | CallError::BrokenOff { .. } => "no answer".to_owned(),
        CallError::Status { status, .. } => format!("HTTP {status}"),
        CallError::Answer { .. } | CallError::Token { .. } => "no SOAP answer".to_owned(),
    }
}

/// Whether the answer says that nothing was written: a code of ours that does not leave it open.
fn is_refusal(code: &str) -> bool {
    let is_code = !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    is_code && !OPEN_CODES.contains(&code)
}

fn info(table: &str) -> TableInfo {
    let column = |name: &str, sql_type: &str, is_nullable| ColumnInfo {
        default_value: String::new(),
        is_nullable,
        name: name.to_owned(),
        sql_type: sql_type.to_owned(),
    };
    let columns = vec![column("id", "int", false), column("value", "nvarchar(100)", true)];
    TableInfo { columns, table: table.to_owned() }
}

fn wire_batch(table: &str, rows: &[Row], lsn: i64) -> wire::Batch {
    let rows = rows.iter().map(|row| wire::Row {
        values: vec![Some(format!("[I:{}]", row.key)), row.value.map(|value| value.to_string())],
        operation: if row.value.is_some() { "U" } else { "D" }.to_owned(),
    });
    wire::Batch { rows: rows.collect(), lsn, table: info(table) }
}

#[cfg(test)]
mod tests {
    use operations_center::answer::Position;

    use super::*;

    fn ledger() -> Ledger {
        let application = Application::generate_with_key("bounce", 1024).unwrap();
        Ledger::new("Ledger1", "http://127.0.0.1:9/", &application, 1)
    }

    fn answer(lsns: &[(&str, i64)]) -> Answer {
        let position = |(table, lsn): &(&str, i64)| Position { table: (*table).to_owned(), lsn: *lsn };
        Answer { positions: Some(lsns.iter().map(position).collect()), ..Answer::default() }
    }

    #[test]
    fn an_lsn_that_was_never_offered_is_an_error() {
        let mut ledger = ledger();
        assert!(ledger.lsns(&answer(&[("ledger_a", -1), ("ledger_b", -1)])).is_ok());
        ledger.offered.get_mut("ledger_a").unwrap().insert(7);
        assert!(ledger.lsns(&answer(&[("ledger_a", 7), ("ledger_b", -1)])).is_ok());
        assert!(ledger.lsns(&answer(&[("ledger_a", 7), ("ledger_b", 7)])).is_err());
        assert!(ledger.lsns(&answer(&[("ledger_a", 7)])).is_err());
    }

    #[test]
    fn only_what_changed_since_the_lsn_is_sent_and_the_last_batch_alone_has_one() {
        let mut ledger = ledger();
        (1..=60).for_each(|key| ledger.write("ledger_a", key, key != 3));
        let keys =
            |batches: &[Batch]| -> Vec<i32> { batches.iter().flat_map(|batch| batch.1.clone()).collect() };
        let everything = ledger.batches("ledger_a", -1);
        assert_eq!(keys(&everything), (1..=60).filter(|key| *key != 3).collect::<Vec<_>>());
        assert_eq!(everything.iter().map(|batch| batch.2).collect::<Vec<_>>(), [0, 60]);
        assert_eq!(keys(&ledger.batches("ledger_a", 1)), (2..=60).collect::<Vec<_>>());
        assert!(ledger.batches("ledger_a", 60).is_empty());
    }

    #[test]
    fn only_codes_that_leave_nothing_open_are_refusals() {
        for code in ["REFUSED", "KAFKA_UNAVAILABLE", "TIMEOUT", "HANGING_TRANSACTION"] {
            assert!(is_refusal(code), "{code}");
        }
        for code in ["OUTCOME_UNKNOWN", "INTERNAL", "no answer", "HTTP 503", "", "no"] {
            assert!(!is_refusal(code), "{code}");
        }
        assert_eq!(code("REFUSED: tenant Cust1, refused: old (ref 1)"), "REFUSED");
    }
}
