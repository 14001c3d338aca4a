//! A rule for one request: which, and what happens to it.

use std::sync::Arc;
use std::time::Duration;

use crate::frame::Request;
use crate::traffic::{Exchange, Traffic};

/// What happens to a request that falls into a trap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It waits, and everything behind it on its connection, until it is released or discarded.
    Hold,
    /// It waits likewise, but the client's connection is reset. Released, it reaches the broker late, on the connection
    /// that the client has given up.
    HoldAndReset,
    /// It reaches the broker, and the client's connection is reset before there can be a response.
    DeliverAndReset,
    /// It reaches the broker; when the response comes, that is dropped and the client's connection reset.
    DropResponse,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Release,
    Discard,
}

/// A trap's side in the traffic.
pub(crate) struct Snare {
    pub(crate) fits: Box<dyn Fn(&Request) -> bool + Send>,
    /// How many fitting requests pass before the one that is caught.
    pub(crate) passing: usize,
    pub(crate) action: Action,
    /// The number of the exchange.
    pub(crate) caught: Option<usize>,
    pub(crate) verdict: Option<Verdict>,
}

impl Snare {
    /// Counts a request that fits; whether it is the one.
    pub(crate) fn is_due(&mut self, request: &Request) -> bool {
        if self.caught.is_some() || self.verdict.is_some() || !(self.fits)(request) {
            return false;
        }
        if self.passing > 0 {
            self.passing -= 1;
            return false;
        }
        true
    }
}

/// A rule that was set; it catches one request.
#[derive(Debug)]
pub struct Trap {
    pub(crate) traffic: Arc<Traffic>,
    pub(crate) snare: usize,
}

impl Trap {
    /// Waits until a request is caught.
    #[must_use]
    pub fn wait(&self, at_most: Duration) -> Option<Exchange> {
        self.traffic.wait(at_most, |state| {
            let caught = state.snares[self.snare].caught?;
            Some(state.exchanges[caught].clone())
        })
    }

    /// Waits until the broker has answered the request that was caught.
    #[must_use]
    pub fn answered(&self, at_most: Duration) -> Option<Exchange> {
        self.traffic.wait(at_most, |state| {
            let exchange = &state.exchanges[state.snares[self.snare].caught?];
            exchange.answered.is_some().then(|| exchange.clone())
        })
    }

    /// Lets a held request go to the broker. A trap that has caught nothing yet will catch nothing.
    pub fn release(&self) {
        self.decide(Verdict::Release);
    }

    /// Lets a held request vanish.
    pub fn discard(&self) {
        self.decide(Verdict::Discard);
    }

    fn decide(&self, verdict: Verdict) {
        self.traffic.change(|state| {
            state.snares[self.snare].verdict.get_or_insert(verdict);
        });
    }
}
