//! Trust, both ways: is the token the vendor's and for this application, and the proof that we are the application.
//!
//! Every call is checked on its own: no session exists.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, Validation};
use rsa::{Pkcs1v15Sign, RsaPrivateKey};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::macros::format_description;

use super::Identity;
use super::defect::Defect;
use crate::wire::Operation;

/// How far the vendor's clock and ours may differ.
const LEEWAY_SECONDS: u64 = 60;

/// What a trusted token says.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Claims {
    /// The tenant.
    #[serde(rename = "http://schemes.superoffice.net/identity/ctx")]
    pub(super) tenant: String,
    pub(super) nonce: String,
}

/// Checks a token: algorithm, certificate, signature, issuer, audience and times. `None` where it is not to be
/// trusted; why is nobody's business but ours.
pub(super) fn accept(
    identity: &Identity,
    defect: Option<Defect>,
    operation: Operation,
    token: &str,
) -> Option<Claims> {
    let mut validation = Validation::new(Algorithm::RS256);
    validation.leeway = LEEWAY_SECONDS;
    validation.validate_nbf = true;
    validation.set_required_spec_claims(&["exp", "nbf", "aud", "iss"]);
    validation.set_issuer(&[&identity.issuer]);
    validation.set_audience(&[format!("spn:{}", identity.id)]);
    if let Some(defect) = defect {
        defect.loosen(&mut validation);
        if let Some(claims) = defect.believes(identity, operation, token, &validation) {
            return Some(claims);
        }
    }
    let token = jsonwebtoken::decode::<Claims>(token, &identity.trusted, &validation).ok()?;
    let is_ours = token.header.kid.is_none_or(|kid| kid == identity.thumbprint);
    is_ours.then_some(token.claims)
}

/// `nonce.yyyyMMddHHmm.signature`, the time in UTC.
///
/// # Errors
/// [`rsa::Error`] when the key is too short to sign with.
pub(super) fn prove(
    key: &RsaPrivateKey,
    defect: Option<Defect>,
    nonce: &str,
    now: OffsetDateTime,
) -> Result<String, rsa::Error> {
    let (nonce, now) = defect.map_or_else(|| (nonce.to_owned(), now), |defect| defect.signed(nonce, now));
    let format = format_description!("[year][month][day][hour][minute]");
    let message = format!("{nonce}.{}", now.format(format).unwrap_or_default());
    let signed = defect.map_or_else(|| message.clone(), |defect| defect.message(message.clone()));
    let signature = key.sign(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(signed))?;
    Ok(format!("{message}.{}", STANDARD.encode(signature)))
}
