//! How far a copy in the making is, and how long it will take.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::verbs::watched::Seen;

/// How far `regenerate` is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Progress {
    /// Of the records that the topics had at the start, in percent.
    pub percent: f64,
    /// Rows written so far.
    pub rows: u64,
    /// Rows written per second, since the start.
    pub rows_per_second: f64,
    /// Seconds since the start.
    pub seconds: f64,
    /// Seconds left, at the speed so far; nothing where there is no speed yet.
    pub seconds_left: Option<f64>,
}

/// First offsets and ends by topic and partition, as they were at the start.
pub(crate) struct Course {
    begun: Instant,
    spans: Vec<((String, i32), i64, i64)>,
}

impl Course {
    pub(crate) fn new(spans: Vec<((String, i32), i64, i64)>) -> Self {
        Self { begun: Instant::now(), spans }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Whether everything that was there at the start is applied, and something to be shown is durable: where only
    /// whole cycles are shown, the last one may be half applied.
    pub(crate) fn is_done(&self, seen: &Seen) -> bool {
        let is_empty = |first: &i64, end: &i64| end <= first;
        let has =
            |place, end: &i64| seen.reached.get(place).is_some_and(|position| position.next_offset >= *end);
        let is_reached = self.spans.iter().all(|(place, first, end)| is_empty(first, end) || has(place, end));
        let is_shown =
            self.spans.iter().all(|(_, first, end)| is_empty(first, end)) || !seen.durable.is_empty();
        is_reached && is_shown
    }

    pub(crate) fn progress(&self, seen: &Seen) -> Progress {
        let total: i64 = self.spans.iter().map(|(_, first, end)| (end - first).max(0)).sum();
        let done = self.spans.iter().map(|(place, first, end)| {
            let next = seen.reached.get(place).map_or(*first, |position| position.next_offset);
            (next.min(*end) - first).max(0)
        });
        progress(done.sum(), total, seen.rows, self.elapsed().as_secs_f64())
    }
}

// Numbers of records and rows are far below 2^52.
#[allow(clippy::cast_precision_loss)]
fn progress(done: i64, total: i64, rows: u64, seconds: f64) -> Progress {
    let share = if total == 0 { 1.0 } else { done as f64 / total as f64 };
    Progress {
        percent: share * 100.0,
        rows,
        rows_per_second: if seconds > 0.0 { rows as f64 / seconds } else { 0.0 },
        seconds,
        seconds_left: (share > 0.0).then(|| seconds * (1.0 - share) / share),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destination::Position;

    #[test]
    fn time_left_goes_by_the_speed_so_far() {
        let half = progress(50, 100, 40, 10.0);
        assert_eq!((half.percent, half.rows_per_second, half.seconds_left), (50.0, 4.0, Some(10.0)));
        assert_eq!(progress(0, 100, 0, 1.0).seconds_left, None);
        assert_eq!(progress(0, 0, 0, 0.0).percent, 100.0);
    }

    #[test]
    fn an_empty_partition_needs_no_position() {
        let place = |partition| ("t".to_owned(), partition);
        let course = Course::new(vec![(place(0), 0, 10), (place(1), 5, 5)]);
        let at = |next_offset| Position { topic_id: "a".into(), next_offset };
        let mut seen = Seen::default();
        seen.reached.insert(place(0), at(4));
        assert_eq!(course.progress(&seen).percent, 40.0);
        seen.durable = seen.reached.clone();
        assert!(!course.is_done(&seen));
        seen.reached.insert(place(0), at(12));
        assert!(course.is_done(&seen), "a cycle may be open");
        seen.durable.clear();
        assert!(!course.is_done(&seen), "nothing is to be seen");
    }
}
