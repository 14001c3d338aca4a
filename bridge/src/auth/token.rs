//! The token in a call's header: a JWT that must be right in every part.
//!
//! RS256 is not negotiated: `rsa` is called directly, without a JWT library, so that no header can choose another
//! way of checking, and so that 1024-bit keys work. The order of decisions never changes: size, shape, header, key,
//! signature, and only then what the claims say; nothing in the claims is looked at before somebody trusted has
//! signed it. Every text has one form only (canonical base64url, no duplicate JSON keys), so that one token cannot
//! come as two.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mirrorbus_schemas::topic::Tenant;
use rsa::Pkcs1v15Sign;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::certificate::{Certificate, Thumbprint};
use super::json::{self, Json, Object};
use super::trusted::Trusted;

/// Longest token that is looked at; real ones have some 800 bytes.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;
/// How far the vendor's clock and ours may differ.
pub const LEEWAY_SECONDS: i64 = 60;
/// Longest life of a token; real ones live six minutes.
pub const MAX_LIFETIME_SECONDS: i64 = 10 * 60;

/// The claim that names the tenant.
const CONTEXT: &str = "http://schemes.superoffice.net/identity/ctx";
/// Header fields that bring a key along, or change what is signed or how: none of them is ever right.
const REFUSED_FIELDS: [&str; 9] = ["b64", "crit", "cty", "enc", "jku", "jwk", "x5c", "x5u", "zip"];

/// The rule that a token breaks, for the log: it holds nothing of the token.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TokenError {
    /// More than [`MAX_TOKEN_BYTES`].
    #[error("token is longer than {MAX_TOKEN_BYTES} bytes")]
    TooLong,
    /// Not three parts with something in each.
    #[error("token has not three parts")]
    Parts,
    /// Not canonical base64url.
    #[error("token {part} is not canonical base64url")]
    Base64 {
        /// `header`, `claims` or `signature`.
        part: &'static str,
    },
    /// Not a JSON object, or a key stands twice.
    #[error("token {part} is not a json object without duplicate keys")]
    Json {
        /// `header` or `claims`.
        part: &'static str,
    },
    /// `alg` is not RS256.
    #[error("token is not signed with RS256")]
    Algorithm,
    /// `typ` is there and is not JWT.
    #[error("token type is not JWT")]
    Type,
    /// A header field that no token may have.
    #[error("token header has {field}")]
    HeaderField {
        /// Its name.
        field: &'static str,
    },
    /// `kid` or `x5t` names no configured certificate, or they name different ones.
    #[error("token is signed with a certificate that is not configured")]
    UnknownKey,
    /// No configured key made the signature.
    #[error("token signature is wrong")]
    Signature,
    /// `iss` is not the configured one.
    #[error("token issuer is not the configured one")]
    Issuer,
    /// `aud` is not exactly this application.
    #[error("token audience is not this application")]
    Audience,
    /// No context identifier that could name a tenant.
    #[error("token names no tenant")]
    Tenant,
    /// `sub` is not the context identifier.
    #[error("token subject is not its tenant")]
    Subject,
    /// Not 32 hexadecimal digits.
    #[error("token nonce is not 32 hexadecimal digits")]
    Nonce,
    /// `nbf` or `exp` is missing or no integer, or they are not in order.
    #[error("token times are missing or not in order")]
    Times,
    /// Lives longer than [`MAX_LIFETIME_SECONDS`].
    #[error("token lives longer than {MAX_LIFETIME_SECONDS} s")]
    Lifetime,
    /// `nbf` is more than [`LEEWAY_SECONDS`] ahead.
    #[error("token is not valid yet: compare the clocks")]
    NotYetValid,
    /// `exp` is [`LEEWAY_SECONDS`] or more ago.
    #[error("token has expired: compare the clocks")]
    Expired,
    /// The tenant is not on the application's list.
    #[error("tenant is not among the allowed ones")]
    TenantNotAllowed,
    /// It came with another call before.
    #[error("token was used for another call: who else has it?")]
    Used,
}

/// What an accepted token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Who calls.
    pub tenant: Tenant,
    /// 32 hexadecimal digits, new for every call.
    pub nonce: String,
    /// From when the token is valid, in seconds since 1970: by it earlier calls are told from later ones.
    pub not_before: i64,
}

/// Checks the tokens of one application.
#[derive(Debug)]
pub struct Verifier {
    issuer: String,
    audience: String,
    trusted: Trusted,
}

impl Verifier {
    /// For tokens of `issuer` to the application `application_id`, signed with the key of any of the certificates.
    #[must_use]
    pub fn new(issuer: &str, application_id: &str, certificates: Vec<Certificate>) -> Self {
        Self::trusting(issuer, application_id, Trusted::fixed(certificates))
    }

    /// The same with certificates that may change.
    #[must_use]
    pub fn trusting(issuer: &str, application_id: &str, trusted: Trusted) -> Self {
        Self { issuer: issuer.to_owned(), audience: format!("spn:{application_id}"), trusted }
    }

    /// The `aud` that is accepted.
    #[must_use]
    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// The trusted certificates.
    #[must_use]
    pub fn trusted(&self) -> &Trusted {
        &self.trusted
    }

