//! One run of the schedule: the loop that reads the register, starts what may start, and waits.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{RecvTimeoutError, Sender};
use std::thread::Scope;
use std::time::{Duration, Instant};

use super::super::MINUTE_MS;
use super::super::clock::Speed;
use super::super::outcome::Ended;
use super::super::plan::{Pair, Plan};
use super::super::register::Assignment;
use super::super::summary::Summary;
use super::super::task::Turn;
use super::{Event, Message, Scheduler};
use crate::clock::Clock;

/// How often the register is read, in real milliseconds.
const REREAD_REAL_MS: i64 = 1000;
/// The longest jump of a clock that does not move by itself: the register is read at least so often.
const LONGEST_JUMP_MS: i64 = MINUTE_MS;
/// A tenant's next token is newer than the last within a second. Where it is farther away the real clock was set back,
/// and the cycle starts to fail of that and say so.
const NEXT_SECOND_MS: i64 = 1000;

/// The schedule while it runs.
pub(super) struct Run<'r, F> {
    scheduler: &'r Scheduler<'r>,
    plan: Plan,
    assignments: BTreeMap<Pair, Arc<Assignment>>,
    /// Until when, by the schedule's clock, time has passed for each tenant.
    since_ms: BTreeMap<String, i64>,
    /// The real moment from which on each tenant's next token is newer than those before.
    opens_real_ms: BTreeMap<String, i64>,
    /// When the register is to be read again; `None` before it was read.
    reread_real_ms: Option<i64>,
    summary: Summary,
    events: F,
}

