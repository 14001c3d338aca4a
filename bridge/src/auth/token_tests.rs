//! The table of bad tokens, each under its id, against an independent signer; and jsonwebtoken as a second opinion.

use std::sync::OnceLock;

use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use proptest::prelude::*;
use rsa::pkcs1::{EncodeRsaPrivateKey as _, EncodeRsaPublicKey as _};
use serde_json::{Value, json};

use super::*;
use crate::auth::testing::{
    APPLICATION_ID, CONTEXT, NONCE, NOW, Token, certificate, certificate_der, other_key, pem, sign_message,
    sign_texts, vendor_key,
};

fn verifier() -> Verifier {
    Verifier::new("SuperOffice AS", APPLICATION_ID, vec![certificate(vendor_key())])
}

fn verify(token: &str) -> Result<Claims, TokenError> {
    verifier().verify(token, NOW)
}

fn verdict(token: &Token) -> Result<Claims, TokenError> {
    verify(&token.sign(vendor_key()))
}

fn good() -> Token {
    Token::good()
}

fn claims() -> Claims {
    Claims { tenant: Tenant::new("Cust1").unwrap(), nonce: NONCE.to_owned(), not_before: NOW }
}

fn good_text() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| good().sign(vendor_key()))
}

/// Each must be refused for the reason that stands before it.
fn refuses(id: &str, expected: &TokenError, tokens: impl IntoIterator<Item = Token>) {
    for (number, token) in tokens.into_iter().enumerate() {
        assert_eq!(verdict(&token).as_ref(), Err(expected), "{id}, number {number}");
    }
}

/// Every claim or header value of the list must be refused.
fn values(with: impl Fn(Value) -> Token, list: Vec<Value>) -> Vec<Token> {
    list.into_iter().map(with).collect()
}

#[test]
fn the_vendors_token_is_accepted() {
    assert_eq!(verdict(&good()), Ok(claims()));
}

#[test]
fn jw_01_none_is_no_algorithm() {
    let list = vec![json!("none"), json!("None"), json!("nOnE")];
    refuses("JW-01", &TokenError::Algorithm, values(|alg| good().header("alg", alg), list));
    let message = good_text().rsplit_once('.').unwrap().0;
    assert_eq!(verify(&format!("{message}.")), Err(TokenError::Parts));
}

#[test]
fn jw_02_the_public_key_is_no_shared_secret() {
    let der = certificate_der(vendor_key(), NOW);
    let secrets = [
        pem(&der).into_bytes(),
        der,
        rsa::traits::PublicKeyParts::n(vendor_key()).to_bytes_be(),
        vendor_key().to_public_key().to_pkcs1_der().unwrap().as_bytes().to_vec(),
    ];
    let claims = Value::Object(good().claims);
    for secret in secrets {
        let key = EncodingKey::from_secret(&secret);
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap();
        assert_eq!(verify(&token), Err(TokenError::Algorithm));
    }
}

#[test]
fn jw_03_only_rs256() {
    let list = ["RS384", "RS512", "PS256", "ES256", "EdDSA", "HS256", "rs256", "RS256 ", "XX", ""];
    let mut list: Vec<Value> = list.into_iter().map(Value::from).collect();
    list.extend([json!(["RS256"]), json!(256), json!(null), json!({"alg": "RS256"})]);
    refuses("JW-03", &TokenError::Algorithm, values(|alg| good().header("alg", alg), list));
    refuses("JW-03", &TokenError::Algorithm, [good().without_header("alg")]);
}

#[test]
fn jw_04_one_changed_bit_or_a_strange_signature_is_refused() {
    let mut parts: Vec<_> =
        good_text().split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap()).collect();
    for (part, byte) in [(1, 12), (2, 0), (2, 100)] {
        parts[part][byte] ^= 1;
        let text: Vec<_> = parts.iter().map(|part| URL_SAFE_NO_PAD.encode(part)).collect();
        let error = verify(&text.join(".")).unwrap_err();
        assert_eq!(error, TokenError::Signature);
        parts[part][byte] ^= 1;
    }
    let other = good().claim("nonce", "f".repeat(32)).sign(vendor_key());
    let message = good_text().rsplit_once('.').unwrap().0;
    let signature = other.rsplit_once('.').unwrap().1;
    assert_eq!(verify(&format!("{message}.{signature}")), Err(TokenError::Signature));
    let prefixed = [&[0][..], &parts[2]].concat();
    let cut = &parts[2][1..];
    for signature in [&prefixed[..], cut, &[0; 256], &[255; 256]] {
        let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature));
        assert_eq!(verify(&token), Err(TokenError::Signature));
    }
}

