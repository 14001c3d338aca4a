//! Keys, certificates and tokens for tests, made with `rsa` and `serde_json` alone: the code under test has no part.

use std::str::FromStr as _;
use std::sync::OnceLock;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use mirrorbus_schemas::topic::Tenant;
use rand::rngs::OsRng;
use rsa::pkcs8::EncodePublicKey as _;
use rsa::traits::{PrivateKeyParts as _, PublicKeyParts as _};
use rsa::{BigUint, Pkcs1v15Sign, RsaPrivateKey};
use serde_json::{Map, Value, json};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use x509_cert::der::asn1::{Any, BitString, ObjectIdentifier, UtcTime};
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use x509_cert::time::{Time, Validity};
use x509_cert::{TbsCertificate, Version};

use super::certificate::{Certificate, Thumbprint};
use super::sign::Signer;

pub(crate) const NOW: i64 = 1_600_000_000;
pub(crate) const NONCE: &str = "0123456789abcdefABCDEF0123456789";
pub(crate) const APPLICATION_ID: &str = "1234567890abcdef";
pub(crate) const CONTEXT: &str = "http://schemes.superoffice.net/identity/ctx";
const SHA1_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.5");

fn generate(bits: usize) -> RsaPrivateKey {
    RsaPrivateKey::new(&mut OsRng, bits).unwrap()
}

/// Signs tokens.
pub(crate) fn vendor_key() -> &'static RsaPrivateKey {
    static KEY: OnceLock<RsaPrivateKey> = OnceLock::new();
    KEY.get_or_init(|| generate(2048))
}

/// Another environment's, or anybody's.
pub(crate) fn other_key() -> &'static RsaPrivateKey {
    static KEY: OnceLock<RsaPrivateKey> = OnceLock::new();
    KEY.get_or_init(|| generate(2048))
}

/// As short as the vendor's sample.
pub(crate) fn short_key() -> &'static RsaPrivateKey {
    static KEY: OnceLock<RsaPrivateKey> = OnceLock::new();
    KEY.get_or_init(|| generate(1024))
}

pub(crate) fn signer() -> Signer {
    Signer::read(rsa_xml(&xml_numbers(short_key())).as_bytes()).unwrap()
}

pub(crate) fn tenant(name: &str) -> Tenant {
    Tenant::new(name).unwrap()
}

/// A certificate like the vendor's: version 1, signed with SHA-1.
pub(crate) fn certificate_der(key: &RsaPrivateKey, not_after: i64) -> Vec<u8> {
    let algorithm = AlgorithmIdentifierOwned { oid: SHA1_WITH_RSA, parameters: Some(Any::null()) };
    let seconds = |time: i64| Duration::from_secs(time.try_into().unwrap());
    let time = |seconds| Time::UtcTime(UtcTime::from_unix_duration(seconds).unwrap());
    let spki = key.to_public_key().to_public_key_der().unwrap();
    let tbs_certificate = TbsCertificate {
        version: Version::V1,
        serial_number: SerialNumber::from(1u32),
        signature: algorithm.clone(),
        issuer: Name::from_str("CN=Private authority").unwrap(),
        validity: Validity { not_before: time(seconds(0)), not_after: time(seconds(not_after)) },
        subject: Name::from_str("CN=Federated Login").unwrap(),
        subject_public_key_info: SubjectPublicKeyInfoOwned::from_der(spki.as_bytes()).unwrap(),
        issuer_unique_id: None,
        subject_unique_id: None,
        extensions: None,
    };
    let digest = Sha1::digest(tbs_certificate.to_der().unwrap());
    let signature = key.sign(Pkcs1v15Sign::new::<Sha1>(), &digest).unwrap();
    let signature = BitString::from_bytes(&signature).unwrap();
    x509_cert::Certificate { tbs_certificate, signature_algorithm: algorithm, signature }.to_der().unwrap()
}

pub(crate) fn certificate(key: &RsaPrivateKey) -> Certificate {
    Certificate::read_all(&certificate_der(key, NOW)).unwrap().remove(0)
}

pub(crate) fn pem(der: &[u8]) -> String {
    let lines: Vec<_> = STANDARD
        .encode(der)
        .as_bytes()
        .chunks(64)
        .map(|line| String::from_utf8(line.to_vec()).unwrap())
        .collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

/// The eight numbers of RSAXML in the vendor's order.
pub(crate) fn xml_numbers(key: &RsaPrivateKey) -> Vec<(&'static str, Vec<u8>)> {
    let one = BigUint::from(1u8);
    let [p, q] = key.primes() else { panic!("two primes") };
    let half = key.size() / 2;
    let padded = |number: &BigUint, length: usize| {
        let digits = number.to_bytes_be();
        [vec![0; length.saturating_sub(digits.len())], digits].concat()
    };
    vec![
        ("Modulus", padded(key.n(), key.size())),
        ("Exponent", padded(key.e(), 1)),
        ("P", padded(p, half)),
        ("Q", padded(q, half)),
        ("DP", padded(&(key.d() % (p - &one)), half)),
        ("DQ", padded(&(key.d() % (q - &one)), half)),
        ("InverseQ", padded(&key.crt_coefficient().unwrap(), half)),
        ("D", padded(key.d(), key.size())),
    ]
}

pub(crate) fn rsa_xml(numbers: &[(&str, Vec<u8>)]) -> String {
    let inner: String =
        numbers.iter().map(|(name, bytes)| format!("<{name}>{}</{name}>", STANDARD.encode(bytes))).collect();
    format!("<RSAKeyValue>{inner}</RSAKeyValue>")
}

/// A token in the making.
#[derive(Clone)]
pub(crate) struct Token {
    pub(crate) header: Map<String, Value>,
    pub(crate) claims: Map<String, Value>,
}

impl Token {
    /// As the vendor's was observed.
    pub(crate) fn good() -> Self {
        let thumbprint = Thumbprint::of(&certificate_der(vendor_key(), NOW));
        let header = json!({
            "alg": "RS256",
            "kid": thumbprint.to_string(),
            "x5t": URL_SAFE_NO_PAD.encode(Sha1::digest(certificate_der(vendor_key(), NOW))),
            "typ": "JWT",
        });
        let claims = json!({
            "nonce": NONCE,
            "sub": "Cust1",
            CONTEXT: "Cust1",
            "nbf": NOW,
            "exp": NOW + 360,
            "iss": "SuperOffice AS",
            "aud": format!("spn:{APPLICATION_ID}"),
        });
        let map = |value: Value| value.as_object().unwrap().clone();
        Self { header: map(header), claims: map(claims) }
    }

    pub(crate) fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn without_claim(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn without_header(mut self, name: &str) -> Self {
        self.header.remove(name);
        self
    }

    pub(crate) fn sign(&self, key: &RsaPrivateKey) -> String {
        let json = |part: &Map<String, Value>| Value::Object(part.clone()).to_string();
        sign_texts(json(&self.header).as_bytes(), json(&self.claims).as_bytes(), key)
    }
}

/// A token of any two texts.
pub(crate) fn sign_texts(header: &[u8], claims: &[u8], key: &RsaPrivateKey) -> String {
    sign_message(&format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims)), key)
}

/// Signs whatever stands before the last dot.
pub(crate) fn sign_message(message: &str, key: &RsaPrivateKey) -> String {
    let signature = key.sign(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(message)).unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}