impl<'r, F: FnMut(Event<'_>)> Run<'r, F> {
    pub(super) fn new(scheduler: &'r Scheduler<'r>, events: F) -> Self {
        Self {
            scheduler,
            plan: Plan::new(scheduler.options.rules),
            assignments: BTreeMap::new(),
            since_ms: BTreeMap::new(),
            opens_real_ms: BTreeMap::new(),
            reread_real_ms: None,
            summary: Summary::default(),
            events,
        }
    }

    pub(super) fn into_summary(self) -> Summary {
        self.summary
    }

    pub(super) fn drive<'scope>(&mut self, scope: &'scope Scope<'scope, '_>, end_ms: i64)
    where
        'r: 'scope,
    {
        while !self.is_over(end_ms) {
            self.reread();
            let waits_for_real_ms = self.start(scope);
            self.wait(waits_for_real_ms, end_ms);
        }
        while self.plan.running() > 0 {
            let message = self.scheduler.receiver.recv();
            self.take(message.ok());
        }
    }

    fn is_over(&self, end_ms: i64) -> bool {
        self.scheduler.stopped.load(Ordering::SeqCst) || self.scheduler.clock.now_ms() >= end_ms
    }

    /// Reads the register where it is time to.
    fn reread(&mut self) {
        let Scheduler { register, clock, .. } = self.scheduler;
        let real_ms = clock.real().now_ms();
        let is_due = match clock.speed() {
            // A clock that was set back must not keep it from being read.
            Speed::Times(_) => {
                let left_ms = self.reread_real_ms.map(|reread_ms| reread_ms - real_ms);
                left_ms.is_none_or(|left_ms| !(1..=REREAD_REAL_MS).contains(&left_ms))
            }
            Speed::Max => self.plan.running() == 0,
        };
        if !is_due {
            return;
        }
        self.reread_real_ms = Some(real_ms + REREAD_REAL_MS);
        let now_ms = clock.now_ms();
        match register.assignments(now_ms) {
            Ok(assignments) => self.assign(now_ms, assignments),
            Err(error) => (self.events)(Event::RegisterFailed(&error)),
        }
        for tenant in self.plan.maintenance().clone() {
            self.ask_for_maintenance(&tenant, now_ms);
        }
    }

    fn assign(&mut self, now_ms: i64, assignments: Vec<Arc<Assignment>>) {
        self.assignments =
            assignments.into_iter().map(|assignment| (assignment.pair(), assignment)).collect();
        self.plan.approve(now_ms, &self.assignments.keys().cloned().collect());
        let tenants: BTreeSet<_> = self.assignments.keys().map(|pair| &pair.tenant).collect();
        self.since_ms.retain(|tenant, _| tenants.contains(tenant));
        self.opens_real_ms.retain(|tenant, _| tenants.contains(tenant));
        for tenant in tenants {
            self.since_ms.entry(tenant.clone()).or_insert(now_ms);
        }
    }

    /// Whether the tenant is in maintenance, which the plan is told.
    fn ask_for_maintenance(&mut self, tenant: &str, now_ms: i64) -> bool {
        // A cycle tells better what is wrong with the tenant.
        let is_on = self.scheduler.register.is_in_maintenance(tenant, now_ms).unwrap_or(false);
        self.plan.set_maintenance(tenant, is_on);
        is_on
    }

    /// Starts what may start, as far as there are workers. Where a worker is left over because a tenant waits for its
    /// next real second, returns that moment.
    fn start<'scope>(&mut self, scope: &'scope Scope<'scope, '_>) -> Option<i64>
    where
        'r: 'scope,
    {
        let Scheduler { clock, options, .. } = self.scheduler;
        let (now_ms, real_ms) = (clock.now_ms(), clock.real().now_ms());
        let mut waits_for_real_ms: Option<i64> = None;
        for (pair, due_ms) in self.plan.startable(now_ms) {
            if self.plan.running() >= options.workers.max(1) {
                return None;
            }
            let opens_ms = self.opens_real_ms.get(&pair.tenant).copied().unwrap_or(real_ms);
            if (1..=NEXT_SECOND_MS).contains(&(opens_ms - real_ms)) {
                waits_for_real_ms = Some(waits_for_real_ms.map_or(opens_ms, |other| other.min(opens_ms)));
            } else if !self.ask_for_maintenance(&pair.tenant, now_ms) {
                self.start_one(scope, &pair, due_ms, now_ms);
            }
        }
        waits_for_real_ms
    }

    fn start_one<'scope>(&mut self, scope: &'scope Scope<'scope, '_>, pair: &Pair, due_ms: i64, now_ms: i64)
    where
        'r: 'scope,
    {
        let Some(assignment) = self.assignments.get(pair).cloned() else { return };
        let since_ms = self.since_ms.insert(pair.tenant.clone(), now_ms).unwrap_or(now_ms);
        let Scheduler { task, clock, stopped, sender, .. } = self.scheduler;
        let turn = Turn { assignment, due_ms, now_ms, since_ms, stopped: Arc::clone(stopped) };
        let (task, real_started_ms, sender) = (*task, clock.real().now_ms(), sender.clone());
        self.plan.start(pair, now_ms);
        scope.spawn(move || {
            let mut report = Report { sender, message: Some(Message::Died(turn.assignment.tenant.clone())) };
            let began = Instant::now();
            let (outcome, counts) = task.run(&turn);
            let Turn { assignment, due_ms, now_ms: started_ms, .. } = turn;
            let took = began.elapsed();
            let ended = Ended { assignment, due_ms, started_ms, real_started_ms, took, counts, outcome };
            report.message = Some(Message::Ended(Box::new(ended)));
        });
    }

    /// Waits for what comes next: a message, or a moment at which there is something to do.
    fn wait(&mut self, waits_for_real_ms: Option<i64>, end_ms: i64) {
        let Scheduler { clock, receiver, .. } = self.scheduler;
        let now_ms = clock.now_ms();
        // When all workers are busy, the end of a cycle comes first.
        let next_ms = self.plan.next_ms(now_ms).filter(|next_ms| *next_ms > now_ms);
        let until_real_ms = match (clock.speed(), waits_for_real_ms) {
            (Speed::Max, Some(real_ms)) if self.plan.running() == 0 => {
                return clock.real().wait_until_ms(real_ms);
            }
            (Speed::Max, None) if self.plan.running() == 0 => match self.jump_ms(next_ms, end_ms) {
                Some(moment_ms) => return clock.wait_until_ms(moment_ms),
                None => Some(clock.real().now_ms() + REREAD_REAL_MS),
            },
            (Speed::Max, _) => waits_for_real_ms,
            (Speed::Times(_), _) => {
                let moments = [next_ms, (end_ms < i64::MAX).then_some(end_ms)];
                let moments = moments.into_iter().flatten().filter_map(|moment| clock.real_moment_ms(moment));
                moments.chain(waits_for_real_ms).chain(self.reread_real_ms).min()
            }
        };
        let message = match until_real_ms {
            None => receiver.recv().ok(),
            Some(real_ms) => {
                let left_ms = u64::try_from(real_ms - clock.real().now_ms()).unwrap_or(0);
                match receiver.recv_timeout(Duration::from_millis(left_ms)) {
                    Err(RecvTimeoutError::Timeout) => return,
                    message => message.ok(),
                }
            }
        };
        self.take(message);
    }

    /// Where a clock goes that does not move by itself. Where time alone brings nothing about, because nobody is
    /// approved or all are in maintenance, it goes on only towards an end.
    fn jump_ms(&self, next_ms: Option<i64>, end_ms: i64) -> Option<i64> {
        if next_ms.is_none() && end_ms == i64::MAX {
            return None;
        }
        let longest_ms = self.scheduler.clock.now_ms() + LONGEST_JUMP_MS;
        Some(next_ms.unwrap_or(end_ms).min(longest_ms).min(end_ms))
    }

    /// Takes in what a worker or a stopper said.
    fn take(&mut self, message: Option<Message>) {
        match message {
            Some(Message::Ended(ended)) => {
                let tenant = &ended.assignment.tenant;
                self.plan.end(tenant);
                // Whole seconds: the next one is newer than any token that the cycle used.
                let next_second_ms = (self.scheduler.clock.real().now_seconds() + 1) * 1000;
                self.opens_real_ms.insert(tenant.clone(), next_second_ms);
                self.summary.count(&ended);
                (self.events)(Event::Ended(&ended));
            }
            // The scope passes the panic on once the other workers have ended.
            Some(Message::Died(tenant)) => {
                self.plan.end(&tenant);
                self.scheduler.stopped.store(true, Ordering::SeqCst);
            }
            Some(Message::Stop) | None => {}
        }
    }
}

/// Says in every case how a worker ended.
struct Report {
    sender: Sender<Message>,
    message: Option<Message>,
}

impl Drop for Report {
    fn drop(&mut self) {
        if let Some(message) = self.message.take() {
            // The schedule waits for every worker, so that somebody is there.
            let _ = self.sender.send(message);
        }
    }
}
