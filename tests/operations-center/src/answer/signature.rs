//! The receiver proves that it is the registered application: it signs our nonce and its time with the
//! application's private key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rsa::{Pkcs1v15Sign, RsaPublicKey};
use sha2::{Digest, Sha256};
use time::PrimitiveDateTime;
use time::macros::format_description;

/// The vendor accepts a receiver whose clock differs by this much.
const MAX_DRIFT_SECONDS: i64 = 15 * 60;

/// Why a `SignedApplicationToken` is not to be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// It is not `nonce.yyyyMMddHHmm.signature`.
    #[error("the signed application token is not nonce.yyyyMMddHHmm.signature")]
    Shape,
    /// It answers another call.
    #[error("the signed application token has another nonce than the call")]
    Nonce,
    /// The receiver's clock is wrong, or the answer is old.
    #[error(
        "the signed application token's time is {seconds} seconds off, 15 minutes are allowed, check the receiver's clock"
    )]
    Stale {
        /// How far, negative where the receiver is ahead.
        seconds: i64,
    },
    /// Another key signed it.
    #[error("the signed application token was not signed with this application's key")]
    Key,
}

/// Checks the answer's `SignedApplicationToken` against the nonce of the call, the application's public key and the
/// time in seconds since 1970.
///
/// # Errors
/// [`SignatureError`] for the first thing that is wrong.
pub fn check(token: &str, nonce: &str, key: &RsaPublicKey, now: i64) -> Result<(), SignatureError> {
    let (message, signature) = token.trim_ascii().rsplit_once('.').ok_or(SignatureError::Shape)?;
    let (signed_nonce, stamp) = message.split_once('.').ok_or(SignatureError::Shape)?;
    let signature = STANDARD.decode(signature).map_err(|_| SignatureError::Shape)?;
    let is_stamp = stamp.len() == 12 && stamp.bytes().all(|byte| byte.is_ascii_digit());
    let format = format_description!("[year][month][day][hour][minute]");
    let moment = PrimitiveDateTime::parse(stamp, format).ok().filter(|_| is_stamp);
    let seconds = now - moment.ok_or(SignatureError::Shape)?.assume_utc().unix_timestamp();
    if signed_nonce != nonce || nonce.is_empty() {
        return Err(SignatureError::Nonce);
    }
    if seconds.abs() > MAX_DRIFT_SECONDS {
        return Err(SignatureError::Stale { seconds });
    }
    key.verify(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(message), &signature)
        .map_err(|_| SignatureError::Key)
}
