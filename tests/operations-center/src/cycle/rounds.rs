//! All tables, "repeated until nothing is left".

use std::collections::BTreeMap;

use super::pack::{Need, Portion};
use super::{Cycle, CycleError};
use crate::tenant::{Snapshot, TenantError};

/// A tenant whose rows change all the time must not hold its cycle up for ever: what comes after so many rounds is
/// the next cycle's.
pub(super) const MAX_ROUNDS: usize = 5;

impl Cycle<'_> {
    /// Sends all announced tables, each from the position that the receiver answered for it; then what changed
    /// meanwhile, again and again, until nothing is left.
    ///
    /// A table that has gone since TableSchema, or has other columns than it said, waits for the next cycle, which
    /// will announce it as it is then. So does one whose changes are lost after its first round.
    ///
    /// # Errors
    /// [`CycleError`] for the call that failed.
    pub fn send_all(&mut self, positions: &BTreeMap<String, i64>) -> Result<(), CycleError> {
        for table in positions.keys() {
            self.report.tables.entry(table.clone()).or_default();
        }
        let mut positions = positions.clone();
        let mut seen = None;
        for round in 0..MAX_ROUNDS {
            let snapshot = self.caller.tenant().snapshot()?;
            let version = snapshot.version();
            if seen.replace(version) == Some(version) {
                break;
            }
            let needed = self.needed(&snapshot, &mut positions, round == 0)?;
            if !needed.is_empty() {
                self.send(snapshot, &needed)?;
                // A receiver may take two rows of one key in one call for a fault.
                self.flush()?;
            }
        }
        Ok(())
    }

    /// The tables of which something must be sent. Positions become what they will be then; tables that wait for the
    /// next cycle have none any more.
    fn needed(
        &self,
        snapshot: &Snapshot,
        positions: &mut BTreeMap<String, i64>,
        is_first: bool,
    ) -> Result<Vec<Portion>, TenantError> {
        let mut needed = Vec::new();
        for (name, lsn) in std::mem::take(positions) {
            match self.need(snapshot, &name, lsn) {
                Ok(None) => {}
                Ok(Some(need)) if is_first || need != Need::Everything => {
                    let table = snapshot.table(&name)?;
                    if self.announced.get(&name) != Some(&table) {
                        continue;
                    }
                    needed.push(self.portion(table, need));
                }
                Ok(Some(_)) | Err(TenantError::NoTable { .. }) => continue,
                Err(error) => return Err(error),
            }
            positions.insert(name, snapshot.version());
        }
        Ok(needed)
    }
}
