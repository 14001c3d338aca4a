//! What is known of a running mirror. The mirror keeps it up to date; whoever holds a [`Watch`] reads it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mirrorbus_schemas::topic::{Prefix, Tenant};

use super::health::Readiness;
use super::numbers::Numbers;
use super::state::{Aside, Progress, Sample, State, Written, now_ms};
use crate::error::Fault;

/// What a mirror shows of itself; clones share it.
#[derive(Clone)]
pub struct Watch(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    numbers: Numbers,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}

impl Watch {
    /// Of a mirror that has not begun. Its metrics carry the prefix as their label `application`.
    #[must_use]
    pub fn new(application: &Prefix) -> Self {
        Self(Arc::new(Shared { state: Mutex::default(), numbers: Numbers::new(application) }))
    }

    /// Every tenant that is mirrored here now.
    #[must_use]
    pub fn progress(&self) -> BTreeMap<Tenant, Progress> {
        let state = self.state();
        state.tenants.iter().map(|(tenant, standing)| (tenant.clone(), standing.progress.clone())).collect()
    }

    /// Whether the mirror can do its work, and if not, why.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        self.state().readiness()
    }

    /// The numbers of this moment in Prometheus's text format.
    ///
    /// # Errors
    /// None today: writing to a text does not fail.
    pub fn metrics(&self) -> Result<String, fmt::Error> {
        self.0.numbers.render(&self.state())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn kafka_answered(&self, answer: Result<(), String>) {
        self.state().kafka.take(answer);
    }

    pub(crate) fn registry_answered(&self, answer: Result<(), String>) {
        if answer.is_err() {
            self.0.numbers.error("registry");
        }
        self.state().registry.take(answer);
    }

    /// Whether this process may be a member.
    pub(crate) fn group_answered(&self, answer: Result<(), String>) {
        self.state().group.take(answer);
    }

    pub(crate) fn listed(&self, answer: Result<(), String>) {
        if answer.is_err() {
            self.0.numbers.error("kafka");
        }
        self.state().listing.take(answer);
    }

    /// A call of the destination begins, or ended.
    pub(crate) fn busy(&self, tenant: Option<&Tenant>) {
        self.state().busy = tenant.map(|tenant| (tenant.clone(), Instant::now()));
    }

    /// How many tenants the group gave to this process.
    pub(crate) fn dealt(&self, tenants: usize) {
        self.state().dealt = Some(tenants);
    }

    /// Rows of a tenant became durable, after a batch that took this long.
    pub(crate) fn applied(&self, tenant: &Tenant, written: &Written, took: Duration) {
        self.0.numbers.applied(written, took);
        let mut state = self.state();
        let standing = state.tenants.entry(tenant.clone()).or_default();
        standing.is_held = false;
        standing.oldest_ms = None;
        standing.newest_ms = standing.newest_ms.max(written.newest_ms);
        let progress = &mut standing.progress;
        progress.records += written.records;
        progress.bytes += written.bytes;
        progress.upserts += written.upserts;
        progress.deletes += written.deletes;
        progress.passed += written.passed;
        progress.to_go = progress.to_go.map(|to_go| to_go.saturating_sub(written.passed));
    }

    /// A batch was applied and its transaction is still open.
    pub(crate) fn held(&self, tenant: &Tenant, took: Duration) {
        self.0.numbers.batch(took);
        self.state().tenants.entry(tenant.clone()).or_default().is_held = true;
    }

    /// A tenant as it is now.
    pub(crate) fn sampled(&self, tenant: &Tenant, sample: Sample) {
        let mut state = self.state();
        let standing = state.tenants.entry(tenant.clone()).or_default();
        if sample.is_well {
            standing.aside = None;
        }
        standing.topics = sample.topics;
        standing.oldest_ms = sample.oldest_ms;
        standing.behind_since = match sample.to_go {
            Some(0) => None,
            _ => standing.behind_since.or_else(|| Some(Instant::now())),
        };
        let progress = &mut standing.progress;
        progress.to_go = sample.to_go.or(progress.to_go);
        progress.cycle = sample.cycle;
        let now = (sample.to_go == Some(0)).then(now_ms);
        progress.caught_up_ms = now.or(progress.caught_up_ms).max(sample.caught_up_ms);
    }

    /// A tenant waits because of this.
    pub(crate) fn set_aside(&self, tenant: &Tenant, fault: &Fault, reason: String) {
        self.0.numbers.error(fault.kind());
        let mut state = self.state();
        let standing = state.tenants.entry(tenant.clone()).or_default();
        standing.is_held = false;
        let since = standing.aside.as_ref().map_or_else(Instant::now, |aside| aside.since);
        standing.aside = Some(Aside { reason, since, is_data: fault.is_of_data() });
    }

    /// Something went wrong that sets nothing aside.
    pub(crate) fn count_error(&self, kind: &'static str) {
        self.0.numbers.error(kind);
    }

    /// A table is read from its beginning. `reason` is one of a few sentences of ours, the log's.
    pub(crate) fn rebuilt(&self, reason: &str) {
        self.0.numbers.rebuilt(reason);
    }

    /// Only these are mirrored here.
    pub(crate) fn keep(&self, tenants: &BTreeSet<&Tenant>) {
        self.state().tenants.retain(|tenant, _| tenants.contains(tenant));
    }

    /// The mirror ended.
    pub(crate) fn ended(&self) {
        self.state().has_ended = true;
    }
}
