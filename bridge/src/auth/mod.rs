//! Who calls, and how we answer who we are.
//!
//! Trust comes from the operator, never from a token: the certificates whose keys may sign ([`certificate`]), the
//! issuer, the application's id and the tenants it serves are configuration. A token is accepted only as a whole
//! ([`token`]), and only an accepted token's nonce may be signed ([`sign`]): the answer to Authenticate has the very
//! format of the vendor's system-user token, so signing anything else could mint a credential. And a token carries one
//! call ([`nonces`]).

mod applications;
pub mod certificate;
mod json;
mod nonces;
mod rsa_xml;
pub mod secret;
pub mod sign;
#[cfg(test)]
pub(crate) mod testing;
pub mod token;
pub mod trusted;

use std::collections::BTreeSet;
use std::path::PathBuf;

use mirrorbus_schemas::topic::Tenant;
use thiserror::Error;

pub use self::applications::{Accepted, Application, Applications};
pub use self::certificate::{Certificate, CertificateError, Thumbprint};
pub use self::nonces::Nonces;
pub use self::sign::{KeyError, SignError, Signer};
pub use self::token::{Claims, TokenError, Verifier};
pub use self::trusted::Trusted;

/// Below this many bits a key is too short for new use; the vendor's sample keys have 1024.
pub const USUAL_KEY_BITS: usize = 2048;
/// Below this many bits a key is no protection at all.
pub const LEAST_KEY_BITS: usize = 1024;

/// What one application trusts, and what it signs with.
#[derive(Debug)]
pub struct Trust {
    /// Checks the tokens.
    pub verifier: Verifier,
    /// Signs the answer to Authenticate.
    pub signer: Signer,
    /// Tenants that are served; `None` serves every tenant with a valid token.
    pub allowed_tenants: Option<BTreeSet<Tenant>>,
}

impl Trust {
    /// Checks a token and that its tenant is served. `now` in seconds since 1970.
    ///
    /// # Errors
    /// [`TokenError`] with the first rule that the token breaks.
    pub fn accept(&self, token: &str, now: i64) -> Result<Claims, TokenError> {
        let claims = self.verifier.verify(token, now)?;
        match &self.allowed_tenants {
            Some(allowed) if !allowed.contains(&claims.tenant) => Err(TokenError::TenantNotAllowed),
            _ => Ok(claims),
        }
    }
}

/// What is wrong with a key or certificate though it is used all the same.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Warning {
    /// Shorter than [`USUAL_KEY_BITS`].
    #[error("the key has {bits} bits, fewer than {USUAL_KEY_BITS}: ask the vendor for a longer one")]
    ShortKey {
        /// Its length.
        bits: usize,
    },
    /// Others than the file's owner can read it.
    #[error("{} has mode {mode:03o}: others than its owner can read it, set it to 400", path.display())]
    ReadableByOthers {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The certificate's last day is over. Its key is trusted until the operator takes the file away.
    #[error("certificate {thumbprint} has expired: ask the vendor whether there is a newer one")]
    Expired {
        /// Which.
        thumbprint: Thumbprint,
    },
}
