//! The operator's certificates: which keys may sign tokens.
//!
//! The vendor's are X.509 version 1, signed with SHA-1 by a private authority; parsers made for TLS refuse them. Nothing
//! of a certificate counts here but its public key and its thumbprint: trust comes from the operator who named the
//! file. So a passed last day is a warning, and nobody's signature on the certificate is looked at.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rsa::RsaPublicKey;
use rsa::pkcs8::DecodePublicKey as _;
use rsa::traits::PublicKeyParts as _;
use sha1::{Digest as _, Sha1};
use thiserror::Error;
use x509_cert::der::{Decode as _, Encode as _};

use super::{LEAST_KEY_BITS, USUAL_KEY_BITS, Warning};

/// A certificate of the vendor's samples. Its private key stands in a public repository: everybody can sign with it.
const PUBLISHED: Thumbprint = Thumbprint([
    0xB0, 0xAD, 0x4C, 0x0B, 0xFD, 0x89, 0x13, 0xB8, 0x04, 0x0F, 0x3E, 0x8A, 0xD1, 0x6A, 0x91, 0xF5, 0x85,
    0x22, 0x2C, 0x33,
]);

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";
const LABEL: &str = "CERTIFICATE";

/// Why a certificate file cannot be used.
#[derive(Debug, Error)]
pub enum CertificateError {
    /// No certificate in it.
    #[error("holds no certificate, neither PEM nor DER")]
    Empty,
    /// A PEM block that is something else, such as a private key.
    #[error("holds a PEM block that is no certificate")]
    OtherBlock,
    /// A PEM block without an end or with something that is not base64.
    #[error("PEM block {block} is malformed")]
    Pem {
        /// Number of the block, from 1.
        block: usize,
    },
    /// Not an X.509 certificate.
    #[error("certificate {block} cannot be read")]
    Der {
        /// Number of the certificate in the file, from 1.
        block: usize,
        /// What the parser says.
        #[source]
        source: x509_cert::der::Error,
    },
    /// The public key is none that tokens can be signed with.
    #[error("certificate {thumbprint} holds no usable RSA key, {LEAST_KEY_BITS} to 4096 bits are")]
    Key {
        /// Which.
        thumbprint: Thumbprint,
    },
    /// The certificate of the vendor's samples.
    #[error("certificate {thumbprint} is a sample whose private key is public, it must never be trusted")]
    Published {
        /// Which.
        thumbprint: Thumbprint,
    },
}

/// The SHA-1 of a certificate's DER bytes: its name in a token's `kid` and `x5t`, and no more than a name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Thumbprint([u8; 20]);

impl Thumbprint {
    /// Of a certificate's DER bytes.
    #[must_use]
    pub fn of(der: &[u8]) -> Self {
        Self(Sha1::digest(der).into())
    }

    /// Reads the form in `x5t`: base64url without padding.
    #[must_use]
    pub fn from_base64url(text: &str) -> Option<Self> {
        URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Self)
    }

    /// Whether `hex` is its hexadecimal form, in any case.
    #[must_use]
    pub fn is_hex(&self, hex: &str) -> bool {
        self.to_string().eq_ignore_ascii_case(hex)
    }
}

impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl fmt::Debug for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A key that may sign tokens.
#[derive(Clone, Debug)]
pub struct Certificate {
    pub(super) thumbprint: Thumbprint,
    pub(super) key: RsaPublicKey,
    not_after: i64,
}

impl Certificate {
    /// Reads all certificates of a file: one as DER, or any number of PEM blocks with any text between them.
    ///
    /// # Errors
    /// [`CertificateError`] when there is none, or one of them cannot or must not be used.
    pub fn read_all(file: &[u8]) -> Result<Vec<Self>, CertificateError> {
        let ders = match std::str::from_utf8(file) {
            Ok(text) if text.contains(BEGIN) => pem_blocks(text)?,
            _ if file.first() == Some(&0x30) => vec![file.to_vec()],
            _ => return Err(CertificateError::Empty),
        };
        ders.iter().zip(1..).map(|(der, block)| Self::from_der(der, block, &[PUBLISHED])).collect()
    }

    fn from_der(der: &[u8], block: usize, refused: &[Thumbprint]) -> Result<Self, CertificateError> {
        let thumbprint = Thumbprint::of(der);
        if refused.contains(&thumbprint) {
            return Err(CertificateError::Published { thumbprint });
        }
        let unreadable = |source| CertificateError::Der { block, source };
        let certificate = x509_cert::Certificate::from_der(der).map_err(unreadable)?.tbs_certificate;
        let spki = certificate.subject_public_key_info.to_der().map_err(unreadable)?;
        let key = RsaPublicKey::from_public_key_der(&spki).ok();
        let key = key.filter(|key| key.n().bits() >= LEAST_KEY_BITS);
        let not_after = certificate.validity.not_after.to_unix_duration().as_secs();
        Ok(Self {
            thumbprint,
            key: key.ok_or(CertificateError::Key { thumbprint })?,
            not_after: i64::try_from(not_after).unwrap_or(i64::MAX),
        })
    }

