//! Time comes in from outside, so that tests can move it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Tells the time of day.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970 UTC.
    fn now_ms(&self) -> i64;

    /// Lets time pass.
    fn pause(&self, time: Duration) {
        std::thread::sleep(time);
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
}

/// How long a call may take, counted from its body's last byte.
///
/// The monotonic clock stands still while the machine is suspended and the wall clock can be set back, so the
/// larger of both ages counts.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    began: Instant,
    began_wall: SystemTime,
    limit: Duration,
}

impl Deadline {
    /// Starts counting.
    #[must_use]
    pub fn start(limit: Duration) -> Self {
        Self { began: Instant::now(), began_wall: SystemTime::now(), limit }
    }

    /// Time left; zero once it is over.
    #[must_use]
    pub fn left(&self) -> Duration {
        let wall = self.began_wall.elapsed().unwrap_or(Duration::ZERO);
        self.limit.saturating_sub(self.began.elapsed().max(wall))
    }

    /// Whether the time is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.left().is_zero()
    }
}
