//! Faults of what a call says: its token and its bytes.

use memchr::memmem;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::{Flip, Kind, WrongPart};
use crate::client::CallError;
use crate::token::{LIFETIME_SECONDS, Token};
use crate::transport::Call;

/// An id that no application has.
const OTHER_AUDIENCE: &str = "spn:00000000000000000000000000000000";
const OTHER_ISSUER: &str = "Somebody Else";

/// The token that the fault makes of `token`, and words for it; `None` where it leaves tokens alone.
pub(super) fn token(kind: Kind, token: &Token) -> Option<(Token, String)> {
    let made = token.clone();
    Some(match kind {
        Kind::Stale { seconds } => {
            let back = LIFETIME_SECONDS + i64::from(seconds);
            (moved(made, -back), format!("its token ended {seconds} s ago"))
        }
        Kind::Skew { seconds } => (
            moved(made, i64::from(seconds)),
            format!("its token is from a clock that is {seconds:+} s wrong"),
        ),
        Kind::Wrong(WrongPart::Audience) => {
            (made.claim("aud", OTHER_AUDIENCE), "its token is for another application".to_owned())
        }
        Kind::Wrong(WrongPart::Issuer) => {
            (made.claim("iss", OTHER_ISSUER), "its token is from another issuer".to_owned())
        }
        Kind::Wrong(WrongPart::Signature) => {
            (made.with_tampered_signature(), "its token is badly signed".to_owned())
        }
        _ => return None,
    })
}

fn moved(token: Token, seconds: i64) -> Token {
    let not_before = token.not_before().unwrap_or_default().saturating_add(seconds);
    token.claim("nbf", not_before).claim("exp", not_before.saturating_add(LIFETIME_SECONDS))
}

/// The call's body with another token.
pub(super) fn body_with(call: &Call<'_>, token: &Token) -> Result<Vec<u8>, CallError> {
    let operation = call.operation;
    let token = token.sign().map_err(|source| CallError::Token { operation, source })?;
    // Whole bytes that somebody made need not have a token.
    let Some(place) = memmem::find(call.body, call.signed.as_bytes()) else { return Ok(call.body.to_vec()) };
    let (before, rest) = call.body.split_at(place);
    Ok([before, token.as_bytes(), rest.get(call.signed.len()..).unwrap_or_default()].concat())
}

/// A token of the same second with another nonce.
pub(super) fn renewed(token: &Token) -> Token {
    token.clone().claim("nonce", format!("{:032x}", rand::random::<u128>()))
}

/// Turns the bit over and says which; `None` where the body is too short. `call` is the call's number.
pub(super) fn flip(flip: Flip, call: u64, body: &mut [u8]) -> Option<String> {
    let length = body.len();
    let (position, bit) = match flip {
        Flip::Position(position) => (position, 0),
        Flip::Random { seed } if length > 0 => {
            let mut random = StdRng::seed_from_u64(seed.wrapping_add(call));
            (random.gen_range(0..length), random.gen_range(0..8))
        }
        Flip::Random { .. } => return None,
    };
    let byte = body.get_mut(position)?;
    *byte ^= 1 << bit;
    Some(format!("bit {bit} of byte {position} of {length} was turned over"))
}
