//! Asking a mirror to stop, and waiting no longer than that.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// A wish that a mirror stops; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<(Mutex<bool>, Condvar)>);

impl Stop {
    /// A wish not yet made.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the wish. The mirror ends between two transactions.
    pub fn request(&self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.1.notify_all();
    }

    /// Whether the wish was made.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits this long, or until the wish is made. Says whether it was.
    #[must_use]
    pub fn wait(&self, at_most: Duration) -> bool {
        let requested = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.0.1.wait_timeout_while(requested, at_most, |requested| !*requested);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}
