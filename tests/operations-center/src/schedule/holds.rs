//! Other tasks of the vendor that hold a tenant for a while, and make its cycles late.

use sha2::{Digest, Sha256};

/// Tasks of one tenant run one after another, and the Mirroring Task is one of many. Each tenant is held once in
/// every span of `every_ms`, at a random moment and for a random time. A hold keeps cycles from starting; a cycle
/// that runs goes on.
///
/// Moment and length follow from the seed, the tenant and the span alone, so that a run can be repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holds {
    every_ms: i64,
    longest_ms: i64,
    seed: u64,
}

impl Holds {
    /// Holds of at most `longest_ms`, one in every `every_ms`. At most half of the time is held: a longer
    /// `longest_ms` is cut, so that cycles come to their turn.
    #[must_use]
    pub fn new(every_ms: i64, longest_ms: i64, seed: u64) -> Self {
        let every_ms = every_ms.max(2);
        Self { every_ms, longest_ms: longest_ms.clamp(1, every_ms / 2), seed }
    }

    /// When the hold of `tenant` ends in which `now_ms` lies; `None` where nothing holds it.
    #[must_use]
    pub fn ends_ms(&self, tenant: &str, now_ms: i64) -> Option<i64> {
        let span = now_ms.div_euclid(self.every_ms);
        let [first, second] = self.random(tenant, span);
        let length_ms = 1 + below(first, self.longest_ms);
        let begins_ms = span * self.every_ms + below(second, self.every_ms - length_ms);
        let hold = begins_ms..begins_ms + length_ms;
        hold.contains(&now_ms).then_some(hold.end)
    }

    fn random(&self, tenant: &str, span: i64) -> [u64; 2] {
        let hash = Sha256::new()
            .chain_update(self.seed.to_le_bytes())
            .chain_update(span.to_le_bytes())
            .chain_update(tenant);
        let mut numbers = hash.finalize().chunks_exact(8).map(number).collect::<Vec<_>>().into_iter();
        [numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default()]
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// A number from 0 to just below `limit`, which is positive.
fn below(random: u64, limit: i64) -> i64 {
    i64::try_from(random % limit.unsigned_abs().max(1)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOLDS: (i64, i64) = (1000, 300);

    fn held(holds: Holds, tenant: &str, span: i64) -> Vec<i64> {
        (span * HOLDS.0..(span + 1) * HOLDS.0).filter(|now| holds.ends_ms(tenant, *now).is_some()).collect()
    }

    #[test]
    fn a_tenant_is_held_once_in_every_span_and_at_most_as_long_as_allowed() {
        let holds = Holds::new(HOLDS.0, HOLDS.1, 7);
        for span in -20..20 {
            let moments = held(holds, "Cust1", span);
            let (first, last) = (moments[0], moments[moments.len() - 1]);
            assert_eq!(last - first + 1, moments.len() as i64, "one hold, without a gap");
            assert!(moments.len() as i64 <= HOLDS.1);
            assert_eq!(holds.ends_ms("Cust1", first), Some(last + 1));
        }
    }

    #[test]
    fn holds_differ_by_tenant_span_and_seed_and_nothing_else() {
        let holds = Holds::new(HOLDS.0, HOLDS.1, 7);
        assert_eq!(held(holds, "Cust1", 0), held(holds, "Cust1", 0));
        assert_ne!(held(holds, "Cust1", 0), held(holds, "Cust2", 0));
        assert_ne!(held(Holds::new(HOLDS.0, HOLDS.1, 8), "Cust1", 0), held(holds, "Cust1", 0));
        let offset = |span: i64| held(holds, "Cust1", span)[0] - span * HOLDS.0;
        assert!((1..9).any(|span| offset(span) != offset(0)));
    }

    #[test]
    fn half_of_the_time_stays_free_whatever_is_asked_for() {
        for (every, longest) in [(1000, 5000), (1, 1), (0, 0), (-5, i64::MAX)] {
            let holds = Holds::new(every, longest, 1);
            let held = (0..2000).filter(|now| holds.ends_ms("Cust1", *now).is_some()).count();
            assert!(held <= 1000, "{held} of 2000 with {every} and {longest}");
        }
    }
}
