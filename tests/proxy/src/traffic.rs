//! Everything that passed, and everything that waits for a request: one lock, one bell.

use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::frame::Request;
use crate::trap::{Action, Snare, Verdict};

/// A request and what became of it.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// On which connection, numbered in the order of their beginning.
    pub connection: usize,
    /// What was asked.
    pub request: Request,
    /// When the proxy had read it.
    pub arrived: Instant,
    /// When it went on to the broker.
    pub delivered: Option<Instant>,
    /// When the broker's response had come.
    pub answered: Option<Instant>,
    /// Whether the client was given the response.
    pub passed_on: bool,
    /// Of EndTxn, the response's error code; 0 is none.
    pub error: Option<i16>,
}

#[derive(Default)]
pub(crate) struct Traffic {
    state: Mutex<State>,
    bell: Condvar,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) exchanges: Vec<Exchange>,
    pub(crate) snares: Vec<Snare>,
    pub(crate) stopped: bool,
}

impl fmt::Debug for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.lock().exchanges).finish()
    }
}

impl Traffic {
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes something that somebody may wait for.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.lock());
        self.bell.notify_all();
        changed
    }

    /// Waits until there is what is looked for; `None` when time is up or the proxy has stopped.
    pub(crate) fn wait<T>(
        &self,
        at_most: Duration,
        mut look: impl FnMut(&mut State) -> Option<T>,
    ) -> Option<T> {
        let deadline = Instant::now() + at_most;
        let mut state = self.lock();
        loop {
            if let Some(found) = look(&mut state) {
                return Some(found);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || state.stopped {
                return None;
            }
            state = self.bell.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Takes note of a request; says its number, and what a snare that it fell into does to it.
    pub(crate) fn arrive(&self, connection: usize, request: Request) -> (usize, Option<(usize, Action)>) {
        self.change(|state| {
            let number = state.exchanges.len();
            let sprung = spring(&mut state.snares, &request, number);
            state.exchanges.push(Exchange {
                connection,
                request,
                arrived: Instant::now(),
                delivered: None,
                answered: None,
                passed_on: false,
                error: None,
            });
            (number, sprung)
        })
    }

    /// Waits for what the test decides about a held request; the proxy's end discards it.
    pub(crate) fn verdict(&self, snare: usize) -> Verdict {
        let state = self.lock();
        let undecided = |state: &mut State| !state.stopped && state.snares[snare].verdict.is_none();
        let state = self.bell.wait_while(state, undecided).unwrap_or_else(PoisonError::into_inner);
        state.snares[snare].verdict.unwrap_or(Verdict::Discard)
    }
}

/// Every snare counts what fits it; the first that is complete takes the request.
fn spring(snares: &mut [Snare], request: &Request, number: usize) -> Option<(usize, Action)> {
    let mut sprung = None;
    for (index, snare) in snares.iter_mut().enumerate() {
        if snare.is_due(request) && sprung.is_none() {
            snare.caught = Some(number);
            sprung = Some((index, snare.action));
        }
    }
    sprung
}
