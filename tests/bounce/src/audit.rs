//! All checkers over all that was read, while the run goes on and when it is over.

use std::sync::{Mutex, PoisonError};

use anyhow::ensure;
use reader::Decoder;

use crate::check::{Stage, calls, manifests, rows};
use crate::decode;
use crate::history::{Call, Tables};
use crate::ledger::TABLES;
use crate::log::Log;
use crate::stage::PREFIX;
use crate::tail::Tail;

/// What the checkers looked at.
#[derive(Debug, Default)]
pub(crate) struct Looked {
    pub(crate) calls: usize,
    pub(crate) acknowledged_rows: usize,
    pub(crate) manifests: u64,
    pub(crate) manifest_rows: u64,
}

/// The checkers with what they need: a reader, the ledgers' histories, every tenant's name.
pub(crate) struct Auditor<'a> {
    pub(crate) tail: &'a Tail,
    pub(crate) ledgers: Vec<(String, &'static Mutex<Vec<Call>>)>,
    pub(crate) tenants: Vec<String>,
}

impl Auditor<'_> {
    /// Runs all three.
    ///
    /// # Errors
    /// Everything that contradicts, or that no schema could be had.
    pub(crate) fn look(&self, decoder: &mut Decoder, stage: Stage) -> anyhow::Result<Looked> {
        // What was read first: every call that wrote it is in the histories then.
        let log = self.tail.log().clone();
        let mut looked = Looked::default();
        let mut faults = log.faults.clone();
        for (tenant, history) in &self.ledgers {
            let seen = seen(&log, decoder, tenant)?;
            let history = history.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let found = rows::check(&history, &seen, stage).into_iter().map(|fault| ("A", fault));
            let found =
                found.chain(calls::check(&history, &seen, stage).into_iter().map(|fault| ("B", fault)));
            faults.extend(found.map(|(checker, fault)| format!("{checker}, tenant {tenant}: {fault}")));
            looked.calls += history.len();
            looked.acknowledged_rows += rows::acknowledged(&history).count();
        }
        for tenant in &self.tenants {
            let positions = format!("{PREFIX}-sys.{tenant}.positions");
            let audit = manifests::check(&log, &positions, &format!("{PREFIX}.{tenant}"), stage);
            faults.extend(audit.faults.iter().map(|fault| format!("C, tenant {tenant}: {fault}")));
            looked.manifests += audit.audited;
            looked.manifest_rows += audit.rows;
        }
        ensure!(faults.is_empty(), Contradicted(faults));
        Ok(looked)
    }
}

fn seen(log: &Log, decoder: &mut Decoder, tenant: &str) -> anyhow::Result<Tables> {
    let table = |table: &&str| {
        let records = log.records(&format!("{PREFIX}.{tenant}.{table}"));
        Ok(((*table).to_owned(), decode::ledger(decoder, records)?))
    };
    TABLES.iter().map(table).collect()
}

/// What the checkers found: not an error of the run but its result.
#[derive(Debug)]
pub(crate) struct Contradicted(Vec<String>);

impl std::error::Error for Contradicted {}

impl std::fmt::Display for Contradicted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const SHOWN: usize = 20;
        write!(f, "{} contradictions", self.0.len())?;
        self.0.iter().take(SHOWN).try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}
