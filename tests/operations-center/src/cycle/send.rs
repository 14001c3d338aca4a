//! Making the calls that bring rows, while the next ones are being read and written on another thread.

use std::panic;
use std::sync::mpsc::sync_channel;
use std::thread;

use super::pack::{Emit, Need, Packer, Portion, Step, Stop};
use super::{Cycle, CycleError, accepted};
use crate::tenant::{Snapshot, Table, TenantError};
use crate::wire::{Operation, Request};

/// Calls that wait while one is being made. Another one is being packed meanwhile, so bodies of three calls take
/// memory at most.
const AHEAD: usize = 1;

impl Cycle<'_> {
    /// Sends what a receiver at position `lsn` lacks of a table: its changes, or, where they are not known from
    /// there on or were not tracked until now, a Wipe and every row. Only the last batch has a valid LSN, the version of the snapshot that the
    /// rows were read from.
    ///
    /// Where there is nothing to send, nothing is sent: an empty table gets its Wipe and no RowData, so that the
    /// receiver goes on holding no position for it and is sent a Wipe again next time. What the vendor does there is
    /// not documented; the protocol says "repeated until nothing is left".
    ///
    /// The table's columns may be others than those announced. The last rows may wait for the next call, which
    /// [`Cycle::complete`] makes at the latest.
    ///
    /// # Errors
    /// [`CycleError`] when there is no such table, or for the call that failed.
    pub fn send_table(&mut self, table: &str, lsn: i64) -> Result<(), CycleError> {
        let snapshot = self.caller.tenant().snapshot()?;
        let table = snapshot.table(table)?;
        self.report.tables.entry(table.name.clone()).or_default();
        match self.need(&snapshot, &table.name, lsn)? {
            Some(need) => self.send(snapshot, &[self.portion(table, need)]),
            None => Ok(()),
        }
    }

    /// What must be sent of a table, if anything.
    pub(super) fn need(
        &self,
        snapshot: &Snapshot,
        table: &str,
        lsn: i64,
    ) -> Result<Option<Need>, TenantError> {
        if self.newly_tracked.contains(table) || !snapshot.knows_changes_since(table, lsn)? {
            return Ok(Some(Need::Everything));
        }
        Ok(snapshot.has_changes(table, lsn)?.then_some(Need::ChangesSince(lsn)))
    }

    pub(super) fn portion(&self, table: Table, need: Need) -> Portion {
        let batch_bytes = self.batch_bytes(&table.name);
        Portion { table, need, batch_bytes }
    }

    /// Sends these tables in their order, and keeps the last call where it has room for another table.
    pub(super) fn send(&mut self, snapshot: Snapshot, portions: &[Portion]) -> Result<(), CycleError> {
        let fresh = || Packer::new(self.options, &self.client_state);
        let mut packer = self.packer.take().unwrap_or_else(fresh);
        let (sender, steps) = sync_channel(AHEAD);
        let packed = thread::scope(|scope| {
            let packing = scope.spawn(move || {
                let emit: &mut Emit<'_> = &mut |step| sender.send(step).map_err(|_| Stop::NoSender);
                portions.iter().try_for_each(|portion| packer.table(&snapshot, portion, emit))?;
                Ok(packer)
            });
            // A failure drops the steps, which ends the packing.
            steps.into_iter().try_for_each(|step| self.make(step))?;
            Ok::<_, CycleError>(packing.join().unwrap_or_else(|panic| panic::resume_unwind(panic)))
        })?;
        match packed {
            Ok(packer) => self.packer = Some(packer),
            Err(Stop::Tenant(error)) => return Err(error.into()),
            Err(Stop::NoSender) => {}
        }
        Ok(())
    }

    /// Sends the call that was kept.
    pub(super) fn flush(&mut self) -> Result<(), CycleError> {
        match self.packer.as_mut().and_then(Packer::flush) {
            Some(step) => self.make(step),
            None => Ok(()),
        }
    }

    fn make(&mut self, step: Step) -> Result<(), CycleError> {
        match step {
            Step::Wipe(table) => {
                self.call(Request::wipe(&table), &[&table])?;
                self.newly_tracked.remove(&table);
                let report = self.report.tables.entry(table).or_default();
                report.wiped = true;
                report.calls += 1;
            }
            Step::Rows { mut body, tables } => {
                let names: Vec<&str> = tables.iter().map(|(name, _)| name.as_str()).collect();
                let answer = self.caller.call_unsigned(&names, &mut body);
                accepted(Operation::RowData, &names, answer)?;
                for (table, sent) in tables {
                    self.report.tables.entry(table).or_default().add(sent);
                }
            }
        }
        Ok(())
    }
}
