//! Refusals in the log: anybody on the network can cause them, so only the first few of a kind and minute stand there
//! one by one. The rest is one line a minute, and the metrics count them all.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Refusals of one rule that are logged one by one until [`Refusals::tell`].
const LOGGED: u64 = 10;
/// How often [`Refusals::tell`] is to be called.
pub(crate) const TELLING: Duration = Duration::from_secs(60);

/// Refusals since they were last told, by the rule that was broken. Rules are texts of ours: there are few.
#[derive(Default)]
pub(super) struct Refusals(Mutex<BTreeMap<String, u64>>);

impl Refusals {
    /// Counts a refusal. Says whether it should be logged by itself.
    pub(super) fn count(&self, rule: &str) -> bool {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match counts.get_mut(rule) {
            Some(count) => {
                *count += 1;
                *count <= LOGGED
            }
            None => counts.insert(rule.to_owned(), 1).is_none(),
        }
    }

    /// Logs how many refusals were not logged by themselves, and begins anew.
    pub(super) fn tell(&self) {
        for (rule, more) in self.take() {
            tracing::warn!(rule, more, "tokens refused that were not logged one by one");
        }
    }

    fn take(&self) -> Vec<(String, u64)> {
        let counts = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let more = counts.into_iter().map(|(rule, count)| (rule, count.saturating_sub(LOGGED)));
        more.filter(|(_, more)| *more > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_each_rule_are_logged_and_the_rest_is_counted() {
        let refusals = Refusals::default();
        let logged = (0..1000).filter(|_| refusals.count("signature")).count();
        assert_eq!(logged, 10);
        assert!(refusals.count("expired"), "another rule has its own");
        assert_eq!(refusals.take(), [("signature".to_owned(), 990)]);
        assert!(refusals.count("signature"), "a new minute");
        assert_eq!(refusals.take(), []);
    }
}
