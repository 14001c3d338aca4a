//! One line of the journal.

use serde::{Deserialize, Serialize};

use super::{moment, redact};
use crate::schedule::{Ended, Failure, FailureKind, Outcome};

/// How a cycle ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ending {
    /// The receiver has everything.
    Completed,
    /// The receiver asked not to be replicated to.
    Skipped,
    /// Something ended it early.
    Failed,
    /// The schedule was stopped.
    Stopped,
}

/// What ended a cycle early.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// Its kind, the same whenever the same thing goes wrong.
    pub kind: FailureKind,
    /// The call that failed, such as `RowData`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// The table, or tables, that the call was about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// The error with its causes, in one line, without what looks like a secret.
    pub reason: String,
}

/// A cycle that ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When it started, by the schedule's clock, in milliseconds since 1970 UTC.
    #[serde(rename = "at", with = "moment")]
    pub at_ms: i64,
    /// When it started, by the real clock.
    #[serde(rename = "real_at", with = "moment")]
    pub real_at_ms: i64,
    /// The tenant.
    pub tenant: String,
    /// The application's id.
    pub application: String,
    /// The application's name.
    pub application_name: String,
    /// How it ended.
    pub outcome: Ending,
    /// By how much it started after it was due, by the schedule's clock.
    pub late_ms: i64,
    /// Calls made.
    pub calls: u64,
    /// Rows sent.
    pub rows: u64,
    /// Bytes of the calls' bodies.
    pub bytes: u64,
    /// How long it took in real time.
    pub took_ms: u64,
    /// Tables that were begun anew.
    pub tables_begun_anew: u64,
    /// What ended it early.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Trouble>,
}

impl From<&Ended> for Entry {
    fn from(ended: &Ended) -> Self {
        let application = &ended.assignment.application;
        let (outcome, failure) = match &ended.outcome {
            Outcome::Completed => (Ending::Completed, None),
            Outcome::Skipped => (Ending::Skipped, None),
            Outcome::Stopped => (Ending::Stopped, None),
            Outcome::Failed(failure) => (Ending::Failed, Some(trouble(failure, application.token.reveal()))),
        };
        Self {
            at_ms: ended.started_ms,
            real_at_ms: ended.real_started_ms,
            tenant: ended.assignment.tenant.clone(),
            application: application.id.clone(),
            application_name: application.details.name.clone(),
            outcome,
            late_ms: ended.late_ms(),
            calls: ended.counts.calls,
            rows: ended.counts.rows,
            bytes: ended.counts.bytes,
            took_ms: u64::try_from(ended.took.as_millis()).unwrap_or(u64::MAX),
            tables_begun_anew: u64::try_from(ended.counts.begun_anew).unwrap_or(u64::MAX),
            failure,
        }
    }
}

fn trouble(failure: &Failure, secret: &str) -> Trouble {
    Trouble {
        kind: failure.kind,
        operation: failure.operation.map(|operation| operation.to_string()),
        table: failure.table.as_deref().map(|tables| redact::line(tables, secret)),
        reason: redact::line(&failure.reason, secret),
    }
}

#[cfg(test)]
impl Entry {
    /// A cycle that completed, for tests to change.
    pub(crate) fn example() -> Self {
        Self {
            at_ms: 1_767_255_600_000,
            real_at_ms: 1_767_225_600_125,
            tenant: "Cust1".to_owned(),
            application: "abc".to_owned(),
            application_name: "Nord".to_owned(),
            outcome: Ending::Completed,
            late_ms: 0,
            calls: 7,
            rows: 123,
            bytes: 45_678,
            took_ms: 312,
            tables_begun_anew: 2,
            failure: None,
        }
    }

    /// The same cycle refused in a RowData call.
    pub(crate) fn failed_example() -> Self {
        let failure = Trouble {
            kind: FailureKind::Refused,
            operation: Some("RowData".to_owned()),
            table: Some("contact".to_owned()),
            reason: "RowData of contact was refused by the receiver: disk full".to_owned(),
        };
        Self { outcome: Ending::Failed, failure: Some(failure), ..Self::example() }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::fixture::application;
    use crate::schedule::{Assignment, Counts};

    fn failed(reason: &str) -> Ended {
        let failure = Failure {
            kind: FailureKind::BadAnswer,
            operation: None,
            table: Some("contact,\nsale".to_owned()),
            reason: reason.to_owned(),
        };
        Ended {
            assignment: Arc::new(Assignment {
                tenant: "Cust1".to_owned(),
                tenant_file: "Cust1.db".into(),
                application: Arc::new(application().clone()),
                url: "http://127.0.0.1:9/".to_owned(),
            }),
            due_ms: 0,
            started_ms: 1_000,
            real_started_ms: 0,
            took: Duration::ZERO,
            counts: Counts::default(),
            outcome: Outcome::Failed(failure),
        }
    }

    #[test]
    fn a_cycle_that_failed_has_its_reason_in_one_line_without_secrets() {
        let (secret, part) = (application().token.reveal(), "e".repeat(300));
        let entry = Entry::from(&failed(&format!("token\n{part}.{part} is not\tof {secret}")));
        let failure = entry.failure.unwrap();
        assert_eq!(failure.reason, "token (long word).(long word) is not of (secret)");
        assert_eq!((failure.table.as_deref(), failure.operation), (Some("contact, sale"), None));
        assert_eq!((entry.outcome, entry.late_ms), (Ending::Failed, 1_000));
    }

    #[test]
    fn a_line_has_names_that_programs_can_rely_on() {
        let line = serde_json::to_string(&Entry::failed_example()).unwrap();
        assert_eq!(
            line,
            "{\"at\":\"2026-01-01T08:20:00.000Z\",\"real_at\":\"2026-01-01T00:00:00.125Z\",\"tenant\":\"Cust1\",\
             \"application\":\"abc\",\"application_name\":\"Nord\",\"outcome\":\"failed\",\"late_ms\":0,\"calls\":7,\
             \"rows\":123,\"bytes\":45678,\"took_ms\":312,\"tables_begun_anew\":2,\"failure\":{\"kind\":\"refused\",\
             \"operation\":\"RowData\",\"table\":\"contact\",\
             \"reason\":\"RowData of contact was refused by the receiver: disk full\"}}"
        );
        assert_eq!(serde_json::from_str::<Entry>(&line).unwrap(), Entry::failed_example());
    }
}
