//! The schedule's clock: as fast as the real one, N times as fast, or without any waiting.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::clock::Clock;

/// How fast the schedule's clock runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speed {
    /// So many times as fast as the real one; 1 is real time.
    Times(u32),
    /// It stands still while cycles run, and jumps to the next moment at which there is something to do as soon as
    /// none runs: a day takes as long as its cycles take.
    Max,
}

/// A text that is no speed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a speed is a whole number from 1 to 4294967295, such as 60, or the word max")]
pub struct SpeedError;

impl FromStr for Speed {
    type Err = SpeedError;

    fn from_str(text: &str) -> Result<Self, SpeedError> {
        match text.parse() {
            Ok(times) if times > 0 => Ok(Self::Times(times)),
            Err(_) if text == "max" => Ok(Self::Max),
            _ => Err(SpeedError),
        }
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Times(times) => write!(out, "{times}"),
            Self::Max => out.write_str("max"),
        }
    }
}

/// The schedule's clock. It never makes tokens: those keep real time.
pub struct ScheduleClock {
    speed: Speed,
    real: Arc<dyn Clock>,
    real_begin_ms: i64,
    begin_ms: i64,
    /// Where a clock of [`Speed::Max`] stands.
    stands_at_ms: AtomicI64,
}

impl ScheduleClock {
    /// A clock that shows `begin_ms` (since 1970 UTC) now.
    #[must_use]
    pub fn new(speed: Speed, begin_ms: i64, real: Arc<dyn Clock>) -> Self {
        let real_begin_ms = real.now_ms();
        Self { speed, real, real_begin_ms, begin_ms, stands_at_ms: AtomicI64::new(begin_ms) }
    }

    /// The real clock, for tokens.
    #[must_use]
    pub fn real(&self) -> &dyn Clock {
        &*self.real
    }

    /// The speed.
    #[must_use]
    pub fn speed(&self) -> Speed {
        self.speed
    }

    /// The real moment at which this clock shows `moment_ms`; `None` where it would have to be moved there.
    pub(super) fn real_moment_ms(&self, moment_ms: i64) -> Option<i64> {
        let Speed::Times(times) = self.speed else { return None };
        let times = i64::from(times);
        let passes_ms = moment_ms - self.begin_ms;
        // Upwards, or it would be a moment too early.
        let real_ms = passes_ms.div_euclid(times) + i64::from(passes_ms.rem_euclid(times) > 0);
        Some(self.real_begin_ms + real_ms)
    }
}

impl Clock for ScheduleClock {
    fn now_ms(&self) -> i64 {
        match self.speed {
            Speed::Times(times) => {
                let passed_ms = self.real.now_ms() - self.real_begin_ms;
                self.begin_ms.saturating_add(passed_ms.saturating_mul(i64::from(times)))
            }
            Speed::Max => self.stands_at_ms.load(Ordering::SeqCst),
        }
    }

    /// Waits in real time, or moves the clock where it does not move by itself.
    fn wait_until_ms(&self, moment_ms: i64) {
        match self.real_moment_ms(moment_ms) {
            Some(real_ms) => self.real.wait_until_ms(real_ms),
            None => {
                self.stands_at_ms.fetch_max(moment_ms, Ordering::SeqCst);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::HandClock;

    #[test]
    fn a_speed_is_a_positive_number_or_max() {
        assert_eq!("60".parse(), Ok(Speed::Times(60)));
        assert_eq!("max".parse(), Ok(Speed::Max));
        for other in ["", "0", "-1", "1.5", "Max", "4294967296", "60x"] {
            assert_eq!(other.parse::<Speed>(), Err(SpeedError), "{other}");
        }
        assert_eq!(Speed::Times(60).to_string() + " " + &Speed::Max.to_string(), "60 max");
    }

    #[test]
    fn sixty_times_as_fast_a_real_second_is_a_minute() {
        let real = Arc::new(HandClock::at_seconds(1000));
        let clock = ScheduleClock::new(Speed::Times(60), 5_000, real.clone());
        assert_eq!(clock.now_ms(), 5_000);
        real.set_seconds(1001);
        assert_eq!(clock.now_ms(), 65_000);
        assert_eq!(clock.real_moment_ms(65_000), Some(1_001_000));
        assert_eq!(clock.real_moment_ms(65_001), Some(1_001_001), "never too early");
        clock.wait_until_ms(125_000);
        assert_eq!(real.now_ms(), 1_002_000);
    }

    #[test]
    fn without_waiting_it_moves_only_when_it_is_moved_and_never_back() {
        let real = Arc::new(HandClock::at_seconds(1000));
        let clock = ScheduleClock::new(Speed::Max, 5_000, real.clone());
        real.set_seconds(2000);
        assert_eq!((clock.now_ms(), clock.real_moment_ms(6_000)), (5_000, None));
        clock.wait_until_ms(9_000);
        clock.wait_until_ms(8_000);
        assert_eq!((clock.now_ms(), real.now_ms()), (9_000, 2_000_000));
    }
}
