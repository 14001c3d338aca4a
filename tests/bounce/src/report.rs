//! The table at the end, and what a run must have seen to count.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::ensure;

use crate::audit::Looked;
use crate::breaking::LEAST_FAULTS;
use crate::faults::Kind;
use crate::run::Cycles;

/// What a run came to.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// By tenant.
    pub(crate) cycles: BTreeMap<String, Cycles>,
    pub(crate) faults: BTreeMap<Kind, u64>,
    pub(crate) looked: Looked,
    /// Tables that were compared.
    pub(crate) tables: usize,
    /// Records that only a read_uncommitted reader saw.
    pub(crate) aborted: usize,
}

impl Report {
    /// A run without its faults, or without acknowledged rows, proves nothing.
    ///
    /// # Errors
    /// What is missing.
    pub(crate) fn check(&self, kinds: &[Kind]) -> anyhow::Result<()> {
        let missing: Vec<_> = kinds.iter().filter(|kind| !self.faults.contains_key(kind)).collect();
        ensure!(missing.is_empty(), "faults that did not happen: {missing:?}");
        let faults: u64 = self.faults.values().sum();
        ensure!(faults >= LEAST_FAULTS, "only {faults} faults, {LEAST_FAULTS} are needed");
        ensure!(
            self.looked.acknowledged_rows > 0 && self.looked.manifest_rows > 0,
            "no row was acknowledged"
        );
        let idle = self.cycles.iter().find(|(_, cycles)| cycles.rows == 0);
        ensure!(idle.is_none(), "no row of tenant {:?} was acknowledged", idle.map(|(name, _)| name));
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<10} {:>8} {:>8} {:>10}  ended early", "tenant", "cycles", "to clean", "rows")?;
        for (name, cycles) in &self.cycles {
            let failed: Vec<_> =
                cycles.failed.iter().map(|(code, count)| format!("{count} {code}")).collect();
            let (completed, until_clean, rows) = (cycles.completed, cycles.until_clean, cycles.rows);
            writeln!(f, "{name:<10} {completed:>8} {until_clean:>8} {rows:>10}  {}", failed.join(", "))?;
        }
        writeln!(f)?;
        for (kind, count) in &self.faults {
            writeln!(f, "{kind:<20} {count:>4}")?;
        }
        writeln!(f, "{:<20} {:>4}\n", "faults", self.faults.values().sum::<u64>())?;
        let Looked { calls, acknowledged_rows, manifests, manifest_rows } = self.looked;
        writeln!(f, "A rows, B calls: {calls} calls of the ledgers, {acknowledged_rows} rows acknowledged")?;
        writeln!(f, "C manifests: {manifests} of all tenants, {manifest_rows} rows")?;
        writeln!(f, "read_uncommitted saw {} records more than read_committed", self.aborted)?;
        write!(f, "source, topic and mirror: {} tables equal", self.tables)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let cycles = Cycles { completed: 1, rows: 5, ..Cycles::default() };
        Report {
            cycles: [("Cust1".to_owned(), cycles)].into(),
            faults: [(Kind::BridgeKill, 10), (Kind::HangUp, 10)].into(),
            looked: Looked { acknowledged_rows: 5, manifest_rows: 5, ..Looked::default() },
            ..Report::default()
        }
    }

    const KINDS: [Kind; 2] = [Kind::BridgeKill, Kind::HangUp];

    #[test]
    fn a_run_counts_only_with_every_fault_and_acknowledged_rows() {
        assert!(report().check(&KINDS).is_ok());
        assert!(report().check(&[Kind::BrokerKill]).is_err());
        let few = Report { faults: [(Kind::BridgeKill, 10), (Kind::HangUp, 9)].into(), ..report() };
        assert!(few.check(&KINDS).is_err());
        let none = Report { looked: Looked::default(), ..report() };
        assert!(none.check(&KINDS).is_err());
        let idle = Report { cycles: [("Cust2".to_owned(), Cycles::default())].into(), ..report() };
        assert!(idle.check(&KINDS).is_err());
    }
}