    /// Checks everything. A token is valid while `nbf - 60 <= now < exp + 60`: RFC 7519 ends it *at* `exp`.
    ///
    /// # Errors
    /// [`TokenError`] with the first rule that the token breaks.
    pub fn verify(&self, token: &str, now_seconds: i64) -> Result<Claims, TokenError> {
        let parts = Parts::split(token)?;
        let header = parts.header()?;
        check_header(&header)?;
        let trusted = self.trusted.certificates();
        let candidates = candidates(&trusted, &header)?;
        let signature = decode(parts.signature, "signature")?;
        let digest = Sha256::digest(parts.signed.as_bytes());
        let is_by = |certificate: &&Certificate| {
            certificate.key.verify(Pkcs1v15Sign::new::<Sha256>(), &digest, &signature).is_ok()
        };
        if !candidates.iter().any(is_by) {
            return Err(TokenError::Signature);
        }
        self.check_claims(&parts.claims()?, now_seconds)
    }

    fn check_claims(&self, claims: &Object, now: i64) -> Result<Claims, TokenError> {
        if text(claims, "iss") != Some(self.issuer.as_str()) {
            return Err(TokenError::Issuer);
        }
        if text(claims, "aud") != Some(self.audience.as_str()) {
            return Err(TokenError::Audience);
        }
        let context = text(claims, CONTEXT).ok_or(TokenError::Tenant)?;
        if claims.get("sub").is_some_and(|subject| subject.as_str() != Some(context)) {
            return Err(TokenError::Subject);
        }
        let tenant = Tenant::new(context).map_err(|_| TokenError::Tenant)?;
        let nonce = text(claims, "nonce").filter(|nonce| is_nonce(nonce)).ok_or(TokenError::Nonce)?;
        let not_before = check_times(claims, now)?;
        Ok(Claims { tenant, nonce: nonce.to_owned(), not_before })
    }
}

/// Keys that may have made the signature. `kid` and `x5t` choose among the configured ones and no others.
fn candidates<'c>(trusted: &'c [Certificate], header: &Object) -> Result<Vec<&'c Certificate>, TokenError> {
    let kid = optional_text(header, "kid")?;
    let x5t = optional_text(header, "x5t")?;
    let x5t = x5t.map(|text| Thumbprint::from_base64url(text).ok_or(TokenError::UnknownKey)).transpose()?;
    let candidates: Vec<_> = trusted
        .iter()
        .filter(|certificate| kid.is_none_or(|hex| certificate.thumbprint.is_hex(hex)))
        .filter(|certificate| x5t.is_none_or(|thumbprint| certificate.thumbprint == thumbprint))
        .collect();
    if candidates.is_empty() { Err(TokenError::UnknownKey) } else { Ok(candidates) }
}

/// The audience that a token claims, unchecked: good for choosing whose rules it is checked by, for nothing else.
pub(super) fn claimed_audience(token: &str) -> Result<String, TokenError> {
    let claims = Parts::split(token)?.claims()?;
    text(&claims, "aud").map(str::to_owned).ok_or(TokenError::Audience)
}

/// Whether it is 32 hexadecimal digits: the only text that a signature of ours may begin with.
pub(super) fn is_nonce(nonce: &str) -> bool {
    nonce.len() == 32 && nonce.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The three parts of a token, still encoded.
struct Parts<'a> {
    header: &'a str,
    claims: &'a str,
    signature: &'a str,
    /// Header and claims with the dot between them.
    signed: &'a str,
}

impl<'a> Parts<'a> {
    fn split(token: &'a str) -> Result<Self, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::TooLong);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Parts)?;
        let (header, claims) = signed.split_once('.').ok_or(TokenError::Parts)?;
        if claims.contains('.') || [header, claims, signature].contains(&"") {
            return Err(TokenError::Parts);
        }
        Ok(Self { header, claims, signature, signed })
    }

    fn header(&self) -> Result<Object, TokenError> {
        object(self.header, "header")
    }

    fn claims(&self) -> Result<Object, TokenError> {
        object(self.claims, "claims")
    }
}

fn object(encoded: &str, part: &'static str) -> Result<Object, TokenError> {
    json::read_object(&decode(encoded, part)?).ok_or(TokenError::Json { part })
}

/// Strict: no padding, no white space, no bits left over.
fn decode(encoded: &str, part: &'static str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD.decode(encoded).map_err(|_| TokenError::Base64 { part })
}

fn check_header(header: &Object) -> Result<(), TokenError> {
    if text(header, "alg") != Some("RS256") {
        return Err(TokenError::Algorithm);
    }
    if header.get("typ").is_some_and(|typ| typ.as_str() != Some("JWT")) {
        return Err(TokenError::Type);
    }
    match REFUSED_FIELDS.iter().find(|field| header.contains_key(**field)) {
        Some(field) => Err(TokenError::HeaderField { field }),
        None => Ok(()),
    }
}

/// Checks `nbf` and `exp`; gives `nbf`.
fn check_times(claims: &Object, now: i64) -> Result<i64, TokenError> {
    let time = |name| claims.get(name).and_then(Json::as_integer).filter(|time| *time >= 0);
    let (not_before, expires) = time("nbf").zip(time("exp")).ok_or(TokenError::Times)?;
    if expires <= not_before {
        return Err(TokenError::Times);
    }
    if expires - not_before > MAX_LIFETIME_SECONDS {
        return Err(TokenError::Lifetime);
    }
    if not_before > now.saturating_add(LEEWAY_SECONDS) {
        return Err(TokenError::NotYetValid);
    }
    if now >= expires.saturating_add(LEEWAY_SECONDS) {
        return Err(TokenError::Expired);
    }
    Ok(not_before)
}

fn text<'a>(object: &'a Object, key: &str) -> Option<&'a str> {
    object.get(key).and_then(Json::as_str)
}

/// A key selector: absent, or a string.
fn optional_text<'a>(header: &'a Object, key: &str) -> Result<Option<&'a str>, TokenError> {
    header.get(key).map(|value| value.as_str().ok_or(TokenError::UnknownKey)).transpose()
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
