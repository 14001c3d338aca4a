//! Time comes in from outside, so that tests can move it.
//!
//! Waiting is the clock's work too: a cycle waits for the next second where its token would otherwise be no newer
//! than the one before, and a clock that a test moves by hand need not sleep for that.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Tells the time of day and waits for it.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970 UTC.
    fn now_ms(&self) -> i64;

    /// Returns once `now_ms` is at or past `moment_ms`.
    fn wait_until_ms(&self, moment_ms: i64);

    /// Whole seconds since 1970 UTC, the unit of a token's `nbf`.
    fn now_seconds(&self) -> i64 {
        self.now_ms().div_euclid(1000)
    }
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    fn wait_until_ms(&self, moment_ms: i64) {
        loop {
            match u64::try_from(moment_ms - self.now_ms()) {
                Ok(left) if left > 0 => std::thread::sleep(Duration::from_millis(left)),
                _ => return,
            }
        }
    }
}
