//! What may start, and when: the schedule without clocks and threads.
//!
//! Whoever drives it says what time it is, who is approved, who is in maintenance and which cycle ended; it answers
//! which cycles may start. It decides in the order in which they became due, so that none waits for ever.

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use super::MINUTE_MS;
use super::holds::Holds;
use super::night::Night;

/// The vendor starts a cycle about this long after the last one.
pub const INTERVAL_MS: i64 = 20 * MINUTE_MS;

/// A tenant and one of the applications that it approved: the unit of the schedule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pair {
    /// The tenant's context identifier.
    pub tenant: String,
    /// The application's id.
    pub application: String,
}

/// What keeps cycles from starting, besides the tenant's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// No cycle starts in it.
    pub night: Night,
    /// Other tasks that hold tenants; none by default.
    pub holds: Option<Holds>,
}

impl Rules {
    /// The first moment from `from_ms` on at which neither night nor another task is in a cycle's way.
    fn opens_ms(&self, tenant: &str, from_ms: i64) -> i64 {
        let mut moment_ms = from_ms;
        let held_until = |now_ms| self.holds.and_then(|holds| holds.ends_ms(tenant, now_ms));
        while let Some(end_ms) = self.night.ends_ms(moment_ms).or_else(|| held_until(moment_ms)) {
            moment_ms = end_ms;
        }
        moment_ms
    }
}

/// The schedule's state. All moments are milliseconds since 1970 UTC of the schedule's clock.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    rules: Rules,
    /// When each pair's next cycle is due.
    due_ms: BTreeMap<Pair, i64>,
    maintenance: BTreeSet<String>,
    /// Tenants with a cycle that has not ended.
    running: BTreeSet<String>,
}

impl Plan {
    /// A schedule of nobody.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self { rules, ..Self::default() }
    }

    /// Takes over who is approved. A pair that was not approved before is due at once, also one that was revoked and
    /// approved again; one that is not approved any more is forgotten, and its cycle, if one runs, goes on.
    pub fn approve(&mut self, now_ms: i64, approved: &BTreeSet<Pair>) {
        self.due_ms.retain(|pair, _| approved.contains(pair));
        for pair in approved {
            if !self.due_ms.contains_key(pair) {
                self.due_ms.insert(pair.clone(), now_ms);
            }
        }
    }

    /// Puts a tenant into maintenance or takes it out. In it nothing starts; a cycle that runs goes on.
    pub fn set_maintenance(&mut self, tenant: &str, is_on: bool) {
        if is_on {
            self.maintenance.insert(tenant.to_owned());
        } else {
            self.maintenance.remove(tenant);
        }
    }

    /// The tenants in maintenance.
    #[must_use]
    pub fn maintenance(&self) -> &BTreeSet<String> {
        &self.maintenance
    }

    /// What may start now, the longest due first: at most one pair of each tenant, each with the moment at which it
    /// became due.
    #[must_use]
    pub fn startable(&self, now_ms: i64) -> Vec<(Pair, i64)> {
        let mut due: Vec<_> = self.waiting().filter(|(_, due_ms)| *due_ms <= now_ms).collect();
        due.sort_by_key(|(pair, due_ms)| (*due_ms, *pair));
        let mut tenants = BTreeSet::new();
        due.retain(|(pair, _)| {
            self.rules.opens_ms(&pair.tenant, now_ms) == now_ms && tenants.insert(&pair.tenant)
        });
        due.into_iter().map(|(pair, due_ms)| (pair.clone(), due_ms)).collect()
    }

    /// Notes that a cycle of `pair` starts. The next is due 20 minutes later, at a whole minute: about every 20
    /// minutes, and tenants that were approved together stay together. It makes no difference how the cycle ends: one
    /// that failed waits for its next turn.
    pub fn start(&mut self, pair: &Pair, now_ms: i64) {
        self.running.insert(pair.tenant.clone());
        if let Some(due_ms) = self.due_ms.get_mut(pair) {
            let next_ms = now_ms + INTERVAL_MS;
            *due_ms = next_ms - next_ms.rem_euclid(MINUTE_MS);
        }
    }

    /// Notes that the tenant's cycle ended, however it did.
    pub fn end(&mut self, tenant: &str) {
        self.running.remove(tenant);
    }

    /// How many cycles run.
    #[must_use]
    pub fn running(&self) -> usize {
        self.running.len()
    }

    /// The next moment, not before `now_ms`, at which a cycle could start if nothing else happened until then; `None`
    /// where only an approval, the end of a maintenance or the end of a cycle brings one about.
    #[must_use]
    pub fn next_ms(&self, now_ms: i64) -> Option<i64> {
        let opens_ms = |(pair, due_ms): (&Pair, i64)| self.rules.opens_ms(&pair.tenant, due_ms.max(now_ms));
        self.waiting().map(opens_ms).min()
    }

    /// The pairs that neither maintenance nor a cycle of their tenant keeps back.
    fn waiting(&self) -> impl Iterator<Item = (&Pair, i64)> {
        let is_free = |tenant: &String| !self.maintenance.contains(tenant) && !self.running.contains(tenant);
        self.due_ms
            .iter()
            .filter(move |(pair, _)| is_free(&pair.tenant))
            .map(|(pair, due_ms)| (pair, *due_ms))
    }
}
