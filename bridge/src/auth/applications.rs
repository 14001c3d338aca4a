//! Several applications behind one address: whose call is this?
//!
//! The audience that a token claims, still unchecked, only chooses the application; the token is then checked by
//! that application's settings alone, its audience among them. So one application's key never opens another's door,
//! and no caller of this module sees a choice that was not checked.

use std::sync::Arc;

use super::Trust;
use super::token::{self, Claims, TokenError};

/// One application: whom it trusts, and what serves its calls.
#[derive(Debug)]
pub struct Application<T> {
    /// Whom it trusts, and what it signs with.
    pub trust: Trust,
    /// What its calls are served by.
    pub service: T,
}

/// The applications of one bridge.
#[derive(Debug)]
pub struct Applications<T> {
    entries: Vec<Arc<Application<T>>>,
}

/// An accepted token and the application it was meant for.
#[derive(Debug)]
pub struct Accepted<T> {
    /// The application that is called.
    pub application: Arc<Application<T>>,
    /// What the token says.
    pub claims: Claims,
}

impl<T> Applications<T> {
    /// Applications with audiences that differ: where two share one, the first gets all calls.
    #[must_use]
    pub fn new(entries: Vec<(Trust, T)>) -> Self {
        let entries = entries.into_iter().map(|(trust, service)| Arc::new(Application { trust, service }));
        Self { entries: entries.collect() }
    }

    /// All of them, in the order given.
    pub fn iter(&self) -> impl Iterator<Item = &Application<T>> {
        self.entries.iter().map(Arc::as_ref)
    }

    /// Finds the application that the token is meant for and checks the token by its rules. `now` in seconds since
    /// 1970.
    ///
    /// # Errors
    /// [`TokenError`] with the first rule that the token breaks.
    pub fn accept(&self, token: &str, now: i64) -> Result<Accepted<T>, TokenError> {
        let application = self.choose(token)?;
        let claims = application.trust.accept(token, now)?;
        Ok(Accepted { application: Arc::clone(application), claims })
    }

    fn choose(&self, token: &str) -> Result<&Arc<Application<T>>, TokenError> {
        if let [only] = self.entries.as_slice() {
            return Ok(only);
        }
        let audience = token::claimed_audience(token)?;
        self.entries
            .iter()
            .find(|entry| entry.trust.verifier.audience() == audience)
            .ok_or(TokenError::Audience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::testing::{self, NOW, Token, certificate, other_key, vendor_key};
    use crate::auth::{Trust, Verifier};

    fn trust(id: &str, key: &rsa::RsaPrivateKey) -> Trust {
        Trust {
            verifier: Verifier::new("SuperOffice AS", id, vec![certificate(key)]),
            signer: testing::signer(),
            allowed_tenants: None,
        }
    }

    fn two() -> Applications<&'static str> {
        Applications::new(vec![(trust("one", vendor_key()), "1"), (trust("two", other_key()), "2")])
    }

    #[test]
    fn the_audience_chooses_the_application() {
        let applications = two();
        let of_one = Token::good().claim("aud", "spn:one").without_header("kid").without_header("x5t");
        assert_eq!(applications.accept(&of_one.sign(vendor_key()), NOW).unwrap().application.service, "1");
        let of_two = of_one.clone().claim("aud", "spn:two");
        assert_eq!(applications.accept(&of_two.sign(other_key()), NOW).unwrap().application.service, "2");
    }

    #[test]
    fn another_applications_key_opens_nothing() {
        let applications = two();
        let of_two = Token::good().claim("aud", "spn:two").without_header("kid").without_header("x5t");
        let refused = applications.accept(&of_two.sign(vendor_key()), NOW).unwrap_err();
        assert_eq!(refused, TokenError::Signature);
        let of_three = of_two.claim("aud", "spn:three");
        assert_eq!(applications.accept(&of_three.sign(vendor_key()), NOW).unwrap_err(), TokenError::Audience);
    }

    #[test]
    fn a_tenant_that_is_not_on_the_list_is_refused() {
        let mut trust = trust("one", vendor_key());
        let token = Token::good().claim("aud", "spn:one").without_header("kid").without_header("x5t");
        let token = token.sign(vendor_key());
        trust.allowed_tenants = Some([testing::tenant("Cust2")].into());
        assert_eq!(trust.accept(&token, NOW), Err(TokenError::TenantNotAllowed));
        trust.allowed_tenants = Some([testing::tenant("Cust1")].into());
        assert_eq!(trust.accept(&token, NOW).unwrap().tenant, testing::tenant("Cust1"));
    }
}
