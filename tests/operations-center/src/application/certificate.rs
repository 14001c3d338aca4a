//! The signing certificate, made like the vendor's: X.509 version 1, signed with SHA-1 by an authority that nobody
//! knows.
//!
//! Nothing of it counts for a receiver but its public key and its thumbprint, and parsers made for TLS refuse
//! it: that is why the stand-in's is no better. The authority's key is thrown away after its one signature.

use std::fmt::Write as _;
use std::str::FromStr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::rngs::OsRng;
use rsa::pkcs8::{EncodePublicKey, LineEnding};
use rsa::{Pkcs1v15Sign, RsaPrivateKey};
use sha1::{Digest, Sha1};
use x509_cert::der::asn1::{Any, BitString, ObjectIdentifier};
use x509_cert::der::{Decode, DecodePem, Encode, EncodePem};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use x509_cert::time::Validity;
use x509_cert::{Certificate, TbsCertificate, Version};

use super::environment::Environment;

const ISSUER: &str = "CN=Operations Center stand-in CA";
/// Nobody checks the authority's signature, so that its key may be short and quickly made.
const ISSUER_KEY_BITS: usize = 1024;
/// sha1WithRSAEncryption, as on the vendor's certificates.
const SHA1_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.5");
/// Ten years: a receiver must not refuse an expired one anyway.
const LIFETIME: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// Why the certificate could not be built or read.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The ASN.1 could not be written or read.
    #[error("cannot encode or decode the signing certificate")]
    Der(#[from] x509_cert::der::Error),
    /// The public key could not be put into it.
    #[error("cannot encode the signing certificate's public key")]
    PublicKey(#[from] rsa::pkcs8::spki::Error),
    /// It could not be signed.
    #[error("cannot sign the signing certificate")]
    Sign(#[from] rsa::Error),
}

/// The SHA-1 of a certificate's DER bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thumbprint([u8; 20]);

impl Thumbprint {
    /// Upper-case hex, as in a token's `kid`.
    #[must_use]
    pub fn hex(self) -> String {
        self.0.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02X}");
            text
        })
    }

    /// Base64url without padding, as in a token's `x5t`.
    #[must_use]
    pub fn base64url(self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }
}

/// A certificate for an environment's `key`, as PEM, and its thumbprint.
pub(super) fn issue(
    environment: Environment,
    key: &RsaPrivateKey,
) -> Result<(String, Thumbprint), CertificateError> {
    let issuer = RsaPrivateKey::new(&mut OsRng, ISSUER_KEY_BITS)?;
    let signature_algorithm = AlgorithmIdentifierOwned { oid: SHA1_WITH_RSA, parameters: Some(Any::null()) };
    let tbs_certificate = tbs(environment, key, signature_algorithm.clone())?;
    let digest = Sha1::digest(tbs_certificate.to_der()?);
    let signature = BitString::from_bytes(&issuer.sign(Pkcs1v15Sign::new::<Sha1>(), &digest)?)?;
    let pem = Certificate { tbs_certificate, signature_algorithm, signature }.to_pem(LineEnding::LF)?;
    let thumbprint = thumbprint(&pem)?;
    Ok((pem, thumbprint))
}

fn tbs(
    environment: Environment,
    key: &RsaPrivateKey,
    signature: AlgorithmIdentifierOwned,
) -> Result<TbsCertificate, CertificateError> {
    let public_key = key.to_public_key().to_public_key_der()?;
    Ok(TbsCertificate {
        version: Version::V1,
        serial_number: SerialNumber::from(1u32),
        signature,
        issuer: Name::from_str(ISSUER)?,
        validity: Validity::from_now(LIFETIME)?,
        subject: Name::from_str(&format!("CN={}", environment.certificate_name()))?,
        subject_public_key_info: SubjectPublicKeyInfoOwned::from_der(public_key.as_bytes())?,
        issuer_unique_id: None,
        subject_unique_id: None,
        extensions: None,
    })
}

/// The thumbprint of the certificate in `pem`.
pub(super) fn thumbprint(pem: &str) -> Result<Thumbprint, CertificateError> {
    let der = Certificate::from_pem(pem)?.to_der()?;
    Ok(Thumbprint(Sha1::digest(der).into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::application;

    #[test]
    fn it_is_like_the_vendors() {
        let application = application();
        let certificate = Certificate::from_pem(application.certificate_pem()).unwrap();
        let content = certificate.tbs_certificate;
        assert_eq!(content.version, Version::V1);
        assert_eq!(content.extensions, None);
        assert_eq!(certificate.signature_algorithm.oid, SHA1_WITH_RSA);
        assert_eq!(content.subject.to_string(), "CN=SuperOffice Online Development Federated Login");
        assert_ne!(content.issuer, content.subject);
        let key = application.signing_key().to_public_key().to_public_key_der().unwrap();
        assert_eq!(content.subject_public_key_info.to_der().unwrap(), key.as_bytes());
        // Not self-signed.
        let digest = Sha1::digest(content.to_der().unwrap());
        let signature = certificate.signature.as_bytes().unwrap();
        let own = application.signing_key().to_public_key();
        assert!(own.verify(Pkcs1v15Sign::new::<Sha1>(), &digest, signature).is_err());
    }

    #[test]
    fn the_thumbprint_has_the_shape_of_the_vendors() {
        let hex = application().thumbprint().hex();
        assert_eq!(hex.len(), 40);
        assert!(hex.chars().all(|digit| digit.is_ascii_digit() || ('A'..='F').contains(&digit)));
        assert_eq!(application().thumbprint().base64url().len(), 27);
    }
}
