//! Tokens that the vendor never signed.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rsa::traits::PublicKeyParts;
use serde_json::{Value, json};

use super::line::Miss;
use super::subject::signed;
use crate::application::Application;
use crate::token::Token;

/// Somebody with keys and a certificate of the same make. Made once: keys take a while.
pub(super) fn stranger() -> Result<&'static Application, Miss> {
    static STRANGER: OnceLock<Option<Application>> = OnceLock::new();
    let made = STRANGER.get_or_init(|| Application::generate_with_key("stranger", 1024).ok());
    made.as_ref().ok_or_else(|| Miss::unobserved("no key could be made to forge a token with"))
}

/// A token's parts as texts.
struct Parts {
    header: String,
    claims: String,
    signature: String,
}

fn parts(token: &Token) -> Result<Parts, Miss> {
    let text = signed(token)?;
    let mut parts = text.split('.').map(str::to_owned);
    let mut next = || parts.next().unwrap_or_default();
    Ok(Parts { header: next(), claims: next(), signature: next() })
}

fn decoded(part: &str) -> Value {
    let bytes = URL_SAFE_NO_PAD.decode(part).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}

fn encoded(part: &Value) -> String {
    URL_SAFE_NO_PAD.encode(part.to_string())
}

/// The token with one claim changed after it was signed.
pub(super) fn tampered(token: &Token, claim: &str, value: Value) -> Result<String, Miss> {
    let Parts { header, claims, signature } = parts(token)?;
    let mut claims = decoded(&claims);
    if let Some(found) = claims.get_mut(claim) {
        *found = value;
    }
    Ok(format!("{header}.{}.{signature}", encoded(&claims)))
}

/// The claims of one token under the signature of another.
pub(super) fn swapped(claims: &Token, signature: &Token) -> Result<String, Miss> {
    let (wanted, genuine) = (parts(claims)?, parts(signature)?);
    Ok(format!("{}.{}.{}", genuine.header, wanted.claims, genuine.signature))
}

/// `alg` none and no signature.
pub(super) fn unsigned(token: &Token) -> Result<String, Miss> {
    let Parts { header, claims, .. } = parts(token)?;
    let mut header = decoded(&header);
    if let Some(algorithm) = header.get_mut("alg") {
        *algorithm = json!("none");
    }
    Ok(format!("{}.{claims}.", encoded(&header)))
}

/// What everybody may know of the signing certificate: its PEM text, with and without a last line break, and its
/// bytes.
pub(super) fn public_secrets(application: &Application) -> [Vec<u8>; 3] {
    let pem = application.certificate_pem();
    let der = STANDARD.decode(body(pem)).unwrap_or_default();
    [pem.as_bytes().to_vec(), pem.trim_end().as_bytes().to_vec(), der]
}

/// HS256 with a secret.
pub(super) fn with_secret(application: &Application, token: &Token, secret: &[u8]) -> Result<String, Miss> {
    let claims = decoded(&parts(token)?.claims);
    let header = Header { kid: Some(application.thumbprint().hex()), ..Header::new(Algorithm::HS256) };
    let signed = jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(secret));
    signed.map_err(|error| Miss::unobserved(format!("the token cannot be signed: {error}")))
}

/// Signed by a stranger, whose key stands in the header.
pub(super) fn with_own_key(token: Token) -> Result<String, Miss> {
    let key = stranger()?.signing_key();
    let number = |number: &rsa::BigUint| URL_SAFE_NO_PAD.encode(number.to_bytes_be());
    let jwk = json!({"kty": "RSA", "n": number(key.n()), "e": number(key.e())});
    signed(&token.signed_by(key).without_header("kid").without_header("x5t").header("jwk", jwk))
}

/// Signed by a stranger, whose certificate stands in the header.
pub(super) fn with_own_certificate(token: Token) -> Result<String, Miss> {
    let stranger = stranger()?;
    let token = token.signed_by(stranger.signing_key()).without_header("x5t");
    let token = token.header("kid", stranger.thumbprint().hex());
    signed(&token.header("x5c", json!([body(stranger.certificate_pem())])))
}

/// What stands between a PEM's first and last line.
fn body(pem: &str) -> String {
    pem.lines().filter(|line| !line.starts_with('-')).collect()
}
