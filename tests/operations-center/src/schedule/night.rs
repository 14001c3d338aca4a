//! The hours in which no cycle starts.

use super::{DAY_MS, MINUTE_MS};

/// 01:30, from midnight.
const BEGINS_MS: i64 = 90 * MINUTE_MS;
/// 03:00, from midnight.
const ENDS_MS: i64 = 180 * MINUTE_MS;

/// The night of the schedule's clock: from 01:30 until just before 03:00, every day.
///
/// The vendor says no more than that nothing runs then. Here no cycle starts in the night, and one that runs when it
/// begins goes on to its end: to break it off would only make the next one send the same rows again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Night {
    offset_ms: i64,
}

impl Night {
    /// The night in a zone that is `offset_minutes` ahead of UTC (behind it where negative), without summer time.
    #[must_use]
    pub fn in_zone(offset_minutes: i32) -> Self {
        Self { offset_ms: i64::from(offset_minutes) * MINUTE_MS }
    }

    /// When the night ends in which `now_ms` lies; `None` by day.
    #[must_use]
    pub fn ends_ms(&self, now_ms: i64) -> Option<i64> {
        let local_ms = (now_ms + self.offset_ms).rem_euclid(DAY_MS);
        (BEGINS_MS..ENDS_MS).contains(&local_ms).then(|| now_ms - local_ms + ENDS_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Minutes of a day to its milliseconds, on a day long after 1970.
    fn at(hour: i64, minute: i64) -> i64 {
        20_454 * DAY_MS + (hour * 60 + minute) * MINUTE_MS
    }

    #[test]
    fn the_night_lasts_from_half_past_one_to_three() {
        let night = Night::default();
        assert_eq!(night.ends_ms(at(1, 30) - 1), None);
        assert_eq!(night.ends_ms(at(1, 30)), Some(at(3, 0)));
        assert_eq!(night.ends_ms(at(3, 0) - 1), Some(at(3, 0)));
        assert_eq!(night.ends_ms(at(3, 0)), None);
    }

    #[test]
    fn a_zone_moves_the_night_also_over_midnight() {
        let ahead = Night::in_zone(120);
        assert_eq!(ahead.ends_ms(at(0, 0)), Some(at(1, 0)));
        assert_eq!(ahead.ends_ms(at(-1, 30)), Some(at(1, 0)));
        assert_eq!(ahead.ends_ms(at(1, 30)), None);
        let behind = Night::in_zone(-330);
        assert_eq!(behind.ends_ms(at(7, 0)), Some(at(8, 30)));
        assert_eq!(behind.ends_ms(at(8, 30)), None);
    }

    #[test]
    fn moments_before_1970_have_nights_too() {
        assert_eq!(Night::default().ends_ms(2 * 60 * MINUTE_MS - DAY_MS), Some(ENDS_MS - DAY_MS));
    }
}
