//! One table's rows, in batches.

use super::{Cycle, CycleError};
use crate::sql::Value;
use crate::tenant::{Change, Table};
use crate::wire::{Batch, Request, Row, TableInfo};

/// No position yet: more batches of the table follow.
const NO_LSN: i64 = 0;

/// The batch that is being filled.
#[derive(Default)]
struct Filling {
    rows: Vec<Row>,
    bytes: usize,
}

impl Cycle<'_> {
    /// Sends what a receiver at position `lsn` lacks of a table: its changes, or, where they are not known from
    /// there on, a Wipe and every row. Only the last batch has a valid LSN, the version of the snapshot that the
    /// rows were read from.
    ///
    /// Where there is nothing to send, nothing is sent: an empty table gets its Wipe and no RowData, so that the
    /// receiver goes on holding no position for it and is sent a Wipe again next time. What the vendor does there is
    /// not documented; the protocol says "repeated until nothing is left".
    ///
    /// # Errors
    /// [`CycleError`] when there is no such table, or for the call that failed.
    pub fn send_table(&mut self, table: &str, lsn: i64) -> Result<(), CycleError> {
        let snapshot = self.caller.tenant().snapshot()?;
        let table = snapshot.table(table)?;
        self.report.tables.entry(table.name.clone()).or_default();
        // Older positions have lost their changes (-1 has none); newer ones are from before the source was restored.
        let known = snapshot.min_valid_version(&table.name)?..=snapshot.version();
        let mut filling = Filling::default();
        if known.contains(&lsn) {
            snapshot.for_each_change(&table, lsn, |change, values| {
                self.add(&table, &mut filling, change, &values)
            })?;
        } else {
            self.wipe(&table.name)?;
            snapshot
                .for_each_row(&table, |values| self.add(&table, &mut filling, Change::Insert, &values))?;
        }
        self.finish(&table, filling, snapshot.version())
    }

    fn wipe(&mut self, table: &str) -> Result<(), CycleError> {
        self.call(Request::wipe(table), Some(table))?;
        let report = self.report.tables.entry(table.to_owned()).or_default();
        report.wiped = true;
        report.calls += 1;
        Ok(())
    }

    /// Adds a row; a batch that is full goes off only now, when it is clear that it is not the table's last.
    fn add(
        &mut self,
        table: &Table,
        filling: &mut Filling,
        change: Change,
        values: &[Value],
    ) -> Result<(), CycleError> {
        if filling.bytes >= self.options.batch_bytes && !filling.rows.is_empty() {
            let full = std::mem::take(filling);
            self.queue(table, full, NO_LSN);
            self.flush()?;
        }
        let row = Row::new(change, table, values);
        let bytes = row.wire_bytes();
        filling.bytes += bytes;
        filling.rows.push(row);
        self.report.tables.entry(table.name.clone()).or_default().count(change, bytes);
        Ok(())
    }

    fn finish(&mut self, table: &Table, last: Filling, version: i64) -> Result<(), CycleError> {
        if last.rows.is_empty() {
            return Ok(());
        }
        self.queue(table, last, version);
        if self.options.combine && self.pending_bytes < self.options.batch_bytes {
            return Ok(());
        }
        self.flush()
    }

    fn queue(&mut self, table: &Table, filling: Filling, lsn: i64) {
        self.pending_bytes += filling.bytes;
        self.pending.push(Batch { rows: filling.rows, lsn, table: TableInfo::from(table) });
    }

    /// Sends all batches that wait, in one call.
    pub(super) fn flush(&mut self) -> Result<(), CycleError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let batches = std::mem::take(&mut self.pending);
        self.pending_bytes = 0;
        for batch in &batches {
            self.report.tables.entry(batch.table.table.clone()).or_default().calls += 1;
        }
        let tables: Vec<&str> = batches.iter().map(|batch| batch.table.table.as_str()).collect();
        let tables = tables.join(", ");
        self.call(Request::from_batches(batches), Some(&tables)).map(|_| ())
    }
}