#[test]
fn jw_05_strangers_keys_are_refused() {
    let anonymous = good().without_header("kid").without_header("x5t");
    assert_eq!(verify(&anonymous.sign(other_key())), Err(TokenError::Signature));
    // The stranger's own certificate has the same subject.
    let stranger = certificate(other_key());
    let named = anonymous.header("kid", stranger.thumbprint().to_string());
    assert_eq!(verify(&named.sign(other_key())), Err(TokenError::UnknownKey));
}

#[test]
fn jw_06_kid_only_chooses_among_the_configured_keys() {
    assert_eq!(verify(&good().sign(other_key())), Err(TokenError::Signature));
    let lower = good().header["kid"].as_str().unwrap().to_lowercase();
    let welcome = [
        good().without_header("kid"),
        good().without_header("x5t"),
        good().without_header("kid").without_header("x5t"),
        good().header("kid", lower),
    ];
    for token in welcome {
        assert_eq!(verdict(&token), Ok(claims()));
    }
    let list = vec![
        json!("60B61583DBB2B7EEC46FD01EC0056E62451D61F3"),
        json!("../../etc/x"),
        json!("' or 1=1 --"),
        json!("x".repeat(5000)),
        json!(""),
        json!(7),
        json!(null),
        json!([good().header["kid"]]),
    ];
    refuses("JW-06 kid", &TokenError::UnknownKey, values(|kid| good().header("kid", kid), list.clone()));
    refuses("JW-06 x5t", &TokenError::UnknownKey, values(|x5t| good().header("x5t", x5t), list));
    let huge = good().header("kid", "A".repeat(1_000_000));
    refuses("JW-06 1 MB", &TokenError::TooLong, [huge]);
}

#[test]
fn jw_06_with_several_certificates_the_right_one_is_found() {
    let both = [certificate(other_key()), certificate(vendor_key())];
    let verifier = Verifier::new("SuperOffice AS", APPLICATION_ID, both.to_vec());
    let anonymous = good().without_header("kid").without_header("x5t");
    for key in [vendor_key(), other_key()] {
        assert_eq!(verifier.verify(&anonymous.sign(key), NOW), Ok(claims()));
    }
    assert_eq!(verifier.verify(&good().sign(other_key()), NOW), Err(TokenError::Signature));
    let torn = good().header("kid", both[0].thumbprint().to_string());
    assert_eq!(verifier.verify(&torn.sign(vendor_key()), NOW), Err(TokenError::UnknownKey));
    let none = Verifier::new("SuperOffice AS", APPLICATION_ID, vec![]);
    assert_eq!(none.verify(good_text(), NOW), Err(TokenError::UnknownKey));
}

#[test]
fn jw_07_and_08_a_header_brings_no_keys_and_changes_no_rules() {
    for field in REFUSED_FIELDS {
        let list =
            vec![json!("https://example.org/key"), json!(["exp"]), json!(false), json!(null), json!({})];
        let tokens = values(|value| good().header(field, value), list);
        refuses("JW-07, JW-08", &TokenError::HeaderField { field }, tokens);
    }
    assert_eq!(verify(&format!("{}.a.b", good_text())), Err(TokenError::Parts));
}

#[test]
fn jw_09_the_type_is_jwt_or_absent() {
    assert_eq!(verdict(&good().without_header("typ")), Ok(claims()));
    let list = vec![json!("at+jwt"), json!("jwt"), json!("JWS"), json!(""), json!(null), json!(["JWT"])];
    refuses("JW-09", &TokenError::Type, values(|typ| good().header("typ", typ), list));
}