    /// Its name.
    #[must_use]
    pub fn thumbprint(&self) -> Thumbprint {
        self.thumbprint
    }

    /// The last second, since 1970, of the life that its maker gave it.
    #[must_use]
    pub fn not_after(&self) -> i64 {
        self.not_after
    }

    /// What is wrong with it at `now`, in seconds since 1970.
    #[must_use]
    pub fn warnings(&self, now: i64) -> Vec<Warning> {
        let bits = self.key.n().bits();
        let short = (bits < USUAL_KEY_BITS).then_some(Warning::ShortKey { bits });
        let expired = (self.not_after < now).then_some(Warning::Expired { thumbprint: self.thumbprint });
        short.into_iter().chain(expired).collect()
    }
}

/// The contents of all PEM blocks; text outside of them, such as the attributes that openssl prints, is skipped.
fn pem_blocks(text: &str) -> Result<Vec<Vec<u8>>, CertificateError> {
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once(BEGIN) {
        let block = blocks.len() + 1;
        let malformed = || CertificateError::Pem { block };
        let (label, after) = after.split_once(DASHES).ok_or_else(malformed)?;
        if label != LABEL {
            return Err(CertificateError::OtherBlock);
        }
        let (body, after) = after.split_once(END).ok_or_else(malformed)?;
        rest = after.strip_prefix(LABEL).and_then(|end| end.strip_prefix(DASHES)).ok_or_else(malformed)?;
        let digits: String = body.split_ascii_whitespace().collect();
        blocks.push(STANDARD.decode(digits).map_err(|_| malformed())?);
    }
    Ok(blocks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::testing::{NOW, certificate_der, pem, vendor_key};

    #[test]
    fn a_version_1_certificate_signed_with_sha1_is_read_as_pem_and_as_der() {
        let der = certificate_der(vendor_key(), NOW + 1);
        for file in [der.clone(), pem(&der).into_bytes()] {
            let [certificate] = Certificate::read_all(&file).unwrap().try_into().unwrap();
            assert_eq!(certificate.thumbprint(), Thumbprint::of(&der));
            assert_eq!(certificate.key, vendor_key().to_public_key());
            assert_eq!(certificate.warnings(NOW), []);
        }
    }

    #[test]
    fn a_file_may_hold_several_with_text_between_them() {
        let (one, two) = (certificate_der(vendor_key(), NOW), certificate_der(vendor_key(), NOW + 9));
        let file =
            format!("Bag Attributes\r\n{}\r\nsubject=x\n{}", pem(&one).replace('\n', "\r\n"), pem(&two));
        let thumbprints: Vec<_> =
            Certificate::read_all(file.as_bytes()).unwrap().iter().map(Certificate::thumbprint).collect();
        assert_eq!(thumbprints, [Thumbprint::of(&one), Thumbprint::of(&two)]);
    }

    #[test]
    fn a_passed_last_day_is_a_warning() {
        let [certificate] =
            Certificate::read_all(&certificate_der(vendor_key(), NOW)).unwrap().try_into().unwrap();
        assert_eq!(certificate.warnings(NOW), []);
        assert_eq!(
            certificate.warnings(NOW + 1),
            [Warning::Expired { thumbprint: certificate.thumbprint() }]
        );
    }

    #[test]
    fn what_is_no_certificate_is_refused() {
        let der = certificate_der(vendor_key(), NOW);
        let good = pem(&der);
        let truncated = der[..der.len() - 1].to_vec();
        let trailing = [der.as_slice(), &[0]].concat();
        let table = [
            (Vec::new(), "holds no certificate, neither PEM nor DER"),
            (b"hello".to_vec(), "holds no certificate, neither PEM nor DER"),
            (b"\xff\xfe".to_vec(), "holds no certificate, neither PEM nor DER"),
            (truncated, "certificate 1 cannot be read"),
            (trailing, "certificate 1 cannot be read"),
            (good.replace("CERTIFICATE", "PRIVATE KEY").into(), "holds a PEM block that is no certificate"),
            (good.replace("-----END", "----END").into(), "PEM block 1 is malformed"),
            (format!("{good}{}", good.replace("MII", "!II")).into(), "PEM block 2 is malformed"),
            (pem(b"").into(), "certificate 1 cannot be read"),
        ];
        for (file, text) in table {
            assert_eq!(Certificate::read_all(&file).unwrap_err().to_string(), text);
        }
    }

    #[test]
    fn the_published_sample_certificate_is_refused() {
        assert_eq!(PUBLISHED.to_string(), "B0AD4C0BFD8913B8040F3E8AD16A91F585222C33");
        // The sample itself is not ours to copy; the rule is tried with another one in its place.
        let der = certificate_der(vendor_key(), NOW);
        let error = Certificate::from_der(&der, 1, &[PUBLISHED, Thumbprint::of(&der)]).unwrap_err();
        assert!(
            matches!(error, CertificateError::Published { thumbprint } if thumbprint == Thumbprint::of(&der))
        );
    }
}
