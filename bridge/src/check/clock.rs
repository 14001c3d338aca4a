//! This machine's clock beside those of Kafka and the registry. Tokens live six minutes and the vendor takes an
//! answer of fifteen: a clock that is wrong refuses every call.

use super::{Check, Status};

const WARNING_MS: i64 = 60_000;
const FAULT_MS: i64 = 5 * 60_000;

/// Somebody else's clock at a moment of ours.
#[derive(Clone, Copy, Debug)]
pub(super) struct Other {
    /// Whose.
    pub(super) whose: &'static str,
    /// How far it is ahead of ours.
    pub(super) ahead_ms: i64,
}

impl Other {
    /// A clock that showed `theirs_ms` at a moment between `before_ms` and `after_ms` of ours, in steps of `step_ms`.
    pub(super) fn new(
        whose: &'static str,
        theirs_ms: i64,
        before_ms: i64,
        after_ms: i64,
        step_ms: i64,
    ) -> Self {
        // Within what is not known there is no difference.
        let ahead_ms = match theirs_ms {
            _ if theirs_ms > after_ms => theirs_ms - after_ms,
            _ if theirs_ms + step_ms < before_ms => theirs_ms + step_ms - before_ms,
            _ => 0,
        };
        Self { whose, ahead_ms }
    }
}

pub(super) fn check(check: &mut Check<'_>, others: &[Other]) {
    let Some(worst) = others.iter().max_by_key(|other| other.ahead_ms.abs()) else {
        let advice = "once Kafka or the registry answers, check again";
        return check.warning("clock", "compared with nobody's", advice);
    };
    let seconds = worst.ahead_ms.abs() / 1000;
    let side = if worst.ahead_ms > 0 { "behind" } else { "ahead of" };
    let found = match seconds {
        0 => "as those of the others".to_owned(),
        _ => format!("{seconds} s {side} that of {}", worst.whose),
    };
    let status = judge(worst.ahead_ms);
    let advice = match status {
        Status::Ok => "",
        _ => {
            "keep this machine's time with NTP: tokens live six minutes, and are refused by a clock that is wrong"
        }
    };
    check.add("clock", status, found, advice);
}

fn judge(ahead_ms: i64) -> Status {
    match ahead_ms.abs() {
        ms if ms <= WARNING_MS => Status::Ok,
        ms if ms <= FAULT_MS => Status::Warning,
        _ => Status::Fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_question_took_is_no_difference() {
        for (theirs, ahead) in [(1000, 0), (3000, 0), (3001, 1), (0, 0), (-1, -1), (400_000, 397_000)] {
            assert_eq!(Other::new("x", theirs, 1000, 3000, 1000).ahead_ms, ahead, "{theirs}");
        }
    }

    #[test]
    fn past_a_minute_it_is_a_warning_and_past_five_a_fault() {
        let table = [
            (0, Status::Ok),
            (60_000, Status::Ok),
            (-60_001, Status::Warning),
            (300_000, Status::Warning),
            (-300_001, Status::Fault),
        ];
        for (ahead, status) in table {
            assert_eq!(judge(ahead), status, "{ahead}");
        }
    }

    #[test]
    fn the_worst_clock_is_told_and_to_which_side() {
        let others =
            [Other { whose: "kafka", ahead_ms: 61_000 }, Other { whose: "the registry", ahead_ms: -400_000 }];
        let mut quiet = |_: &str| {};
        let mut run = Check::new(&mut quiet);
        check(&mut run, &others);
        check(&mut run, &others[..1]);
        check(&mut run, &[]);
        let found: Vec<_> = run.items.iter().map(|item| (item.status, item.found.as_str())).collect();
        let expected = [
            (Status::Fault, "400 s ahead of that of the registry"),
            (Status::Warning, "61 s behind that of kafka"),
            (Status::Warning, "compared with nobody's"),
        ];
        assert_eq!(found, expected);
    }
}
