//! What a run has found.

use std::fmt;

use serde::Serialize;

use super::line::{Checked, Level, Line, Miss};

/// How a line ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The receiver keeps to the rule, as far as could be seen.
    Pass,
    /// It does not.
    Fail,
    /// It could not be seen.
    NotObserved,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::NotObserved => "not observed",
        })
    }
}

/// A line with what was observed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LineReport {
    /// The line's id.
    pub id: &'static str,
    /// The rule.
    pub rule: &'static str,
    /// Where the contract says so.
    pub source: &'static str,
    /// How much it weighs.
    pub level: Level,
    /// How it ended.
    pub outcome: Outcome,
    /// What the receiver answered, or why nothing was seen.
    pub observed: String,
    /// How long it took, in seconds.
    pub seconds: f64,
}

impl LineReport {
    pub(super) fn new(line: &Line, checked: Checked, seconds: f64) -> Self {
        let (outcome, observed) = match checked {
            Ok(observed) => (Outcome::Pass, observed),
            Err(Miss::Failed(observed)) => (Outcome::Fail, observed),
            Err(Miss::Unobserved(why)) => (Outcome::NotObserved, why),
        };
        let Line { id, rule, source, level, .. } = *line;
        Self { id, rule, source, level, outcome, observed, seconds }
    }

    /// Whether the receiver does not keep to a rule that is no mere recommendation.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        self.outcome == Outcome::Fail && self.level == Level::Required
    }
}

/// A whole run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The receiver's Mirroring URL.
    pub url: String,
    /// The application's id.
    pub application: String,
    /// When the run began, in UTC, such as `2026-01-31T12:00:00Z`.
    pub began: String,
    /// Whether the mirror's rows could be looked at.
    pub mirror: bool,
    /// Whether no required line failed.
    pub passed: bool,
    /// The lines in the checklist's order.
    pub lines: Vec<LineReport>,
}

impl Report {
    /// The ids of all lines that failed, also of those that are only recommended.
    #[must_use]
    pub fn failed(&self) -> Vec<&'static str> {
        self.lines.iter().filter(|line| line.outcome == Outcome::Fail).map(|line| line.id).collect()
    }

    /// How many lines ended so.
    #[must_use]
    pub fn count(&self, outcome: Outcome) -> usize {
        self.lines.iter().filter(|line| line.outcome == outcome).count()
    }
}
