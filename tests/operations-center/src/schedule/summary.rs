//! What a run of the schedule came to.

use std::collections::BTreeMap;

use super::MINUTE_MS;
use super::outcome::{Ended, Outcome};
use super::plan::Pair;

/// A cycle that starts more than this after it was due was late.
const LATE_MS: i64 = MINUTE_MS;

/// Counts of all cycles that ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Cycles that did all they had to.
    pub completed: u64,
    /// Cycles that something ended early.
    pub failed: u64,
    /// Cycles that the receiver asked to skip.
    pub skipped: u64,
    /// Cycles that ended early because the schedule was stopped.
    pub stopped: u64,
    /// Of all these, the ones that started more than a minute late by the schedule's clock: the night, a maintenance,
    /// another task, another application's cycle or too few workers held them up.
    pub late: u64,
    /// The last cycle of every pair that had one.
    pub last: BTreeMap<Pair, LastCycle>,
}

/// A pair's last cycle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastCycle {
    /// When it started, by the schedule's clock.
    pub started_ms: i64,
    /// How it ended.
    pub outcome: Outcome,
}

impl Summary {
    /// All cycles that ended.
    #[must_use]
    pub fn cycles(&self) -> u64 {
        self.completed + self.failed + self.skipped + self.stopped
    }

    pub(super) fn count(&mut self, ended: &Ended) {
        let count = match ended.outcome {
            Outcome::Completed => &mut self.completed,
            Outcome::Failed(_) => &mut self.failed,
            Outcome::Skipped => &mut self.skipped,
            Outcome::Stopped => &mut self.stopped,
        };
        *count += 1;
        self.late += u64::from(ended.late_ms() > LATE_MS);
        let last = LastCycle { started_ms: ended.started_ms, outcome: ended.outcome.clone() };
        self.last.insert(ended.assignment.pair(), last);
    }
}
