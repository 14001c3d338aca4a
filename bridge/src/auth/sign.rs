//! The application's private key, and the one thing it signs: the answer to Authenticate.
//!
//! The vendor hands keys out as RSAXML, some of 1024 bits; `rsa` is the library that signs with those. The key never
//! leaves this module: no `Debug` output, no accessor, wiped on drop. Signing is blinded (RUSTSEC-2023-0071: the time
//! it takes must not depend on the key), and a new key proves itself with one signature before it is used.

use std::fmt;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::rngs::OsRng;
use rsa::pkcs1::DecodeRsaPrivateKey as _;
use rsa::pkcs8::DecodePrivateKey as _;
use rsa::traits::PublicKeyParts as _;
use rsa::{Pkcs1v15Sign, RsaPrivateKey, RsaPublicKey};
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use super::secret::{self, SecretError};
use super::token::is_nonce;
use super::{LEAST_KEY_BITS, USUAL_KEY_BITS, Warning, rsa_xml};

/// UTC, as the vendor reads it back.
const TIMESTAMP: &[BorrowedFormatItem<'_>] = format_description!("[year][month][day][hour][minute]");

/// Why a key file cannot be used.
#[derive(Debug, Error)]
pub enum KeyError {
    /// The file cannot be read, or must not be trusted.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// None of the forms that are read.
    #[error("is none of RSAXML, PKCS#8 PEM and PKCS#1 PEM in UTF-8")]
    Unknown,
    /// A PEM key under a password.
    #[error("is encrypted: store it without a password, readable by its owner only")]
    Encrypted,
    /// A PEM block that holds no RSA private key that is right in itself.
    #[error("holds no RSA private key, or one whose numbers do not belong together")]
    Pem,
    /// Not the RSAXML that the vendor writes.
    #[error("is malformed RSAXML")]
    Xml,
    /// RSAXML without one of its numbers; without all but two it is a public key.
    #[error("RSAXML has no {name}: the private key is needed, not the public one")]
    Missing {
        /// The element.
        name: &'static str,
    },
    /// The numbers contradict each other.
    #[error("the key's numbers do not belong together, the file is damaged")]
    Inconsistent,
    /// Too short or too long.
    #[error("the key has {bits} bits, {LEAST_KEY_BITS} to {} are read", RsaPublicKey::MAX_SIZE)]
    Length {
        /// Its length.
        bits: usize,
    },
}

/// Why nothing was signed.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum SignError {
    /// Not 32 hexadecimal digits: it could be another credential.
    #[error("refused to sign: the nonce is not 32 hexadecimal digits")]
    Nonce,
    /// The time cannot be written in twelve digits.
    #[error("cannot sign: the clock is out of range")]
    Clock,
    /// The key failed.
    #[error("cannot sign: the private key failed")]
    Key,
}

/// Signs with an application's private key.
pub struct Signer {
    key: RsaPrivateKey,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("bits", &self.key.n().bits()).finish_non_exhaustive()
    }
}

impl Signer {
    /// Reads a key file by the rules of [`secret::read`].
    ///
    /// # Errors
    /// [`KeyError`] when the file or the key in it cannot be used.
    pub fn from_file(path: &Path) -> Result<(Self, Vec<Warning>), KeyError> {
        let (file, readable) = secret::read(path)?;
        let signer = Self::read(&file)?;
        let bits = signer.key.n().bits();
        let short = (bits < USUAL_KEY_BITS).then_some(Warning::ShortKey { bits });
        Ok((signer, readable.into_iter().chain(short).collect()))
    }

    /// Reads a key: RSAXML, PKCS#8 PEM or PKCS#1 PEM, a byte order mark and white space around it allowed.
    ///
    /// # Errors
    /// [`KeyError`] when it cannot be used.
    pub fn read(file: &[u8]) -> Result<Self, KeyError> {
        let text = std::str::from_utf8(file).map_err(|_| KeyError::Unknown)?;
        let text = text.trim_start_matches('\u{feff}').trim();
        let key = if text.starts_with('<') {
            rsa_xml::read(text)?
        } else if text.starts_with("-----BEGIN PRIVATE KEY-----") {
            RsaPrivateKey::from_pkcs8_pem(text).map_err(|_| KeyError::Pem)?
        } else if text.contains("ENCRYPTED") {
            return Err(KeyError::Encrypted);
        } else if text.starts_with("-----BEGIN RSA PRIVATE KEY-----") {
            RsaPrivateKey::from_pkcs1_pem(text).map_err(|_| KeyError::Pem)?
        } else {
            return Err(KeyError::Unknown);
        };
        Self::prove(key)
    }

    /// Lets the key sign once: numbers can fit together and still be no key.
    fn prove(key: RsaPrivateKey) -> Result<Self, KeyError> {
        let bits = key.n().bits();
        if !(LEAST_KEY_BITS..=RsaPublicKey::MAX_SIZE).contains(&bits) {
            return Err(KeyError::Length { bits });
        }
        let signer = Self { key };
        let digest = Sha256::digest(b"proof");
        let signature = signer.sign_digest(&digest).map_err(|_| KeyError::Inconsistent)?;
        let proven = signer.public_key().verify(Pkcs1v15Sign::new::<Sha256>(), &digest, &signature);
        proven.map(|()| signer).map_err(|_| KeyError::Inconsistent)
    }

    /// The public half, which the vendor has.
    #[must_use]
    pub fn public_key(&self) -> RsaPublicKey {
        self.key.to_public_key()
    }

    /// `nonce.yyyyMMddHHmm.signature` for the nonce of an accepted token; the signature, in base64, is RSA PKCS#1 v1.5
    /// with SHA-256 over what stands before it. `now_seconds` since 1970.
    ///
    /// # Errors
    /// [`SignError`] when the nonce is no nonce, or the clock or the key fails.
    pub fn sign(&self, nonce: &str, now_seconds: i64) -> Result<String, SignError> {
        if !is_nonce(nonce) {
            return Err(SignError::Nonce);
        }
        let now = OffsetDateTime::from_unix_timestamp(now_seconds).map_err(|_| SignError::Clock)?;
        let timestamp = now.format(TIMESTAMP).map_err(|_| SignError::Clock)?;
        if timestamp.len() != 12 {
            return Err(SignError::Clock);
        }
        let message = format!("{nonce}.{timestamp}");
        let signature = self.sign_digest(&Sha256::digest(&message)).map_err(|_| SignError::Key)?;
        Ok(format!("{message}.{}", STANDARD.encode(signature)))
    }

    fn sign_digest(&self, digest: &[u8]) -> Result<Vec<u8>, rsa::Error> {
        self.key.sign_with_rng(&mut OsRng, Pkcs1v15Sign::new::<Sha256>(), digest)
    }
}

#[cfg(test)]
#[path = "sign_tests.rs"]
mod tests;
