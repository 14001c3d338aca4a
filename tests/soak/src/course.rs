//! What happens to a tenant, and when: all of it follows from the run's seed and the tenant's number.
//!
//! Which tenants get what follows from their numbers, so that a short run of few tenants has some of everything; when
//! it happens is random. Every happening leaves time for a cycle before the run's end.

use std::ops::Range;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Milliseconds of a minute.
pub(crate) const MINUTE_MS: i64 = 60_000;
/// Milliseconds of an hour.
pub(crate) const HOUR_MS: i64 = 60 * MINUTE_MS;
/// Milliseconds of a day.
pub(crate) const DAY_MS: i64 = 24 * HOUR_MS;

/// All tenants have joined after so many minutes. Those who join together are called together.
const JOINING_MINUTES: i64 = 5;
/// Nothing happens before all have opened once, nor so close to a day's end that no cycle would come to see it.
const MARGIN_MS: i64 = HOUR_MS;
const SHORTEST_MAINTENANCE_MS: i64 = 30 * MINUTE_MS;
const LONGEST_MAINTENANCE_MS: i64 = 150 * MINUTE_MS;
/// Between a backup and its restore lie some cycles.
const SHORTEST_LOSS_MS: i64 = 45 * MINUTE_MS;
const LONGEST_LOSS_MS: i64 = 120 * MINUTE_MS;
/// How long a tenant is in maintenance before and after it is restored.
const AROUND_A_RESTORE_MS: i64 = 10 * MINUTE_MS;
/// Changes of the schema on a whole day.
const ALTERATIONS_A_DAY: i64 = 2;

/// Something that is done to a tenant while none of its cycles runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Happening {
    /// A table or column comes, goes or changes; which one follows from the number.
    Alteration(u64),
    /// Its database is copied.
    Backup,
    /// The copy takes the database's place, and the next cycle comes before anybody works again: mirrors are ahead of
    /// their source, and the vendor sees it.
    Restore,
    /// The same, but work passes the mirrors' positions before the next cycle, so that nobody can see what happened:
    /// operations throw the tenant's row topics away, as the README asks.
    HiddenRestore,
}

/// One tenant's days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Course {
    /// When it approves the applications.
    pub(crate) joins_ms: i64,
    /// Whether it approves the mirrored application too.
    pub(crate) is_mirrored: bool,
    /// When nothing of its runs.
    pub(crate) maintenance: Vec<Range<i64>>,
    /// In the order of time.
    pub(crate) happenings: Vec<(i64, Happening)>,
}

impl Course {
    /// Of tenant `number`, between two moments of the schedule's clock.
    pub(crate) fn new(seed: u64, number: u32, begin_ms: i64, end_ms: i64) -> Self {
        let mut random = StdRng::seed_from_u64(seed ^ (u64::from(number) << 32));
        let mut course = Self {
            joins_ms: begin_ms + i64::from(number) % JOINING_MINUTES * MINUTE_MS,
            is_mirrored: number % 10 == 3,
            maintenance: Vec::new(),
            happenings: Vec::new(),
        };
        let mut day_ms = begin_ms;
        while day_ms < end_ms {
            let day = day_ms + MARGIN_MS..(day_ms + DAY_MS).min(end_ms) - MARGIN_MS;
            course.add_day(number, &day, &mut random);
            day_ms += DAY_MS;
        }
        course.happenings.sort_by_key(|(at_ms, _)| *at_ms);
        course
    }

    fn add_day(&mut self, number: u32, day: &Range<i64>, random: &mut StdRng) {
        let length_ms = day.end - day.start;
        if length_ms < 2 * LONGEST_LOSS_MS {
            return;
        }
        match number % 5 {
            0 => self.add_restore(Happening::Restore, day, random),
            // A mirror that reads a topic while it is thrown away is another test's matter.
            2 if !self.is_mirrored => self.add_restore(Happening::HiddenRestore, day, random),
            4 => {
                let length = random.gen_range(SHORTEST_MAINTENANCE_MS..LONGEST_MAINTENANCE_MS);
                let start = random.gen_range(day.start..day.end - length);
                self.maintenance.push(start..start + length);
            }
            _ => {}
        }
        for _ in 0..(ALTERATIONS_A_DAY * length_ms / DAY_MS).max(1) {
            let at_ms = random.gen_range(day.clone());
            self.happenings.push((at_ms, Happening::Alteration(random.r#gen())));
        }
    }

    fn add_restore(&mut self, restore: Happening, day: &Range<i64>, random: &mut StdRng) {
        let loss = random.gen_range(SHORTEST_LOSS_MS..LONGEST_LOSS_MS);
        let backup_ms = random.gen_range(day.start..day.end - loss);
        let restore_ms = backup_ms + loss;
        self.happenings.push((backup_ms, Happening::Backup));
        self.happenings.push((restore_ms, restore));
        self.maintenance.push(restore_ms - AROUND_A_RESTORE_MS..restore_ms + AROUND_A_RESTORE_MS);
    }

    /// Whether the tenant is in maintenance.
    pub(crate) fn is_in_maintenance(&self, now_ms: i64) -> bool {
        self.maintenance.iter().any(|window| window.contains(&now_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn courses(seed: u64, days: i64) -> Vec<Course> {
        (0..40).map(|number| Course::new(seed, number, 0, days * DAY_MS)).collect()
    }

    fn count(courses: &[Course], is: impl Fn(Happening) -> bool) -> usize {
        courses.iter().flat_map(|course| &course.happenings).filter(|(_, happening)| is(*happening)).count()
    }

    #[test]
    fn the_same_seed_brings_the_same_days() {
        assert_eq!(courses(1, 2), courses(1, 2));
        assert_ne!(courses(1, 2), courses(2, 2));
    }

    #[test]
    fn ten_tenants_meet_everything_in_a_quarter_of_a_day() {
        for seed in 0..50 {
            let courses: Vec<Course> =
                (0..10).map(|number| Course::new(seed, number, 0, DAY_MS / 4)).collect();
            let has = |wanted| count(&courses, |happening| happening == wanted) > 0;
            assert!(has(Happening::Backup) && has(Happening::Restore) && has(Happening::HiddenRestore));
            assert!(count(&courses, |happening| matches!(happening, Happening::Alteration(_))) >= 6);
            assert!(courses.iter().any(|course| course.is_mirrored));
            assert!(courses.iter().any(|course| course.maintenance.len() == 1));
        }
    }

    #[test]
    fn happenings_are_in_order_and_leave_time_for_a_cycle() {
        for course in courses(7, 3) {
            assert!(course.happenings.is_sorted_by_key(|(at_ms, _)| *at_ms));
            for (at_ms, _) in &course.happenings {
                assert!((HOUR_MS..3 * DAY_MS - HOUR_MS).contains(at_ms), "{at_ms}");
            }
        }
    }
}
