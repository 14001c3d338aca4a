//! Who may stay connected when all places are taken.
//!
//! Connections are counted, and anybody can hold one open: idle, or with a byte now and then. So a place belongs only
//! to a caller whose token was accepted. Of the others the one that has been there longest gives way to the next that
//! comes: a caller needs milliseconds to show a token, and a stranger who would keep it out has to open as many
//! connections as there are places within them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// The places, and who holds them.
pub(super) struct Slots {
    max: usize,
    state: Mutex<State>,
    freed: Notify,
}

#[derive(Default)]
struct State {
    held: usize,
    arrivals: u64,
    /// Those without an accepted token, by arrival.
    strangers: BTreeMap<u64, CancellationToken>,
}

/// A place. It becomes free with the value.
pub(super) struct Slot {
    slots: Arc<Slots>,
    arrival: u64,
    given_up: CancellationToken,
}

impl Slots {
    pub(super) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { max, state: Mutex::default(), freed: Notify::new() })
    }

    /// A place, once there is one. Where all are taken, the longest-standing stranger is asked to leave.
    pub(super) async fn take(self: &Arc<Self>) -> Slot {
        loop {
            if let Some(slot) = self.try_take() {
                return slot;
            }
            self.freed.notified().await;
        }
    }

    fn try_take(self: &Arc<Self>) -> Option<Slot> {
        let mut state = self.state();
        if state.held >= self.max {
            if let Some((_, stranger)) = state.strangers.pop_first() {
                stranger.cancel();
            }
            return None;
        }
        state.held += 1;
        state.arrivals += 1;
        let (arrival, given_up) = (state.arrivals, CancellationToken::new());
        state.strangers.insert(arrival, given_up.clone());
        Some(Slot { slots: Arc::clone(self), arrival, given_up })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// Ends when the place is needed for somebody else.
    pub(super) async fn given_up(&self) {
        self.given_up.cancelled().await;
    }

    /// The token was accepted: from now on nobody takes the place.
    pub(super) fn keep(&self) {
        self.slots.state().strangers.remove(&self.arrival);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = self.slots.state();
        state.held -= 1;
        state.strangers.remove(&self.arrival);
        self.slots.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_longest_standing_stranger_gives_way_and_accepted_callers_stay() {
        let slots = Slots::new(3);
        let (first, second, third) = (slots.take().await, slots.take().await, slots.take().await);
        first.keep();
        let leaving = tokio::spawn(async move {
            second.given_up().await;
            drop(second);
        });
        let fourth = slots.take().await;
        leaving.await.unwrap();
        for slot in [&first, &third, &fourth] {
            assert!(!slot.given_up.is_cancelled());
        }
    }

    #[tokio::test]
    async fn where_all_are_accepted_callers_the_next_one_waits() {
        let slots = Slots::new(1);
        let only = slots.take().await;
        only.keep();
        assert!(slots.try_take().is_none());
        assert!(!only.given_up.is_cancelled());
        drop(only);
        slots.take().await.keep();
    }
}
