//! The token that signs every call: a JWT as the vendor's was observed, each part of it replaceable, because a
//! receiver is judged by the bad tokens that it refuses.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::Rng;
use rsa::{Pkcs1v15Sign, RsaPrivateKey};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::application::Application;

/// The claim that names the tenant beside `sub`.
pub const CONTEXT_CLAIM: &str = "http://schemes.superoffice.net/identity/ctx";
/// Observed: `exp` is six minutes after `nbf`.
pub const LIFETIME_SECONDS: i64 = 6 * 60;

/// A token in the making. [`Token::new`] fills in what the vendor sends; the setters replace or remove parts.
#[derive(Clone, Debug)]
pub struct Token {
    header: Map<String, Value>,
    claims: Map<String, Value>,
    signing_key: RsaPrivateKey,
    tampered_signature: bool,
}

impl Token {
    /// The token that the vendor would send for `tenant` at `now`, in seconds since 1970.
    #[must_use]
    pub fn new(application: &Application, tenant: &str, now: i64) -> Self {
        let header = json!({
            "alg": "RS256",
            "kid": application.thumbprint().hex(),
            "x5t": application.thumbprint().base64url(),
            "typ": "JWT",
        });
        let claims = json!({
            "nonce": format!("{:032x}", rand::thread_rng().r#gen::<u128>()),
            "sub": tenant,
            CONTEXT_CLAIM: tenant,
            "nbf": now,
            "exp": now + LIFETIME_SECONDS,
            "iss": application.issuer,
            "aud": format!("spn:{}", application.id),
        });
        Self {
            header: object(header),
            claims: object(claims),
            signing_key: application.signing_key().clone(),
            tampered_signature: false,
        }
    }

    /// Sets a claim to any JSON value.
    #[must_use]
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// Leaves a claim out.
    #[must_use]
    pub fn without_claim(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    /// Sets a header field to any JSON value.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.insert(name.to_owned(), value.into());
        self
    }

    /// Leaves a header field out.
    #[must_use]
    pub fn without_header(mut self, name: &str) -> Self {
        self.header.remove(name);
        self
    }

    /// Signs with another key than the application's signing key.
    #[must_use]
    pub fn signed_by(mut self, key: &RsaPrivateKey) -> Self {
        self.signing_key = key.clone();
        self
    }

    /// Turns over one bit of the signature.
    #[must_use]
    pub fn with_tampered_signature(mut self) -> Self {
        self.tampered_signature = true;
        self
    }

    /// The nonce, which the answer to Authenticate must repeat; empty where the claim is missing or no string.
    #[must_use]
    pub fn nonce(&self) -> &str {
        self.claims.get("nonce").and_then(Value::as_str).unwrap_or_default()
    }

    /// The second from which the token is valid, by which a receiver tells an earlier cycle from a later.
    #[must_use]
    pub fn not_before(&self) -> Option<i64> {
        self.claims.get("nbf").and_then(Value::as_i64)
    }

    /// `header.claims.signature`, always signed with RS256 whatever the header says.
    ///
    /// # Errors
    /// [`rsa::Error`] when the key is too short to sign with.
    pub fn sign(&self) -> Result<String, rsa::Error> {
        let message = format!("{}.{}", base64url(&self.header), base64url(&self.claims));
        let digest = Sha256::digest(message.as_bytes());
        let mut signature = self.signing_key.sign(Pkcs1v15Sign::new::<Sha256>(), &digest)?;
        if let Some(last) = signature.last_mut().filter(|_| self.tampered_signature) {
            *last ^= 1;
        }
        Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn base64url(part: &Map<String, Value>) -> String {
    URL_SAFE_NO_PAD.encode(Value::Object(part.clone()).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::application;

    const NOW: i64 = 1_600_000_000;

    fn part(token: &str, index: usize) -> Value {
        let part = token.split('.').nth(index).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    }

    fn is_genuine(token: &str) -> bool {
        let (message, signature) = token.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let key = application().signing_key().to_public_key();
        key.verify(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(message), &signature).is_ok()
    }

    #[test]
    fn it_says_what_was_observed() {
        let token = Token::new(application(), "Cust24709", NOW);
        let text = token.sign().unwrap();
        let (header, claims) = (part(&text, 0), part(&text, 1));
        assert_eq!(header["alg"], "RS256");
        assert_eq!(header["typ"], "JWT");
        assert_eq!(header["kid"], application().thumbprint().hex());
        assert_eq!(header["x5t"], application().thumbprint().base64url());
        assert_eq!(claims["iss"], "SuperOffice AS");
        assert_eq!(claims["aud"], format!("spn:{}", application().id));
        assert_eq!(claims["sub"], "Cust24709");
        assert_eq!(claims[CONTEXT_CLAIM], "Cust24709");
        assert_eq!((claims["nbf"].as_i64(), claims["exp"].as_i64()), (Some(NOW), Some(NOW + 360)));
        assert_eq!(token.nonce().len(), 32);
        assert!(is_genuine(&text));
    }

    #[test]
    fn every_part_can_be_bad() {
        let token = Token::new(application(), "Cust1", NOW)
            .claim("aud", json!(["spn:other"]))
            .without_claim("nonce")
            .header("alg", "none")
            .without_header("kid")
            .with_tampered_signature();
        let text = token.sign().unwrap();
        assert_eq!(part(&text, 0), json!({"alg": "none", "typ": "JWT", "x5t": part(&text, 0)["x5t"]}));
        assert_eq!(part(&text, 1)["aud"], json!(["spn:other"]));
        assert_eq!(part(&text, 1).get("nonce"), None);
        assert_eq!(token.nonce(), "");
        assert!(!is_genuine(&text));
        let other = application().application_key();
        assert!(!is_genuine(&Token::new(application(), "Cust1", NOW).signed_by(other).sign().unwrap()));
    }

    #[test]
    fn no_nonce_comes_twice() {
        let nonce = || Token::new(application(), "Cust1", NOW).nonce().to_owned();
        assert_ne!(nonce(), nonce());
    }
}
