//! One token, one call. The vendor makes a token for every call, and the very same call may come again, because a
//! connection can break under its answer. A token that comes with another call was taken from its owner: a token is
//! not bound to a body, so it would carry whatever its thief writes.
//!
//! This process remembers its own calls, for as long as a token can live. It is no replacement for TLS: a thief who
//! calls first is served, and the vendor's own call is the one that is refused. Either way it does not go unseen.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use super::token::{LEEWAY_SECONDS, MAX_LIFETIME_SECONDS, TokenError};

/// No token is accepted longer than this after it was accepted first.
const KEPT_SECONDS: i64 = MAX_LIFETIME_SECONDS + 2 * LEEWAY_SECONDS;
/// 90 calls a second for as long as a token lives, some 6 MB. Beyond it the oldest are forgotten.
const MAX_CALLS: usize = 65_536;

/// The nonces of accepted tokens, and the call that each came with.
#[derive(Debug, Default)]
pub struct Nonces {
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    calls: HashMap<u128, u128>,
    /// When each was first seen, the oldest first.
    order: VecDeque<(i64, u128)>,
}

impl Nonces {
    /// Binds an accepted token's nonce to the call that it came with: `digest` is the hex digest of the call.
    ///
    /// # Errors
    /// [`TokenError::Used`] when the nonce is bound to another call.
    pub fn bind(&self, nonce: &str, digest: &str, now_seconds: i64) -> Result<(), TokenError> {
        let (nonce, call) = leading(nonce).zip(leading(digest)).ok_or(TokenError::Nonce)?;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.forget(now_seconds);
        match seen.calls.get(&nonce) {
            Some(bound) if *bound == call => Ok(()),
            Some(_) => Err(TokenError::Used),
            None => {
                seen.calls.insert(nonce, call);
                seen.order.push_back((now_seconds, nonce));
                Ok(())
            }
        }
    }
}

impl Seen {
    /// Makes room for one more.
    fn forget(&mut self, now: i64) {
        while let Some(&(at, nonce)) = self.order.front() {
            if now.saturating_sub(at) <= KEPT_SECONDS && self.order.len() < MAX_CALLS {
                return;
            }
            self.order.pop_front();
            self.calls.remove(&nonce);
        }
    }
}

/// The first 32 hexadecimal digits: all of a nonce, and enough of a digest.
fn leading(hex: &str) -> Option<u128> {
    u128::from_str_radix(hex.get(..32)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::testing::{NONCE, NOW};

    fn digest(call: u8) -> String {
        format!("{call:02x}").repeat(32)
    }

    #[test]
    fn jw_21_a_token_carries_one_call_however_often_that_comes() {
        let nonces = Nonces::default();
        for now in [NOW, NOW, NOW + 300] {
            assert_eq!(nonces.bind(NONCE, &digest(1), now), Ok(()));
        }
        for now in [NOW, NOW + KEPT_SECONDS] {
            assert_eq!(nonces.bind(NONCE, &digest(2), now), Err(TokenError::Used));
        }
        assert_eq!(nonces.bind(NONCE, &digest(1), NOW), Ok(()), "the refused call has bound nothing");
        assert_eq!(nonces.bind(&NONCE.replace('0', "1"), &digest(2), NOW), Ok(()));
    }

    #[test]
    fn nothing_is_kept_longer_than_a_token_can_live() {
        let nonces = Nonces::default();
        nonces.bind(NONCE, &digest(1), NOW).unwrap();
        nonces.bind(&"f".repeat(32), &digest(1), NOW + KEPT_SECONDS + 1).unwrap();
        let seen = nonces.seen.lock().unwrap();
        assert_eq!((seen.calls.len(), seen.order.len()), (1, 1));
    }

    #[test]
    fn the_memory_is_bounded_and_the_newest_stay() {
        let nonces = Nonces::default();
        let nonce = |number: usize| format!("{number:032x}");
        for number in 0..MAX_CALLS + 10 {
            nonces.bind(&nonce(number), &digest(1), NOW).unwrap();
        }
        assert_eq!(nonces.seen.lock().unwrap().calls.len(), MAX_CALLS);
        assert_eq!(nonces.bind(&nonce(MAX_CALLS + 9), &digest(2), NOW), Err(TokenError::Used));
        assert_eq!(nonces.bind(&nonce(0), &digest(2), NOW), Ok(()), "the oldest were forgotten");
    }
}
