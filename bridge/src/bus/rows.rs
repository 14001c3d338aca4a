//! A table's rows in a call, and their way into the transaction.

use std::collections::HashSet;

use foldhash::fast::RandomState;
use mirrorbus_schemas::header;
use rdkafka::message::{Header, OwnedHeaders};
use xxhash_rust::xxh3::xxh3_128;

use super::encode::{Misfit, Plan, fits};
use super::error::BusError;
use super::position::{NO_LSN, Position, TableState};
use super::session::Counts;
use super::transaction::Transaction;
use crate::batch::{Batch, Lsn, Operation, Value};

/// All batches of one table in a call, and where they go.
pub(super) struct TableRows<'c, 'a> {
    pub(super) batches: Vec<&'c Batch<'a>>,
    pub(super) topic: String,
    pub(super) position: Position,
    pub(super) is_new_topic: bool,
    pub(super) is_new_schema: bool,
}

impl TableRows<'_, '_> {
    /// The LSN that counts: the table's last batch's, if that one has a valid LSN.
    pub(super) fn lsn(&self) -> Option<Lsn> {
        self.batches.last().and_then(|batch| batch.lsn)
    }

    pub(super) fn has_rows(&self) -> bool {
        self.batches.iter().any(|batch| !batch.operations.is_empty())
    }

    pub(super) fn writes(&self) -> bool {
        self.has_rows() && self.position.state != TableState::Ignored
    }
}

/// Where a table's rows go, and what their headers say.
pub(super) struct Destination<'h, 'c, 'a> {
    pub(super) tenant: &'h str,
    pub(super) table: &'h str,
    pub(super) cycle: &'h str,
    pub(super) rows: &'h TableRows<'c, 'a>,
}

/// Sends all rows of a table. Nothing is confirmed yet.
pub(super) fn send(
    transaction: &mut Transaction<'_>,
    slot: usize,
    destination: &Destination<'_, '_, '_>,
) -> Result<Counts, BusError> {
    let rows = destination.rows;
    let mut counts = Counts::default();
    let (mut key, mut value) = (Vec::new(), Vec::new());
    let is_loading = rows.position.lsn == NO_LSN;
    let expected = if is_loading { rows.batches.iter().map(|batch| batch.operations.len()).sum() } else { 0 };
    let mut inserted = HashSet::with_capacity_and_hasher(expected, RandomState::default());
    for batch in &rows.batches {
        let plan = plan(destination.table, rows, batch)?;
        let headers = Headers::new(destination, batch.lsn);
        for (number, (operation, row)) in (1..).zip(batch.rows()) {
            let fault = |misfit: Misfit| row_fault(batch, number, misfit.column, misfit.rule);
            check_kinds(batch, number, row)?;
            plan.key(row, &mut key).map_err(fault)?;
            if is_loading && operation == Operation::Insert && !inserted.insert(xxh3_128(&key)) {
                counts.repeated_inserts += 1;
            }
            let headers = headers.of(operation).clone();
            if operation == Operation::Delete {
                counts.deletes += 1;
                transaction.send(&rows.topic, slot, Some(&key), None, headers)?;
            } else {
                counts.upserts += 1;
                plan.value(row, &mut value).map_err(fault)?;
                let sent = transaction.send(&rows.topic, slot, Some(&key), Some(&value), headers);
                sent.map_err(|error| of_row(error, batch, number))?;
            }
        }
    }
    Ok(counts)
}

fn plan(table: &str, rows: &TableRows<'_, '_>, batch: &Batch<'_>) -> Result<Plan, BusError> {
    let schema = rows.position.schema.as_ref();
    schema
        .and_then(|schema| Plan::compile(schema, &batch.table))
        .ok_or_else(|| BusError::table(table, "a key column is missing, or no schema is registered"))
}

fn check_kinds(batch: &Batch<'_>, number: usize, row: &[Value<'_>]) -> Result<(), BusError> {
    let misfit = batch.table.columns.iter().zip(row).position(|(column, value)| !fits(column.kind, value));
    match misfit {
        None => Ok(()),
        Some(column) => Err(row_fault(batch, number, column, "the value is not of the column's type")),
    }
}

fn row_fault(batch: &Batch<'_>, row: usize, column: usize, rule: &str) -> BusError {
    let column = batch.table.columns.get(column).map(|column| column.name.clone());
    BusError::Row { table: batch.table.table.clone(), row, column, rule: rule.to_owned() }
}

/// Says which row is too large.
fn of_row(error: BusError, batch: &Batch<'_>, row: usize) -> BusError {
    match error {
        BusError::TooLarge => {
            let rule = error.to_string();
            BusError::Row { table: batch.table.table.clone(), row, column: None, rule }
        }
        other => other,
    }
}

/// The headers of a batch's records, made once for each operation.
struct Headers([OwnedHeaders; 3]);

impl Headers {
    fn new(destination: &Destination<'_, '_, '_>, lsn: Option<Lsn>) -> Self {
        let epoch = destination.rows.position.epoch.to_string();
        let lsn = lsn.map(|lsn| lsn.to_string());
        let with = |operation| {
            let values = [
                (header::TENANT, Some(destination.tenant)),
                (header::TABLE, Some(destination.table)),
                (header::LSN, lsn.as_deref()),
                (header::CYCLE, Some(destination.cycle)),
                (header::EPOCH, Some(epoch.as_str())),
                (header::OP, Some(operation)),
            ];
            let present = values.into_iter().filter(|(_, value)| value.is_some());
            present.fold(OwnedHeaders::new_with_capacity(6), |headers, (key, value)| {
                headers.insert(Header { key, value })
            })
        };
        Self(["I", "U", "D"].map(with))
    }

    fn of(&self, operation: Operation) -> &OwnedHeaders {
        let [insert, update, delete] = &self.0;
        match operation {
            Operation::Insert => insert,
            Operation::Update => update,
            Operation::Delete => delete,
        }
    }
}
