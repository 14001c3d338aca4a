//! Whether a mirror can do its work.
//!
//! Not ready: Kafka does not answer or does not let us into the group, topics could not be listed, the registry or the
//! destination does not answer or fails, another mirror writes to the same copy. Told and not unready: a tenant whose
//! records cannot be read. The others go on, no restart helps it, and a rollout that waits for readiness would wait
//! until the vendor mends it.

use std::fmt::Write;
use std::time::{Duration, Instant};

use super::state::State;

/// How long a call of the destination may take before it counts as not answered. Batches of the usual size take a
/// fraction of a second.
const OVERDUE: Duration = Duration::from_secs(3);

/// The answer of `/readyz`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// Whether the mirror can do its work.
    pub is_ready: bool,
    /// The whole story in lines, for people.
    pub report: String,
}

/// Something that answers or does not.
#[derive(Default)]
pub(super) struct Side {
    answer: Option<Result<(), String>>,
    since: Option<Instant>,
}

impl Side {
    pub(super) fn take(&mut self, answer: Result<(), String>) {
        if self.answer.as_ref().map(Result::is_ok) != Some(answer.is_ok()) {
            self.since = Some(Instant::now());
        }
        self.answer = Some(answer);
    }

    fn fault(&self, what: &str) -> Option<String> {
        match &self.answer {
            Some(Err(reason)) => Some(format!("{what} for {}: {reason}", seconds(self.since))),
            _ => None,
        }
    }
}

impl State {
    pub(super) fn readiness(&self) -> Readiness {
        let faults = self.faults();
        let mut report = String::from(if faults.is_empty() { "ready\n" } else { "not ready\n" });
        for line in faults.iter().chain(&self.remarks()) {
            let written = writeln!(report, "{line}");
            debug_assert!(written.is_ok(), "writing to a string does not fail");
        }
        Readiness { is_ready: faults.is_empty(), report }
    }

    pub(super) fn is_ready(&self) -> bool {
        self.faults().is_empty()
    }

    fn faults(&self) -> Vec<String> {
        if self.has_ended {
            return vec!["the mirror has ended".to_owned()];
        }
        let mut faults = Vec::new();
        if self.listing.answer.is_none() {
            faults.push("topics were not listed yet".to_owned());
        }
        faults.extend(self.kafka.fault("kafka has not answered"));
        faults.extend(self.listing.fault("topics could not be listed"));
        faults.extend(self.registry.fault("the registry has not answered"));
        faults.extend(self.group.fault("kafka has not let us into the group"));
        if let Some((tenant, since)) = self.busy.as_ref().filter(|(_, since)| since.elapsed() > OVERDUE) {
            faults.push(format!(
                "tenant {tenant}: the destination has not answered for {}",
                seconds(Some(*since))
            ));
        }
        faults.extend(self.waiting(false));
        faults
    }

    fn remarks(&self) -> Vec<String> {
        let owned = self.dealt.map(|dealt| format!("tenants that the group gave to this process: {dealt}"));
        owned.into_iter().chain(self.waiting(true)).collect()
    }

    fn waiting(&self, is_data: bool) -> impl Iterator<Item = String> {
        self.tenants.iter().filter_map(move |(tenant, standing)| {
            let aside = standing.aside.as_ref().filter(|aside| aside.is_data == is_data)?;
            Some(format!("tenant {tenant} has waited for {}: {}", seconds(Some(aside.since)), aside.reason))
        })
    }
}

fn seconds(since: Option<Instant>) -> String {
    let elapsed = since.map_or(Duration::ZERO, |since| since.elapsed());
    format!("{} s", elapsed.as_secs())
}
