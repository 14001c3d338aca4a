//! One direction of one connection: how fast, and whether at all, bytes pass.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    Up,
    /// From the server to the client.
    Down,
}

/// What a direction does to what passes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// Each frame, or what arrived at once, waits so long.
    pub delay: Duration,
    /// Nothing passes; nobody is told.
    pub frozen: bool,
    /// After so many more bytes the connection is reset, in the middle of a frame if need be.
    pub cut_after: Option<usize>,
}

#[derive(Debug, Default)]
pub(crate) struct Link {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    conditions: Conditions,
    closed: bool,
}

impl Link {
    pub(crate) fn new(conditions: Conditions) -> Link {
        Link { state: Mutex::new(State { conditions, closed: false }), changed: Condvar::new() }
    }

    pub(crate) fn set(&self, conditions: Conditions) {
        self.change(|state| state.conditions = conditions);
    }

    /// Lets whoever waits go.
    pub(crate) fn close(&self) {
        self.change(|state| state.closed = true);
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }

    /// Waits until something may pass, and says how many of `length` bytes may.
    pub(crate) fn admit(&self, length: usize) -> usize {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let delay = state.conditions.delay;
        // Only the link's end cuts a delay short.
        let waited = self.changed.wait_timeout_while(state, delay, |state| !state.closed);
        let state = waited.unwrap_or_else(PoisonError::into_inner).0;
        let waited = self.changed.wait_while(state, |state| state.conditions.frozen && !state.closed);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        if state.closed {
            return 0;
        }
        let Some(left) = &mut state.conditions.cut_after else { return length };
        let admitted = length.min(*left);
        *left -= admitted;
        admitted
    }
}