#[test]
fn jw_10_shapes_that_are_no_token_are_refused() {
    let [header, claims, signature] = good_text().split('.').collect::<Vec<_>>().try_into().unwrap();
    let table = [
        (String::new(), TokenError::Parts),
        (".".to_owned(), TokenError::Parts),
        ("..".to_owned(), TokenError::Parts),
        (format!("{header}.{claims}"), TokenError::Parts),
        (format!("{header}..{signature}"), TokenError::Parts),
        (format!(".{claims}.{signature}"), TokenError::Parts),
        (format!(".{}", good_text()), TokenError::Parts),
        (format!("{}.", good_text()), TokenError::Parts),
        (format!("{header}.{claims}.{signature}.{signature}"), TokenError::Parts),
        (".".repeat(10_000), TokenError::Parts),
        (".".repeat(100_000), TokenError::TooLong),
        ("a".repeat(10_000_000), TokenError::TooLong),
    ];
    for (token, error) in table {
        assert_eq!(verify(&token), Err(error));
    }
}

#[test]
fn jw_11_base64_has_one_form() {
    let text = Value::Object(good().claims).to_string();
    // Claims whose standard base64 has both of the letters that base64url lacks, and padding.
    let mut text = format!("{}{}", text.trim_end_matches('}'), r#","x":"???>>>~~~"}"#);
    while text.len() % 3 != 2 {
        text.push(' ');
    }
    let header = URL_SAFE_NO_PAD.encode(Value::Object(good().header).to_string());
    let (standard, padded) = (STANDARD.encode(&text), URL_SAFE.encode(&text));
    assert!(standard.contains('/') && standard.contains('+') && padded.ends_with('='), "{standard}");
    let unpadded = padded.trim_end_matches('=');
    let (last, rest) = (unpadded.chars().last().unwrap(), &unpadded[..unpadded.len() - 1]);
    let other_last = char::from(u8::try_from(last).unwrap() + 1);
    assert_eq!(verify(&sign_message(&format!("{header}.{unpadded}"), vendor_key())), Ok(claims()));
    let forms = [
        standard.trim_end_matches('=').to_owned(),
        padded.clone(),
        format!("{rest}{other_last}"),
        format!("{rest} {last}"),
        format!("{rest}\n{last}"),
        format!(" {unpadded}"),
        format!("{unpadded}é"),
    ];
    for form in forms {
        let token = sign_message(&format!("{header}.{form}"), vendor_key());
        assert_eq!(verify(&token), Err(TokenError::Base64 { part: "claims" }), "{form}");
        let token = sign_message(&format!("{form}.{unpadded}"), vendor_key());
        assert_eq!(verify(&token), Err(TokenError::Base64 { part: "header" }), "{form}");
        let token = format!("{header}.{unpadded}.{form}");
        assert_eq!(verify(&token), Err(TokenError::Base64 { part: "signature" }), "{form}");
    }
    for around in [format!(" {}", good_text()), format!("{}\n", good_text())] {
        assert!(verify(&around).is_err());
    }
}

#[test]
fn jw_12_no_key_stands_twice() {
    let (header, text) = (Value::Object(good().header).to_string(), Value::Object(good().claims).to_string());
    let twice = |json: &str, entry: &str| format!("{},{entry}}}", json.trim_end_matches('}'));
    let entries = [
        format!(r#""aud":"spn:{APPLICATION_ID}""#),
        format!(r#""{CONTEXT}":"Cust2""#),
        r#""\u0061ud":"x""#.to_owned(),
        r#""x":{"a":1,"a":1}"#.to_owned(),
        r#""x":[[{"a":1,"a":1}]]"#.to_owned(),
    ];
    for entry in entries {
        let token = sign_texts(header.as_bytes(), twice(&text, &entry).as_bytes(), vendor_key());
        assert_eq!(verify(&token), Err(TokenError::Json { part: "claims" }), "{entry}");
    }
    for entry in [r#""alg":"RS256""#, r#""\u0061lg":"none""#] {
        let token = sign_texts(twice(&header, entry).as_bytes(), text.as_bytes(), vendor_key());
        assert_eq!(verify(&token), Err(TokenError::Json { part: "header" }), "{entry}");
    }
}

#[test]
fn jw_13_odd_json_is_refused() {
    let (header, text) = (Value::Object(good().header).to_string(), Value::Object(good().claims).to_string());
    let with = |value: &str| format!("{},\"x\":{value}}}", text.trim_end_matches('}')).into_bytes();
    let deep = format!("{}{}", "[".repeat(4000), "]".repeat(4000));
    let invalid = [&text.as_bytes()[..text.len() - 1], b",\"x\":\"\xc3\x28\"}"].concat();
    let documents = [
        format!("\u{feff}{text}").into_bytes(),
        with("NaN"),
        with("1e400"),
        with(&deep),
        with("'x'"),
        invalid,
        format!("{text}{text}").into_bytes(),
        b"[]".to_vec(),
        b"\"x\"".to_vec(),
    ];
    for document in documents {
        let token = sign_texts(header.as_bytes(), &document, vendor_key());
        assert_eq!(verify(&token), Err(TokenError::Json { part: "claims" }));
    }
    let token = good().claim(CONTEXT, "Cust1\0").claim("sub", "Cust1\0");
    assert_eq!(verdict(&token), Err(TokenError::Tenant));
    // Claims that nobody asks for do no harm.
    let token = sign_texts(header.as_bytes(), &with(r#"[1.5,null,true,{"a":-1}]"#), vendor_key());
    assert_eq!(verify(&token), Ok(claims()));
}

#[test]
fn jw_14_the_issuer_is_exactly_the_configured_one() {
    let list = vec![
        json!("superoffice as"),
        json!("SuperOffice AS "),
        json!("SuperOffice A"),
        json!(["SuperOffice AS"]),
        json!("Super\u{041e}ffice AS"),
        json!(null),
        json!(""),
    ];
    refuses("JW-14", &TokenError::Issuer, values(|issuer| good().claim("iss", issuer), list));
    refuses("JW-14", &TokenError::Issuer, [good().without_claim("iss")]);
}

#[test]
fn jw_15_the_audience_is_exactly_this_application() {
    let own = format!("spn:{APPLICATION_ID}");
    let list = vec![
        json!("spn:another"),
        json!("spn:Cust1-serial"),
        json!([own]),
        json!([own, "spn:another"]),
        json!(format!("{own}x")),
        json!(&own[..own.len() - 1]),
        json!(own.to_uppercase()),
        json!(APPLICATION_ID),
        json!(format!(" {own}")),
        json!(null),
    ];
    refuses("JW-15", &TokenError::Audience, values(|audience| good().claim("aud", audience), list));
    refuses("JW-15", &TokenError::Audience, [good().without_claim("aud")]);
}

#[test]
fn jw_16_expiry_is_a_near_integer() {
    let list = vec![
        json!(NOW.to_string()),
        json!(-1),
        json!(1_600_000_360.0),
        json!(1_600_000_360.5),
        json!(0),
        json!(18_446_744_073_709_551_615_u64),
        json!(1e19),
        json!(null),
        json!(true),
        json!([NOW + 360]),
    ];
    refuses("JW-16", &TokenError::Times, values(|exp| good().claim("exp", exp), list));
    refuses("JW-16", &TokenError::Times, [good().without_claim("exp")]);
    let far = vec![json!(253_402_300_799_i64), json!(i64::MAX), json!(NOW + 601)];
    refuses("JW-16", &TokenError::Lifetime, values(|exp| good().claim("exp", exp), far));
    assert_eq!(verdict(&good().claim("exp", NOW + 600)), Ok(claims()));
}

/// `(nbf, exp)` relative to now, and the verdict. The life is the half-open `nbf - 60 <= now < exp + 60`.
#[test]
fn jw_17_the_boundaries_of_a_tokens_life() {
    let table = [
        (-300, -61, Err(TokenError::Expired)),
        (-300, -60, Err(TokenError::Expired)),
        (-300, -59, Ok(())),
        (-300, 0, Ok(())),
        (0, 360, Ok(())),
        (60, 360, Ok(())),
        (61, 360, Err(TokenError::NotYetValid)),
        (10, 9, Err(TokenError::Times)),
        (10, 10, Err(TokenError::Times)),
        (10, 11, Ok(())),
    ];
    for (nbf, exp, expected) in table {
        let token = good().claim("nbf", NOW + nbf).claim("exp", NOW + exp);
        assert_eq!(verdict(&token).map(|_| ()), expected, "{nbf} {exp}");
    }
    let list =
        vec![json!(NOW.to_string()), json!(null), json!(1.6e9), json!(-5), json!([NOW]), json!(i64::MIN)];
    refuses("JW-17", &TokenError::Times, values(|nbf| good().claim("nbf", nbf), list));
    refuses("JW-17", &TokenError::Times, [good().without_claim("nbf")]);
    let at_the_end_of_time = good().claim("nbf", i64::MAX - 5).claim("exp", i64::MAX).sign(vendor_key());
    assert_eq!(verifier().verify(&at_the_end_of_time, i64::MAX), Err(TokenError::Expired));
    assert_eq!(verifier().verify(good_text(), i64::MIN), Err(TokenError::NotYetValid));
}

#[test]
fn jw_18_the_nonce_is_32_hexadecimal_digits() {
    let list = vec![
        json!(&NONCE[1..]),
        json!(format!("{NONCE}0")),
        json!(NONCE.replace('0', ".")),
        json!(format!("{}\n", &NONCE[1..])),
        json!(format!("{NONCE}\n")),
        json!("Application Name-pzqc70604i"),
        json!("\u{ff10}".repeat(32)),
        json!(""),
        json!(12),
        json!([NONCE]),
    ];
    refuses("JW-18", &TokenError::Nonce, values(|nonce| good().claim("nonce", nonce), list));
    refuses("JW-18", &TokenError::Nonce, [good().without_claim("nonce")]);
    for nonce in ["a".repeat(32), "A".repeat(32)] {
        let told = verdict(&good().claim("nonce", nonce.clone())).unwrap();
        assert_eq!(told.nonce, nonce);
    }
}

#[test]
fn jw_19_the_context_names_one_tenant() {
    let both = |value: Value| good().claim(CONTEXT, value.clone()).claim("sub", value);
    let list = vec![
        json!(""),
        json!("Cust1/../x"),
        json!("Cust1.x"),
        json!("Cust1\u{0}"),
        json!("c".repeat(5000)),
        json!("\u{0421}ust1"),
        json!(" Cust1"),
    ];
    refuses("JW-19", &TokenError::Tenant, values(both, list));
    refuses("JW-19", &TokenError::Tenant, [good().without_claim(CONTEXT), good().claim(CONTEXT, 5)]);
    let subjects = vec![json!("Cust2"), json!("cust1"), json!(""), json!(null), json!(["Cust1"])];
    refuses("JW-19", &TokenError::Subject, values(|sub| good().claim("sub", sub), subjects));
    assert_eq!(verdict(&good().without_claim("sub")), Ok(claims()));
}

#[test]
fn errors_hold_nothing_of_the_token() {
    let secret = "canary";
    let tokens = [
        good().claim("iss", secret),
        good().claim("aud", secret),
        good().claim("sub", secret),
        good().claim("nonce", secret),
        good().header("kid", secret),
        good().header("alg", secret),
        good().header("typ", secret),
    ];
    for token in tokens {
        let error = verdict(&token).unwrap_err();
        assert!(!format!("{error} {error:?}").contains(secret), "{error:?}");
    }
}

#[test]
fn a_library_of_others_makes_tokens_that_are_accepted_and_accepts_ours() {
    let key = EncodingKey::from_rsa_der(vendor_key().to_pkcs1_der().unwrap().as_bytes());
    let claims_json = Value::Object(good().claims);
    let made = jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims_json, &key).unwrap();
    assert_eq!(verify(&made), Ok(claims()));
    let public = vendor_key().to_public_key().to_pkcs1_der().unwrap();
    let mut validation = Validation::new(Algorithm::RS256);
    validation.validate_exp = false;
    validation.set_audience(&[format!("spn:{APPLICATION_ID}")]);
    let read = jsonwebtoken::decode::<Value>(
        good_text(),
        &DecodingKey::from_rsa_der(public.as_bytes()),
        &validation,
    );
    assert_eq!(read.unwrap().claims, claims_json);
}

/// A change to a good token, and whether the bridge is stricter about it than the library.
type Change = (fn(Token) -> Token, Strictness);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Strictness {
    /// Both take it, or neither does.
    Same,
    /// A rule that only the bridge has.
    Ours,
}

/// Now, by the clock: the library has no other.
fn wall_clock() -> i64 {
    i64::try_from(jsonwebtoken::get_current_timestamp()).unwrap()
}

/// Far from the boundaries, which the table above has: a second may pass between the two.
fn lived(token: Token, from: i64, to: i64) -> Token {
    token.claim("nbf", wall_clock() + from).claim("exp", wall_clock() + to)
}

const CHANGES: [Change; 32] = {
    use Strictness::{Ours, Same};
    [
        (|token| token, Same),
        (|token| lived(token, -300, 60), Same),
        (|token| lived(token, -400, -30), Same),
        (|token| lived(token, 30, 300), Same),
        (|token| lived(token, -500, -100), Same),
        (|token| lived(token, 100, 400), Same),
        (|token| lived(token, -300, 900), Ours),
        (|token| token.without_claim("exp"), Same),
        (|token| token.without_claim("nbf"), Same),
        (|token| token.claim("exp", "soon"), Same),
        (|token| token.claim("iss", "SuperOffice"), Same),
        (|token| token.without_claim("iss"), Same),
        (|token| token.claim("iss", json!(["SuperOffice AS"])), Ours),
        (|token| token.claim("aud", "spn:other"), Same),
        (|token| token.without_claim("aud"), Same),
        (|token| token.claim("aud", json!([format!("spn:{APPLICATION_ID}")])), Ours),
        (|token| token.claim("nonce", "f".repeat(32)), Same),
        (|token| token.claim("nonce", "f".repeat(31)), Ours),
        (|token| token.claim("sub", "Cust2"), Ours),
        (|token| token.without_claim("sub"), Same),
        (|token| token.without_claim(CONTEXT), Ours),
        (|token| token.claim(CONTEXT, "Cust2").claim("sub", "Cust2"), Same),
        (|token| token.header("alg", "RS384"), Same),
        (|token| token.header("alg", "HS256"), Same),
        (|token| token.header("alg", "none"), Same),
        (|token| token.header("typ", "at+jwt"), Ours),
        (|token| token.without_header("typ"), Same),
        (|token| token.header("kid", "other"), Ours),
        (|token| token.without_header("kid").without_header("x5t"), Same),
        (|token| token.header("crit", json!(["exp"])), Ours),
        (|token| token.header("jku", "https://example.org"), Ours),
        (|token| token.claim("more", json!({"a": [1, 2.5, null]})), Same),
    ]
};

fn second_opinion(token: &str) -> bool {
    let public = vendor_key().to_public_key().to_pkcs1_der().unwrap();
    let mut validation = Validation::new(Algorithm::RS256);
    validation.leeway = LEEWAY_SECONDS.unsigned_abs();
    validation.validate_nbf = true;
    validation.set_required_spec_claims(&["exp", "nbf", "aud", "iss"]);
    validation.set_audience(&[format!("spn:{APPLICATION_ID}")]);
    validation.set_issuer(&["SuperOffice AS"]);
    jsonwebtoken::decode::<Value>(token, &DecodingKey::from_rsa_der(public.as_bytes()), &validation).is_ok()
}

proptest! {
    /// Tokens changed in up to three ways, signed by the vendor or somebody else: whatever the bridge takes, another
    /// library takes too, and where they differ it is by a rule that is the bridge's own.
    #[test]
    fn an_independent_verifier_agrees_about_any_token(
        changes in prop::collection::vec(prop::sample::select(CHANGES.to_vec()), 1..4), stranger in prop::bool::weighted(0.1),
    ) {
        let good = lived(good(), -10, 350);
        let token = changes.iter().fold(good, |token, (change, _)| change(token));
        let text = token.sign(if stranger { other_key() } else { vendor_key() });
        let (ours, theirs) = (verifier().verify(&text, wall_clock()), second_opinion(&text));
        prop_assert!(theirs || ours.is_err(), "only the bridge takes it: {:?}", token.claims);
        let is_stricter = changes.iter().any(|(_, strictness)| *strictness == Strictness::Ours);
        prop_assert!(ours.is_ok() || !theirs || is_stricter, "only the bridge refuses it: {:?} {:?}", ours, token.claims);
    }

    #[test]
    fn nothing_but_the_signed_token_is_accepted(
        place in any::<prop::sample::Index>(), letter in "[ -~]", how in 0..4,
    ) {
        let mut token = good_text().to_owned();
        let place = place.index(token.len());
        match how {
            0 => token.replace_range(place..=place, &letter),
            1 => token.insert_str(place, &letter),
            2 => token.truncate(place),
            _ => drop(token.remove(place)),
        }
        prop_assume!(token != good_text());
        prop_assert!(verify(&token).is_err());
    }

    #[test]
    fn no_text_makes_the_verifier_panic(token in "\\PC{0,200}") {
        prop_assert!(verify(&token).is_err());
    }

    #[test]
    fn no_three_parts_make_the_verifier_panic(parts in prop::array::uniform3("[A-Za-z0-9_-]{0,80}")) {
        prop_assert!(verify(&parts.join(".")).is_err());
    }
}
