//! Two hands that break things until the time is over, one fault each at a time, and mend what they broke.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use rand::Rng;
use services::Services;

use crate::balancer::Balancer;
use crate::faults::{Kind, Schedule};
use crate::stage::{NODES, Programs};

/// Faults that a run has at least.
pub(crate) const LEAST_FAULTS: u64 = 20;
const SHORT_PAUSE: Duration = Duration::from_secs(5);
/// Longer than a transaction may stay open (45 s) and the coordinator's look for such (10 s).
const LONG_PAUSE: Duration = Duration::from_secs(60);
/// With everything mended, the next call must be acknowledged by then.
const PROGRESS: Duration = Duration::from_secs(120);
/// Until a caller waits: what breaks while nobody calls breaks nothing.
const CALLER: Duration = Duration::from_secs(60);
/// A fault comes at most so long after a caller began to wait: into whatever step the call is at.
const INTO_CALL_MS: u64 = 120;
/// Longest time between a hand's faults, so that cycles come to their end, too.
const CALM_MS: u64 = 6000;
const POLL: Duration = Duration::from_millis(5);

/// What both hands and everybody else share.
#[derive(Default)]
pub(crate) struct Course {
    /// Set when the time is over, or something failed.
    pub(crate) is_over: AtomicBool,
    /// Set when the hands are down and everything runs.
    pub(crate) is_mended: AtomicBool,
    /// Set when there is nothing more to prove.
    pub(crate) has_failed: AtomicBool,
    /// Calls acknowledged so far.
    pub(crate) acknowledged: AtomicU64,
    done: Mutex<BTreeMap<Kind, u64>>,
}

impl Course {
    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    pub(crate) fn is_mended(&self) -> bool {
        self.is_mended.load(Ordering::Relaxed)
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed)
    }

    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// How often each kind of fault happened.
    pub(crate) fn faults(&self) -> BTreeMap<Kind, u64> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn happened(&self, kind: Kind, what: &str) {
        crate::tell(&format!("{kind} {what}"));
        *self.done.lock().unwrap_or_else(PoisonError::into_inner).entry(kind).or_default() += 1;
    }

    /// Waits until a call is acknowledged that was not before: what was broken works again.
    fn wait_for_progress(&self, after: Kind) -> anyhow::Result<()> {
        let (before, began) = (self.acknowledged(), Instant::now());
        while self.acknowledged() == before && !self.has_failed() {
            ensure!(
                began.elapsed() < PROGRESS,
                "no call was acknowledged within {PROGRESS:?} after: {after}"
            );
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    /// The next fault: also when the time is over, as long as there were too few, or a kind is left out.
    fn next(&self, schedule: &mut Schedule) -> Option<Kind> {
        let is_enough = schedule.had_all() && self.faults().values().sum::<u64>() >= LEAST_FAULTS;
        if self.is_over() && is_enough || self.has_failed() { None } else { schedule.next() }
    }
}

/// Breaks brokers and the registry.
pub(crate) fn services(
    services: &mut Services,
    balancer: &Balancer,
    mut schedule: Schedule,
    course: &Course,
) -> anyhow::Result<()> {
    while let Some(kind) = course.next(&mut schedule) {
        strike(balancer, &mut schedule)?;
        let node = u32::try_from(schedule.pick(NODES as usize))? + 1;
        let away = Duration::from_millis(schedule.random.gen_range(500..3000));
        match kind {
            Kind::BrokerKill => services.kill_node(node)?,
            Kind::BrokerRestart => services.stop_node(node)?,
            Kind::BrokerPause => services.pause_node(node)?,
            _ => services.stop_registry()?,
        }
        course.happened(kind, &format!("({node})"));
        std::thread::sleep(if kind == Kind::BrokerPause { SHORT_PAUSE } else { away });
        match kind {
            Kind::RegistryRestart => services.start_registry()?,
            // Also waits until every partition has its copies again: two nodes away at once would be an outage.
            _ => services.start_kafka()?,
        }
        course.wait_for_progress(kind)?;
    }
    Ok(())
}

/// Breaks bridges, the mirror and connections.
pub(crate) fn programs(
    programs: &mut Programs,
    mut schedule: Schedule,
    course: &Course,
) -> anyhow::Result<()> {
    while let Some(kind) = course.next(&mut schedule) {
        programs.check()?;
        strike(&programs.balancer, &mut schedule)?;
        let number = schedule.pick(programs.bridges.len());
        let away = Duration::from_millis(schedule.random.gen_range(0..1500));
        programs.break_one(kind, number, away)?;
        course.happened(kind, &format!("({})", number + 1));
        course.wait_for_progress(kind)?;
    }
    Ok(())
}

/// Waits for the moment of the next fault: after a calm, somewhere within a call.
fn strike(balancer: &Balancer, schedule: &mut Schedule) -> anyhow::Result<()> {
    let [calm, into_call] = [CALM_MS, INTO_CALL_MS].map(|most| schedule.random.gen_range(0..=most));
    std::thread::sleep(Duration::from_millis(calm));
    wait_until("a caller waits", || balancer.has_callers())?;
    std::thread::sleep(Duration::from_millis(into_call));
    Ok(())
}

impl Programs {
    /// An error where one has ended by itself.
    pub(crate) fn check(&mut self) -> anyhow::Result<()> {
        self.bridges.iter_mut().chain([&mut self.mirror]).try_for_each(|program| program.check())
    }

    fn break_one(&mut self, kind: Kind, number: usize, away: Duration) -> anyhow::Result<()> {
        let bridge = self.bridges.get_mut(number).context("no such bridge")?;
        match kind {
            Kind::BridgeKill | Kind::BridgeTerminate => {
                if kind == Kind::BridgeKill {
                    bridge.kill()?;
                } else {
                    bridge.terminate()?;
                }
                std::thread::sleep(away);
                bridge.start()?;
            }
            Kind::BridgePause => bridge.pause(SHORT_PAUSE),
            Kind::BridgeLongPause => bridge.pause(LONG_PAUSE),
            Kind::MirrorKill => {
                self.mirror.kill()?;
                std::thread::sleep(away);
                self.mirror.start()?;
            }
            Kind::HangUp => wait_until("a caller hangs up", || self.balancer.hang_up() > 0)?,
            _ => {
                let before = self.balancer.lost_answers();
                self.balancer.lose_an_answer();
                wait_until("an answer is lost", || self.balancer.lost_answers() > before)?;
            }
        }
        Ok(())
    }
}

fn wait_until(what: &str, mut happened: impl FnMut() -> bool) -> anyhow::Result<()> {
    let began = Instant::now();
    while !happened() {
        ensure!(began.elapsed() < CALLER, "waited in vain until {what}");
        std::thread::sleep(POLL);
    }
    Ok(())
}
