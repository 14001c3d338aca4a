//! The schedule's promises over random days: any approvals, maintenances, holds, numbers of workers, and cycles of
//! any length.

use proptest::prelude::*;

use super::super::{DAY_MS, HOUR_MS};
use super::*;

const BEGIN_MS: i64 = 20_454 * DAY_MS + 7 * HOUR_MS;
const LENGTH_MS: i64 = 2 * DAY_MS;
const NIGHT_MS: i64 = 90 * MINUTE_MS;
const LONGEST_CYCLE_MS: i64 = 30 * MINUTE_MS;
const LONGEST_HOLD_MS: i64 = 40 * MINUTE_MS;
const TENANTS: usize = 4;
const APPLICATIONS: usize = 3;

#[derive(Clone, Debug)]
enum Change {
    Approve(usize, usize),
    Revoke(usize, usize),
    Maintenance(usize, bool),
}

#[derive(Clone, Debug)]
struct Days {
    workers: usize,
    zone_minutes: i32,
    holds: Option<Holds>,
    /// How long the first cycle takes, the second, and so on, from the beginning again after the last.
    cycles_ms: Vec<i64>,
    changes: Vec<(i64, Change)>,
}

fn days() -> impl Strategy<Value = Days> {
    let change = prop_oneof![
        4 => (0..TENANTS, 0..APPLICATIONS).prop_map(|(tenant, app)| Change::Approve(tenant, app)),
        1 => (0..TENANTS, 0..APPLICATIONS).prop_map(|(tenant, app)| Change::Revoke(tenant, app)),
        1 => (0..TENANTS, any::<bool>()).prop_map(|(tenant, is_on)| Change::Maintenance(tenant, is_on)),
    ];
    let every_ms = 2 * LONGEST_HOLD_MS..12 * HOUR_MS;
    let holds = (every_ms, 1..LONGEST_HOLD_MS, any::<u64>());
    (
        1..=TENANTS,
        -720..=840_i32,
        prop::option::of(
            holds.prop_map(|(every_ms, longest_ms, seed)| Holds::new(every_ms, longest_ms, seed)),
        ),
        prop::collection::vec(prop_oneof![1..20_000_i64, 1..=LONGEST_CYCLE_MS], 1..20),
        prop::collection::vec((0..LENGTH_MS, change), 1..30),
    )
        .prop_map(|(workers, zone_minutes, holds, cycles_ms, mut changes)| {
            changes.sort_by_key(|(at_ms, _)| *at_ms);
            Days { workers, zone_minutes, holds, cycles_ms, changes }
        })
}

fn name(tenant: usize) -> String {
    format!("Cust{tenant}")
}

fn pair(tenant: usize, application: usize) -> Pair {
    Pair { tenant: name(tenant), application: format!("app{application}") }
}

/// Drives a plan through the days and keeps its own books beside it.
struct Drive {
    days: Days,
    plan: Plan,
    now_ms: i64,
    approved: BTreeSet<Pair>,
    maintenance: BTreeSet<String>,
    /// When each tenant's running cycle ends.
    ends_ms: BTreeMap<String, i64>,
    /// Since when each approved pair has nothing but the schedule to wait for: its approval, its last start, or the
    /// end of its tenant's last maintenance.
    waits_since_ms: BTreeMap<Pair, i64>,
    started: usize,
    /// How many cycles of others may come before a pair's.
    others: i64,
}

impl Drive {
    fn new(days: Days, others: usize) -> Self {
        let rules = Rules { night: Night::in_zone(days.zone_minutes), holds: days.holds };
        Self {
            days,
            plan: Plan::new(rules),
            now_ms: BEGIN_MS,
            approved: BTreeSet::new(),
            maintenance: BTreeSet::new(),
            ends_ms: BTreeMap::new(),
            waits_since_ms: BTreeMap::new(),
            started: 0,
            others: i64::try_from(others).unwrap_or_default(),
        }
    }

    fn run(&mut self) -> Result<(), TestCaseError> {
        let mut changes = std::mem::take(&mut self.days.changes).into_iter().peekable();
        while self.now_ms < BEGIN_MS + LENGTH_MS {
            while let Some((_, change)) = changes.next_if(|(at_ms, _)| BEGIN_MS + at_ms <= self.now_ms) {
                self.change(&change);
            }
            self.end_cycles();
            self.start_cycles()?;
            let change_ms = changes.peek().map(|(at_ms, _)| BEGIN_MS + at_ms);
            self.advance(change_ms)?;
        }
        Ok(())
    }

