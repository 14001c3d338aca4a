//! What a run came to, as lines and as `report.json`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use anyhow::Context;
use serde::Serialize;

use crate::office::Done;
use crate::verify::Verdict;
use crate::watch::Sample;

/// Differences and failures that are printed; all stand in `report.json`.
const SHOWN: usize = 20;

/// Counts of cycles.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Cycles {
    pub(crate) completed: u64,
    pub(crate) failed: u64,
    /// The bridge asked not to be replicated to.
    pub(crate) skipped: u64,
    /// That started more than a minute late by the schedule's clock: night, maintenance, another application's cycle.
    pub(crate) late: u64,
    pub(crate) calls: u64,
    pub(crate) rows: u64,
    /// Failures with their reasons, and how often each was met.
    pub(crate) reasons: BTreeMap<String, u64>,
}

/// Everything that is told at the end.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Report {
    pub(crate) seed: u64,
    pub(crate) tenants: u32,
    pub(crate) days: f64,
    /// Real seconds that the simulated days took.
    pub(crate) seconds: f64,
    pub(crate) cycles: Cycles,
    pub(crate) done: Done,
    /// The bridge at rest, from the beginning to the end.
    pub(crate) samples: Vec<Sample>,
    /// What grew beyond its bound.
    pub(crate) grown: Vec<String>,
    pub(crate) verdict: Verdict,
}

impl Report {
    /// Whether every mirror equals its source, nothing grew, and no cycle failed: nothing in a run gives the bridge a
    /// reason to fail one.
    pub(crate) fn is_good(&self) -> bool {
        self.verdict.differences.is_empty() && self.grown.is_empty() && self.cycles.failed == 0
    }

    /// Writes `report.json`.
    pub(crate) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        let path = folder.join("report.json");
        let text = serde_json::to_string_pretty(self)?;
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cycles, done, verdict, .. } = self;
        writeln!(
            f,
            "{} cycles in {:.0} s, {:.1} a second: {} completed, {} failed, {} skipped, {} late; {} calls, {} rows",
            cycles.completed + cycles.failed + cycles.skipped,
            self.seconds,
            cycles.completed as f64 / self.seconds,
            cycles.completed,
            cycles.failed,
            cycles.skipped,
            cycles.late,
            cycles.calls,
            cycles.rows
        )?;
        writeln!(
            f,
            "{} alterations, {} backups, {} restores, {} restores that nobody could see (topics thrown away), {} left \
             out",
            done.alterations, done.backups, done.restores, done.hidden_restores, done.restores_left_out
        )?;
        for (name, sample) in [("first hour", self.samples.get(1)), ("end", self.samples.last())] {
            if let Some(sample) = sample {
                writeln!(
                    f,
                    "the bridge at rest, {name}: {:.0} MiB, {} threads, {:.0} files",
                    sample.resident_mb,
                    sample.all_threads(),
                    sample.files
                )?;
            }
        }
        writeln!(
            f,
            "{} tables with {} rows compared with their topics, {} with the mirror's files: {}",
            verdict.tables,
            verdict.rows,
            verdict.mirrored_tables,
            if verdict.differences.is_empty() { "equal" } else { "DIFFERENT" }
        )?;
        let reasons = cycles.reasons.iter().map(|(reason, count)| format!("failed, {count} times: {reason}"));
        let faults = self.grown.iter().chain(&verdict.differences).cloned().chain(reasons);
        faults.take(SHOWN).try_for_each(|fault| writeln!(f, "  {fault}"))
    }
}
