//! Tokens: none is accepted that the vendor's key did not sign over exactly these claims.
//!
//! The second opinion is `ring`, which shares no code with the bridge's verifier, and plain JSON.

use std::sync::LazyLock;

use arbitrary::{Result, Unstructured};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mirrorbus::auth::token::{LEEWAY_SECONDS, MAX_LIFETIME_SECONDS};
use mirrorbus::auth::{Certificate, Claims, Verifier};
use operations_center::token::{CONTEXT_CLAIM, Token};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use rsa::Pkcs1v15Sign;
use rsa::traits::PublicKeyParts as _;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::vendor::APPLICATION;

const NOW: i64 = 1_600_000_000;

static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| {
    let pem = APPLICATION.certificate_pem();
    let certificates = Certificate::read_all(pem.as_bytes()).expect("the stand-in's certificate can be read");
    Verifier::new(&APPLICATION.issuer, &APPLICATION.id, certificates)
});
static GOOD: LazyLock<String> =
    LazyLock::new(|| Token::new(&APPLICATION, "Cust1", NOW).sign().expect("the key is long enough"));

/// The first byte chooses: the text as it stands; a good token with edits; any header and claims (lines of text),
/// well signed.
pub fn token(data: &[u8]) {
    let Some((mode, rest)) = data.split_first() else { return };
    match mode % 3 {
        0 => {
            let Ok(text) = std::str::from_utf8(rest) else { return };
            assert!(VERIFIER.verify(text, NOW).is_err(), "a token without a signature was accepted");
        }
        1 => edited(rest),
        _ => signed(rest),
    }
}

/// One token has one text: every other is refused.
fn edited(data: &[u8]) {
    let mut text = GOOD.clone().into_bytes();
    // The generator runs dry, or the edit does not fit: what is there so far is the token.
    let _ = edit(&mut Unstructured::new(data), &mut text);
    let is_good = text == GOOD.as_bytes();
    let Ok(text) = std::str::from_utf8(&text) else { return };
    let verdict = VERIFIER.verify(text, NOW);
    assert_eq!(
        verdict.is_ok(),
        is_good,
        "an edited token was accepted, or the good one refused: {verdict:?}"
    );
}

fn edit(bytes: &mut Unstructured<'_>, text: &mut Vec<u8>) -> Result<()> {
    while !bytes.is_empty() && !text.is_empty() {
        let place = bytes.int_in_range(0..=text.len() - 1)?;
        match bytes.int_in_range(0..=4)? {
            0 => text[place] = bytes.arbitrary()?,
            1 => text.insert(place, bytes.arbitrary()?),
            2 => drop(text.remove(place)),
            3 => text.truncate(place),
            _ => text.extend_from_slice(bytes.bytes(bytes.len().min(4))?),
        }
    }
    Ok(())
}

/// Whatever stands in a token with the right signature, it is accepted only where plain JSON says the same.
fn signed(data: &[u8]) {
    let mut lines = data.splitn(2, |byte| *byte == b'\n');
    let (header, claims) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let digest = Sha256::digest(&message);
    let signature = APPLICATION.signing_key().sign(Pkcs1v15Sign::new::<Sha256>(), &digest);
    let signature = signature.expect("the key is long enough");
    let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(&signature));
    if let Ok(accepted) = VERIFIER.verify(&token, NOW) {
        assert_signed(message.as_bytes(), &signature);
        assert_says(header, claims, &accepted);
    }
}

fn assert_signed(message: &[u8], signature: &[u8]) {
    let key = APPLICATION.signing_key().to_public_key();
    let key = RsaPublicKeyComponents { n: key.n().to_bytes_be(), e: key.e().to_bytes_be() };
    let verdict = key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature);
    assert!(verdict.is_ok(), "ring does not find the signature");
}

fn assert_says(header: &[u8], claims: &[u8], accepted: &Claims) {
    let plain = |text| serde_json::from_slice::<Value>(text).expect("what was accepted is JSON");
    let (header, claims) = (plain(header), plain(claims));
    assert_eq!(header["alg"], "RS256");
    assert!(header.get("typ").is_none_or(|kind| kind == "JWT"));
    assert!(["jwk", "x5c", "jku", "x5u", "crit", "b64"].iter().all(|name| header.get(name).is_none()));
    assert_eq!(claims["iss"], APPLICATION.issuer.as_str());
    assert_eq!(claims["aud"], format!("spn:{}", APPLICATION.id));
    assert_eq!(claims[CONTEXT_CLAIM], accepted.tenant.as_str());
    assert!(claims.get("sub").is_none_or(|subject| *subject == claims[CONTEXT_CLAIM]));
    assert_eq!(claims["nonce"], accepted.nonce.as_str());
    let times = claims["nbf"].as_i64().zip(claims["exp"].as_i64());
    let (not_before, expires) = times.expect("what was accepted has times");
    assert_eq!(not_before, accepted.not_before);
    assert!((1..=MAX_LIFETIME_SECONDS).contains(&(expires - not_before)));
    assert!(not_before - LEEWAY_SECONDS <= NOW && NOW < expires + LEEWAY_SECONDS);
}