    fn change(&mut self, change: &Change) {
        match *change {
            Change::Approve(tenant, application) => {
                let is_new = self.approved.insert(pair(tenant, application));
                if is_new {
                    self.waits_since_ms.insert(pair(tenant, application), self.now_ms);
                }
            }
            Change::Revoke(tenant, application) => {
                self.approved.remove(&pair(tenant, application));
                self.waits_since_ms.remove(&pair(tenant, application));
            }
            Change::Maintenance(tenant, true) => {
                self.plan.set_maintenance(&name(tenant), true);
                self.maintenance.insert(name(tenant));
            }
            Change::Maintenance(tenant, false) => {
                self.plan.set_maintenance(&name(tenant), false);
                self.maintenance.remove(&name(tenant));
                let now_ms = self.now_ms;
                let of_tenant =
                    self.waits_since_ms.iter_mut().filter(|(pair, _)| pair.tenant == name(tenant));
                of_tenant.for_each(|(_, since_ms)| *since_ms = now_ms);
            }
        }
        self.plan.approve(self.now_ms, &self.approved);
    }

    fn end_cycles(&mut self) {
        let over: Vec<_> = self
            .ends_ms
            .extract_if(.., |_, end_ms| *end_ms <= self.now_ms)
            .map(|(tenant, _)| tenant)
            .collect();
        over.iter().for_each(|tenant| self.plan.end(tenant));
    }

    fn start_cycles(&mut self) -> Result<(), TestCaseError> {
        for (pair, due_ms) in self.plan.startable(self.now_ms) {
            if self.ends_ms.len() < self.days.workers {
                prop_assert!(due_ms <= self.now_ms);
                self.check_may_start(&pair)?;
                self.plan.start(&pair, self.now_ms);
                let length_ms = self.days.cycles_ms[self.started % self.days.cycles_ms.len()];
                self.ends_ms.insert(pair.tenant.clone(), self.now_ms + length_ms);
                self.waits_since_ms.insert(pair, self.now_ms);
                self.started += 1;
            }
        }
        self.check_nobody_waits_too_long()
    }

    fn check_may_start(&self, pair: &Pair) -> Result<(), TestCaseError> {
        prop_assert!(self.approved.contains(pair), "{pair:?} is not approved");
        prop_assert!(!self.ends_ms.contains_key(&pair.tenant), "two cycles of {}", pair.tenant);
        prop_assert!(!self.maintenance.contains(&pair.tenant), "{} is in maintenance", pair.tenant);
        let local_minute = (self.now_ms / MINUTE_MS + i64::from(self.days.zone_minutes)).rem_euclid(1440);
        prop_assert!(!(90..180).contains(&local_minute), "it is night: minute {local_minute}");
        let held = self.days.holds.and_then(|holds| holds.ends_ms(&pair.tenant, self.now_ms));
        prop_assert!(held.is_none(), "another task holds {}", pair.tenant);
        Ok(())
    }

    /// 20 minutes, one night, two holds that meet, and the cycles that come first.
    fn check_nobody_waits_too_long(&self) -> Result<(), TestCaseError> {
        let longest_ms = INTERVAL_MS + NIGHT_MS + 2 * LONGEST_HOLD_MS + self.others * LONGEST_CYCLE_MS;
        for (pair, since_ms) in &self.waits_since_ms {
            let waits_ms = self.now_ms - since_ms;
            let may_wait = self.maintenance.contains(&pair.tenant) || waits_ms <= longest_ms;
            prop_assert!(may_wait, "{pair:?} waits for {} minutes", waits_ms / MINUTE_MS);
        }
        Ok(())
    }

    /// To whatever comes first. Until the plan's own next moment nothing may start; at it something does.
    fn advance(&mut self, change_ms: Option<i64>) -> Result<(), TestCaseError> {
        let next_ms = self.plan.next_ms(self.now_ms);
        let are_busy = self.ends_ms.len() >= self.days.workers;
        if let Some(next_ms) = next_ms.filter(|_| !are_busy) {
            prop_assert!(next_ms > self.now_ms, "what may start now has started");
            let just_before = self.plan.startable(next_ms - 1);
            prop_assert!(just_before.is_empty() || next_ms - 1 == self.now_ms, "{just_before:?}");
            prop_assert!(self.plan.startable((self.now_ms + next_ms) / 2).is_empty());
            prop_assert!(!self.plan.startable(next_ms).is_empty());
        }
        let moments = [next_ms.filter(|_| !are_busy), change_ms, self.ends_ms.values().min().copied()];
        let end_ms = BEGIN_MS + LENGTH_MS;
        self.now_ms = moments.into_iter().flatten().min().unwrap_or(end_ms).max(self.now_ms + 1);
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// On one worker all pairs come one after another.
    #[test]
    fn no_tenant_twice_none_at_night_none_in_maintenance_and_everybody_in_time(days in days()) {
        Drive::new(days, TENANTS * APPLICATIONS).run()?;
    }

    #[test]
    fn with_a_worker_for_each_tenant_none_waits_for_another_tenant(mut days in days()) {
        days.workers = TENANTS;
        Drive::new(days, APPLICATIONS).run()?;
    }
}
