//! What a partner registers, and what the vendor adds to it.

use std::fmt;

use rand::RngCore;
use rand::rngs::OsRng;
use serde::{Deserialize, Serialize};

use super::DEFAULT_KEY_BITS;
use super::environment::Environment;
use super::mirroring::Mirroring;

/// What is registered about an application beside its keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Details {
    /// What people call it.
    pub name: String,
    /// What it does.
    pub description: String,
    /// Whom to ask about it.
    pub contact: String,
    /// Who is told when a cycle fails, usually a mail address; empty for nobody.
    pub technical_contact: String,
    /// Where it is registered, which decides who signs its tokens.
    pub environment: Environment,
    /// Whether and where it takes changes.
    pub mirroring: Mirroring,
}

impl Details {
    /// An application of which only the name is known: in development, mirroring off.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }
}

/// A request for an application.
#[derive(Clone, Debug)]
pub struct Registration {
    /// The application id (client id), which appears in tokens as `spn:<id>`.
    pub id: String,
    /// Bits of the application's own RSA key: 2048, or 1024 as in the vendor's sample.
    pub key_bits: usize,
    /// The rest.
    pub details: Details,
}

impl Registration {
    /// With a random id and a key of 2048 bits.
    #[must_use]
    pub fn new(details: Details) -> Self {
        Self { id: random_hex(), key_bits: DEFAULT_KEY_BITS, details }
    }
}

/// The application token: the secret beside the application id, 32 hex digits. It is not part of any mirroring call.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ApplicationToken(String);

impl ApplicationToken {
    /// A new one.
    #[must_use]
    pub(super) fn random() -> Self {
        Self(random_hex())
    }

    /// The secret itself, to be shown to its owner only.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApplicationToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApplicationToken(secret)")
    }
}

/// 32 hex digits.
fn random_hex() -> String {
    format!("{:016x}{:016x}", OsRng.next_u64(), OsRng.next_u64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_long_never_twice_the_same_and_not_shown_by_accident() {
        let (one, two) = (ApplicationToken::random(), ApplicationToken::random());
        assert_eq!(one.reveal().len(), 32);
        assert_ne!(one, two);
        assert!(!format!("{one:?}").contains(one.reveal()));
    }
}
