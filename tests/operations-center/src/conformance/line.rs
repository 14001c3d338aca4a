//! One line of the checklist.

use super::stage::Stage;

/// How much a line weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// A receiver that does not keep to it loses data, lets strangers in, or stops the vendor's task.
    Required,
    /// The contract says "should", or people expect it. It fails no run.
    Recommended,
    /// Only told.
    Informative,
}

/// Why a line did not pass, with what was observed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Miss {
    /// The receiver does not keep to the rule.
    Failed(String),
    /// It could not be seen whether it does.
    Unobserved(String),
}

impl Miss {
    pub(super) fn failed(observed: impl Into<String>) -> Self {
        Self::Failed(observed.into())
    }

    pub(super) fn unobserved(why: impl Into<String>) -> Self {
        Self::Unobserved(why.into())
    }
}

/// What was observed where the receiver keeps to the rule.
pub(super) type Checked = Result<String, Miss>;

/// What a line does to find out.
pub(super) type Check = Box<dyn Fn(&Stage<'_>) -> Checked>;

/// A rule of the contract, and how it is checked.
pub struct Line {
    /// Never changes, so that reports can be compared.
    pub id: &'static str,
    /// The rule, in one sentence.
    pub rule: &'static str,
    /// Where the contract says so, and how: documented, observed in a sample, or inferred.
    pub source: &'static str,
    /// How much it weighs.
    pub level: Level,
    /// Whether it must see the mirror's rows.
    pub needs_mirror: bool,
    pub(super) check: Check,
}

impl Line {
    /// A required line.
    pub(super) fn new(
        id: &'static str,
        source: &'static str,
        rule: &'static str,
        check: impl Fn(&Stage<'_>) -> Checked + 'static,
    ) -> Self {
        Self { id, rule, source, level: Level::Required, needs_mirror: false, check: Box::new(check) }
    }

    pub(super) fn recommended(self) -> Self {
        Self { level: Level::Recommended, ..self }
    }

    pub(super) fn informative(self) -> Self {
        Self { level: Level::Informative, ..self }
    }

    /// Only seen by looking into the mirror.
    pub(super) fn by_mirror(self) -> Self {
        Self { needs_mirror: true, ..self }
    }
}
