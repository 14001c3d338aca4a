//! Tokens byte by byte, for what no builder of good tokens would write.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use operations_center::token::Token;
use rsa::{Pkcs1v15Sign, RsaPrivateKey};
use sha2::{Digest as _, Sha256};

use super::world::application;

/// Header and claims as JSON texts.
#[derive(Clone)]
pub struct Jwt {
    pub header: String,
    pub claims: String,
}

impl Jwt {
    /// The texts of a token.
    pub fn of(token: &Token) -> Self {
        let text = token.sign().unwrap();
        let mut parts = text.split('.').map(|part| String::from_utf8_lossy(&decode(part)).into_owned());
        Self { header: parts.next().unwrap(), claims: parts.next().unwrap() }
    }

    /// With an entry behind the others of the claims; `value` is JSON.
    pub fn claim(mut self, name: &str, value: &str) -> Self {
        self.claims = with_entry(&self.claims, name, value);
        self
    }

    /// With an entry behind the others of the header; `value` is JSON.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.header = with_entry(&self.header, name, value);
        self
    }

    /// Signed by the vendor.
    pub fn sign(&self) -> String {
        sign_bytes(self.header.as_bytes(), self.claims.as_bytes())
    }
}

/// A token of any two texts, signed by the vendor.
pub fn sign_bytes(header: &[u8], claims: &[u8]) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    sign_message(&message, application().signing_key())
}

/// Signs whatever stands before the last dot.
pub fn sign_message(message: &str, key: &RsaPrivateKey) -> String {
    let signature = key.sign(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(message)).unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

pub fn decode(part: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(part).unwrap()
}

pub fn encode(part: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(part)
}

fn with_entry(object: &str, name: &str, value: &str) -> String {
    format!("{},\"{name}\":{value}}}", object.strip_suffix('}').unwrap())
}
