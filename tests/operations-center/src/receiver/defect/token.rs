//! Tokens that are believed for the wrong reasons.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde_json::Value;

use super::Defect;
use crate::receiver::Identity;
use crate::receiver::trust::Claims;
use crate::wire::Operation;

/// With it the claims of an unchecked token are signed again, so that they go through the honest checks.
const SECRET: &[u8] = b"nobody's";

impl Defect {
    /// Switches off the check that is not made.
    pub(in crate::receiver) fn loosen(self, validation: &mut Validation) {
        match self {
            Self::UncheckedAudience => validation.validate_aud = false,
            Self::UncheckedExpiry => validation.validate_exp = false,
            Self::UncheckedNotBefore => validation.validate_nbf = false,
            Self::UncheckedIssuer => validation.iss = None,
            _ => {}
        }
    }

    /// The claims of a token that is believed though its signature is not the vendor's.
    pub(in crate::receiver) fn believes(
        self,
        identity: &Identity,
        operation: Operation,
        token: &str,
        validation: &Validation,
    ) -> Option<Claims> {
        let by = |key: &DecodingKey, algorithm: Algorithm| {
            let validation = Validation { algorithms: vec![algorithm], ..validation.clone() };
            jsonwebtoken::decode(token, key, &validation).ok().map(|token| token.claims)
        };
        match self {
            Self::UncheckedSignature => by_claims(token, validation).filter(|_| is(token, "RS256")),
            Self::AcceptedAlgNone => by_claims(token, validation).filter(|_| is(token, "none")),
            Self::AcceptedHmac => {
                let secret = identity.certificate_pem.as_bytes();
                by(&DecodingKey::from_secret(secret), Algorithm::HS256)
            }
            Self::TrustedKeyInHeader => {
                let key = header(token)?.get("jwk").cloned()?;
                by(&DecodingKey::from_jwk(&serde_json::from_value(key).ok()?).ok()?, Algorithm::RS256)
            }
            Self::UncheckedDataTokens => match operation {
                Operation::Authenticate | Operation::TableSchema => None,
                _ => jsonwebtoken::dangerous::insecure_decode_claims(token).ok(),
            },
            _ => None,
        }
    }
}

/// The claims of a token that nobody need have signed, if they pass the other checks.
fn by_claims(token: &str, validation: &Validation) -> Option<Claims> {
    let claims: Value = jsonwebtoken::dangerous::insecure_decode_claims(token).ok()?;
    let again = jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET)).ok()?;
    let validation = Validation { algorithms: vec![Algorithm::HS256], ..validation.clone() };
    jsonwebtoken::decode(again, &DecodingKey::from_secret(SECRET), &validation).ok().map(|token| token.claims)
}

fn is(token: &str, algorithm: &str) -> bool {
    header(token).is_some_and(|header| header.get("alg").and_then(Value::as_str) == Some(algorithm))
}

fn header(token: &str) -> Option<Value> {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').next()?).ok()?).ok()
}
