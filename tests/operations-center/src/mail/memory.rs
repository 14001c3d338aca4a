//! What was mailed already.

use std::collections::BTreeMap;

use crate::journal::{Ending, Entry};
use crate::schedule::{DAY_MS, FailureKind};

/// What to do about a cycle that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// There is nothing to say.
    Nothing,
    /// A failure of a kind that was mailed in the 24 hours before.
    Suppressed,
    /// A failure to be mailed; so many of its kind were suppressed since the last mail about it.
    Failed { suppressed: u64 },
    /// Cycles complete again, after so many that failed, the first of them at that moment.
    WorksAgain { since_ms: i64, failures: u64 },
}

/// The call that failed and how: what makes two failures the same. Table and reason do not count, because they often
/// differ from one cycle to the next: a receiver may put a number into each message.
type Kind = (FailureKind, Option<String>);

#[derive(Debug, Default)]
struct Mailed {
    at_ms: i64,
    suppressed: u64,
}

/// A pair whose last cycle did not complete.
#[derive(Debug)]
struct Broken {
    since_ms: i64,
    failures: u64,
    is_told: bool,
}

#[derive(Debug, Default)]
struct Known {
    mailed: BTreeMap<Kind, Mailed>,
    broken: Option<Broken>,
}

/// Remembers, by tenant and application, what was mailed when by the schedule's clock.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pairs: BTreeMap<(String, String), Known>,
}

impl Memory {
    /// What to do about the cycle, which is remembered as done.
    pub(super) fn judge(&mut self, entry: &Entry) -> Verdict {
        let known = self.pairs.entry((entry.tenant.clone(), entry.application.clone())).or_default();
        match (&entry.failure, entry.outcome) {
            (Some(failure), _) => known.failed(entry.at_ms, (failure.kind, failure.operation.clone())),
            (None, Ending::Completed) => match known.broken.take() {
                Some(Broken { since_ms, failures, is_told: true }) => {
                    Verdict::WorksAgain { since_ms, failures }
                }
                _ => Verdict::Nothing,
            },
            (None, _) => Verdict::Nothing,
        }
    }
}

impl Known {
    fn failed(&mut self, at_ms: i64, kind: Kind) -> Verdict {
        let broken = self.broken.get_or_insert(Broken { since_ms: at_ms, failures: 0, is_told: false });
        broken.failures += 1;
        let suppressed = match self.mailed.get_mut(&kind) {
            Some(last) if at_ms - last.at_ms < DAY_MS => {
                last.suppressed += 1;
                return Verdict::Suppressed;
            }
            last => last.map(|last| last.suppressed).unwrap_or_default(),
        };
        broken.is_told = true;
        self.mailed.insert(kind, Mailed { at_ms, suppressed: 0 });
        Verdict::Failed { suppressed }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::schedule::HOUR_MS;

    fn completed(hour: i64) -> Entry {
        Entry { at_ms: hour * HOUR_MS, ..Entry::example() }
    }

    fn failed(hour: i64, operation: &str) -> Entry {
        let mut entry = Entry { at_ms: hour * HOUR_MS, ..Entry::failed_example() };
        entry.failure.as_mut().unwrap().operation = Some(operation.to_owned());
        entry
    }

    #[test]
    fn a_kind_of_failure_is_mailed_once_in_24_hours_and_the_others_are_counted() {
        let mut memory = Memory::default();
        assert_eq!(memory.judge(&failed(0, "Wipe")), Verdict::Failed { suppressed: 0 });
        assert_eq!(memory.judge(&failed(1, "RowData")), Verdict::Failed { suppressed: 0 }, "another kind");
        assert_eq!(memory.judge(&failed(2, "Wipe")), Verdict::Suppressed);
        let almost = Entry { at_ms: 24 * HOUR_MS - 1, ..failed(0, "Wipe") };
        assert_eq!(memory.judge(&almost), Verdict::Suppressed);
        assert_eq!(memory.judge(&failed(24, "Wipe")), Verdict::Failed { suppressed: 2 });
        assert_eq!(memory.judge(&failed(48, "Wipe")), Verdict::Failed { suppressed: 0 });
    }

    #[test]
    fn other_words_and_another_table_are_no_other_failure_but_another_tenant_or_application_is() {
        let mut memory = Memory::default();
        memory.judge(&failed(0, "Wipe"));
        let mut again = failed(1, "Wipe");
        again.failure.as_mut().unwrap().table = Some("sale".to_owned());
        again.failure.as_mut().unwrap().reason = "reference 4711".to_owned();
        assert_eq!(memory.judge(&again), Verdict::Suppressed);
        let other = Entry { tenant: "Cust2".to_owned(), ..again.clone() };
        assert_eq!(memory.judge(&other), Verdict::Failed { suppressed: 0 });
        let other = Entry { application: "xyz".to_owned(), ..again };
        assert_eq!(memory.judge(&other), Verdict::Failed { suppressed: 0 });
    }

    #[test]
    fn that_it_works_again_is_said_once_and_only_after_a_mail() {
        let mut memory = Memory::default();
        assert_eq!(memory.judge(&completed(0)), Verdict::Nothing);
        memory.judge(&failed(1, "Wipe"));
        memory.judge(&failed(2, "Wipe"));
        let skipped = Entry { outcome: Ending::Skipped, ..completed(3) };
        assert_eq!(memory.judge(&skipped), Verdict::Nothing, "nothing was replicated");
        assert_eq!(memory.judge(&completed(4)), Verdict::WorksAgain { since_ms: HOUR_MS, failures: 2 });
        assert_eq!(memory.judge(&completed(5)), Verdict::Nothing);
        assert_eq!(memory.judge(&failed(6, "Wipe")), Verdict::Suppressed);
        assert_eq!(memory.judge(&completed(7)), Verdict::Nothing, "nobody was told that it failed");
    }

    proptest! {
        #[test]
        fn no_kind_is_mailed_twice_a_day_and_every_failure_is_mailed_or_counted(
            cycles in prop::collection::vec((0..3_i64, 0..3_usize), 1..200),
        ) {
            let (mut memory, mut hour) = (Memory::default(), 0);
            let mut last = BTreeMap::<usize, i64>::new();
            let (mut mailed, mut suppressed, mut counted, mut failures) = (0, 0, 0, 0);
            for (later, what) in cycles {
                hour += later;
                let entry = match what {
                    0 => completed(hour),
                    what => failed(hour, &what.to_string()),
                };
                failures += u64::from(what > 0);
                match memory.judge(&entry) {
                    Verdict::Failed { suppressed } => {
                        prop_assert!(last.insert(what, hour).is_none_or(|before| hour - before >= 24));
                        mailed += 1;
                        counted += suppressed;
                    }
                    Verdict::Suppressed => suppressed += 1,
                    Verdict::Nothing | Verdict::WorksAgain { .. } => prop_assert_eq!(what, 0),
                }
            }
            prop_assert_eq!(mailed + suppressed, failures);
            prop_assert!(counted <= suppressed);
        }
    }
}
