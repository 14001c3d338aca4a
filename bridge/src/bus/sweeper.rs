//! Sweeps that are longer than a call go on after it, chunk by chunk, on a thread of the bus. Calls go first: the tenant
//! is held for one chunk at a time, and not at all while a call waits.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mirrorbus_schemas::topic::Tenant;

use super::call::{Call, Caller};
use super::error::BusError;
use super::order::CallMark;
use super::{Bus, Slot, sweep};
use crate::clock::Deadline;

/// How long one chunk may take.
const CHUNK_TIME: Duration = Duration::from_secs(45);
/// Before a sweep that failed is tried again.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(5);
/// Between two looks whether a call still waits.
const PAUSE: Duration = Duration::from_millis(2);

/// Tenants with sweeps that their calls did not finish.
#[derive(Default)]
pub(super) struct Sweeper {
    left: Mutex<VecDeque<Tenant>>,
    wake: Condvar,
    stopping: AtomicBool,
    /// A thread sees to what is left.
    attended: AtomicBool,
}

/// What became of a tenant's turn.
enum Turn {
    /// Nothing is left, or somebody else is at it: another bridge, or a later call of the tenant.
    Done,
    /// More is left.
    Left,
    /// It cannot go on now.
    Failed(BusError),
}

impl Sweeper {
    fn left(&self) -> MutexGuard<'_, VecDeque<Tenant>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, tenant: &Tenant) {
        let mut left = self.left();
        if !left.contains(tenant) {
            left.push_back(tenant.clone());
            self.wake.notify_one();
        }
    }

    pub(super) fn is_attended(&self) -> bool {
        self.attended.load(Ordering::Relaxed)
    }

    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        let _left = self.left();
        self.wake.notify_all();
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// The next tenant; `None` once it is time to stop.
    fn next(&self) -> Option<Tenant> {
        let mut left = self.left();
        loop {
            if self.is_stopping() {
                return None;
            }
            if let Some(tenant) = left.front() {
                return Some(tenant.clone());
            }
            left = self.wake.wait(left).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits before a failed sweep is tried again, unless it is time to stop.
    fn pause(&self) {
        let left = self.left();
        if !self.is_stopping() {
            drop(self.wake.wait_timeout(left, PAUSE_AFTER_FAILURE));
        }
    }
}

impl Bus {
    /// Finishes what calls leave to sweep, until [`Bus::close`]. One tenant after the other, so that the memory is that
    /// of one sweep; a tenant whose sweep fails goes behind the others.
    pub fn sweep_what_is_left(&self) {
        self.sweeper.attended.store(true, Ordering::Relaxed);
        while let Some(tenant) = self.sweeper.next() {
            let turn = self.sweep_chunk(&tenant);
            if matches!(turn, Turn::Left) {
                continue;
            }
            let mut left = self.sweeper.left();
            left.retain(|other| *other != tenant);
            if let Turn::Failed(error) = turn {
                tracing::warn!(%tenant, %error, "a sweep was interrupted and will be tried again");
                left.push_back(tenant);
                drop(left);
                self.sweeper.pause();
            }
        }
    }

    fn sweep_chunk(&self, tenant: &Tenant) -> Turn {
        let slot = self.slot(tenant);
        self.let_calls_go_first(&slot);
        let mut held = slot.lock();
        let Some(session) = held.as_mut() else { return Turn::Done };
        match session.is_current(self, tenant, None) {
            Ok(true) => {}
            Ok(false) => return Turn::Done,
            Err(error) => return Turn::Failed(error),
        }
        let mark = CallMark { token_time: 0, digest: String::new() };
        let caller = Caller {
            tenant: tenant.clone(),
            mark,
            deadline: Deadline::start(CHUNK_TIME),
            positions_end: None,
        };
        let mut call = Call { bus: self, caller: &caller, session, close: false };
        // One chunk: the time is over once it is done.
        let turn = match sweep::run(&mut call, &Deadline::start(Duration::ZERO)) {
            Ok(true) => Turn::Done,
            Ok(false) => Turn::Left,
            Err(error) => Turn::Failed(error),
        };
        let is_over = matches!(turn, Turn::Done) && session.completed;
        if is_over || !session.is_usable() {
            *held = None;
        }
        turn
    }

    fn let_calls_go_first(&self, slot: &Slot) {
        while slot.waiting.load(Ordering::Relaxed) > 0 && !self.sweeper.is_stopping() {
            // Nothing tells when the last of them has its turn.
            std::thread::sleep(PAUSE);
        }
    }
}
