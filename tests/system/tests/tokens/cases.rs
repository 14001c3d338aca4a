//! Headers, signatures and encodings: JW-01 to JW-13.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use operations_center::application::Application;
use operations_center::token::{CONTEXT_CLAIM, Token};
use rsa::pkcs1::{EncodeRsaPrivateKey as _, EncodeRsaPublicKey as _};
use rsa::traits::PublicKeyParts as _;
use serde_json::{Value, json};

use crate::support::jwt::{self, Jwt, sign_bytes, sign_message};
use crate::support::world::application;

/// A token that must be refused.
pub struct Case {
    pub id: &'static str,
    pub what: String,
    pub token: String,
}

pub fn case(id: &'static str, what: impl Into<String>, token: impl Into<String>) -> Case {
    Case { id, what: what.into(), token: token.into() }
}

/// The same case for several values of a part.
pub fn values(id: &'static str, list: Vec<Value>, make: impl Fn(Value) -> Token) -> Vec<Case> {
    let cases = list.into_iter().map(|value| {
        let what: String = value.to_string().chars().take(40).collect();
        case(id, what, make(value).sign().unwrap())
    });
    cases.collect()
}

pub fn thumbprint() -> String {
    application().thumbprint().hex()
}

/// Somebody with keys and a certificate of the same subject.
fn stranger() -> &'static Application {
    static STRANGER: OnceLock<Application> = OnceLock::new();
    STRANGER.get_or_init(|| Application::generate_with_key("0123456789abcdef", 1024).unwrap())
}

pub fn all(good: &Token) -> Vec<Case> {
    let groups = [
        algorithms(good),
        signatures(good),
        keys(good),
        fields(good),
        shapes(good),
        encodings(good),
        texts(good),
    ];
    groups.into_iter().flatten().collect()
}

/// JW-01 to JW-03: signed, where that can be, as the header says.
fn algorithms(good: &Token) -> Vec<Case> {
    let none = values("JW-01", vec![json!("none"), json!("None"), json!("nOnE")], |alg| {
        good.clone().header("alg", alg)
    });
    let Jwt { header, claims } = Jwt::of(&good.clone().header("alg", "none"));
    let unsigned = format!("{}.{}.", jwt::encode(header.as_bytes()), jwt::encode(claims.as_bytes()));
    let mut cases: Vec<Case> = none;
    cases.push(case("JW-01", "none, without a signature", unsigned));
    let claims: Value = serde_json::from_str(&claims).unwrap();
    let signed =
        |algorithm, key: &EncodingKey| jsonwebtoken::encode(&Header::new(algorithm), &claims, key).unwrap();
    let public = application().signing_key().to_public_key();
    let secrets = [
        ("PEM", application().certificate_pem().as_bytes().to_vec()),
        ("DER", STANDARD.decode(pem_body()).unwrap()),
        ("modulus", public.n().to_bytes_be()),
        ("public key", public.to_pkcs1_der().unwrap().as_bytes().to_vec()),
    ];
    cases.extend(secrets.map(|(what, secret)| {
        case(
            "JW-02",
            format!("HS256 with the {what}"),
            signed(Algorithm::HS256, &EncodingKey::from_secret(&secret)),
        )
    }));
    let key = EncodingKey::from_rsa_der(application().signing_key().to_pkcs1_der().unwrap().as_bytes());
    let others = [Algorithm::RS384, Algorithm::RS512, Algorithm::PS256, Algorithm::PS384];
    cases.extend(
        others.map(|algorithm| case("JW-03", format!("really {algorithm:?}"), signed(algorithm, &key))),
    );
    let named = vec![
        json!("ES256"),
        json!("EdDSA"),
        json!("XX"),
        json!("rs256"),
        json!(["RS256"]),
        json!(256),
        json!(null),
    ];
    cases.extend(values("JW-03", named, |alg| good.clone().header("alg", alg)));
    cases.push(case("JW-03", "no alg", good.clone().without_header("alg").sign().unwrap()));
    cases
}

fn pem_body() -> String {
    application().certificate_pem().lines().filter(|line| !line.starts_with('-')).collect()
}

/// JW-04.
fn signatures(good: &Token) -> Vec<Case> {
    let text = good.sign().unwrap();
    let [header, claims, signature] = text.split('.').collect::<Vec<_>>().try_into().unwrap();
    let mut changed = jwt::decode(claims);
    changed[20] ^= 1;
    let another = good.clone().claim("nonce", "f".repeat(32)).sign().unwrap();
    let other_signature = another.rsplit('.').next().unwrap();
    vec![
        case("JW-04", "one bit of the claims", format!("{header}.{}.{signature}", jwt::encode(&changed))),
        case("JW-04", "one bit of the signature", good.clone().with_tampered_signature().sign().unwrap()),
        case("JW-04", "another token's signature", format!("{header}.{claims}.{other_signature}")),
        case("JW-04", "a signature of zeros", format!("{header}.{claims}.{}", jwt::encode(&[0; 256]))),
        case(
            "JW-04",
            "a signature cut",
            format!("{header}.{claims}.{}", jwt::encode(&jwt::decode(signature)[1..])),
        ),
    ]
}

/// JW-05 and JW-06. The vendor's published sample key is not here; its certificate is refused by configuration.
fn keys(good: &Token) -> Vec<Case> {
    let theirs = good.clone().signed_by(stranger().signing_key());
    let anonymous = theirs.clone().without_header("kid").without_header("x5t");
    let named = |kid: &str| anonymous.clone().header("kid", kid).sign().unwrap();
    let mut cases = vec![
        case("JW-05", "a stranger's key", anonymous.sign().unwrap()),
        case("JW-05", "a stranger's certificate of our subject", named(&stranger().thumbprint().hex())),
        case("JW-05", "the published sample's thumbprint", named("B0AD4C0BFD8913B8040F3E8AD16A91F585222C33")),
        case(
            "JW-05",
            "the development environment's thumbprint",
            named("16B7FB8C3F9AB06885A800C64E64C97C4AB5E98C"),
        ),
        case(
            "JW-05",
            "the application's own key",
            good.clone().signed_by(application().application_key()).sign().unwrap(),
        ),
        case("JW-06", "our kid, a stranger's key", theirs.sign().unwrap()),
    ];
    let list = vec![
        json!("60B61583DBB2B7EEC46FD01EC0056E62451D61F3"),
        json!("../../etc/x"),
        json!("' or 1=1 --"),
        json!("A".repeat(2000)),
        json!(""),
        json!(7),
        json!([thumbprint()]),
    ];
    cases.extend(values("JW-06", list.clone(), |kid| good.clone().header("kid", kid)));
    cases.extend(values("JW-06", list, |x5t| good.clone().header("x5t", x5t)));
    cases
}

/// JW-07 to JW-09.
fn fields(good: &Token) -> Vec<Case> {
    let certificate = pem_body();
    let jwk = json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"});
    let brought = [
        ("jku", json!("http://127.0.0.1:9/keys")),
        ("x5u", json!("http://127.0.0.1:9/certificate")),
        ("jwk", jwk),
        ("x5c", json!([certificate])),
    ];
    let rules = [
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
        ("cty", json!("JWT")),
        ("enc", json!("A256GCM")),
    ];
    let with = |id, (field, value): (&str, Value)| {
        case(
            id,
            format!("{field} {value}").chars().take(40).collect::<String>(),
            good.clone().header(field, value).sign().unwrap(),
        )
    };
    let mut cases: Vec<Case> = brought.map(|field| with("JW-07", field)).into();
    cases.extend(rules.map(|field| with("JW-08", field)));
    cases.push(case("JW-08", "five parts", format!("{}.a.b", good.sign().unwrap())));
    let types = vec![json!("at+jwt"), json!("jwt"), json!("JWE"), json!(""), json!(null)];
    cases.extend(values("JW-09", types, |typ| good.clone().header("typ", typ)));
    cases
}

/// JW-10, so far as the operation's name still comes within the first bytes.
fn shapes(good: &Token) -> Vec<Case> {
    let text = good.sign().unwrap();
    let [header, claims, signature] = text.split('.').collect::<Vec<_>>().try_into().unwrap();
    let shapes = [
        ("nothing", String::new()),
        ("two parts", format!("{header}.{claims}")),
        ("four parts", format!("{text}.{signature}")),
        ("no claims", format!("{header}..{signature}")),
        ("a dot in front", format!(".{text}")),
        ("a dot behind", format!("{text}.")),
        ("20,000 dots", ".".repeat(20_000)),
        ("20,000 letters", "a".repeat(20_000)),
    ];
    shapes.map(|(what, token)| case("JW-10", what, token)).into()
}

/// JW-11: one form of base64 and no other.
fn encodings(good: &Token) -> Vec<Case> {
    let text = good.sign().unwrap();
    let (message, signature) = text.rsplit_once('.').unwrap();
    let bytes = jwt::decode(signature);
    let (last, rest) = (signature.chars().last().unwrap(), &signature[..signature.len() - 1]);
    // 256 bytes leave four bits of the last letter without a meaning.
    let not_canonical = char::from(u8::try_from(last).unwrap() + 1);
    // Claims whose base64 has letters that the two alphabets do not share.
    let strange = Jwt::of(good).claim("x", r#""???>>>~~~???>>>~~~""#);
    let (head, body) = (jwt::encode(strange.header.as_bytes()), STANDARD_NO_PAD.encode(&strange.claims));
    assert!(body.contains('+') || body.contains('/'), "{body}");
    vec![
        case("JW-11", "padding", format!("{message}.{}", URL_SAFE.encode(&bytes))),
        case(
            "JW-11",
            "the other alphabet",
            sign_message(&format!("{head}.{body}"), application().signing_key()),
        ),
        case("JW-11", "a blank inside", format!("{message}.{rest} {last}")),
        case("JW-11", "a line break inside", format!("{message}.{rest}\n{last}")),
        case("JW-11", "last bits that mean nothing", format!("{message}.{rest}{not_canonical}")),
    ]
}

/// JW-12 and JW-13.
fn texts(good: &Token) -> Vec<Case> {
    let plain = Jwt::of(good);
    let audience = format!("\"spn:{}\"", application().id);
    let twice = |what: &str, token: Jwt| case("JW-12", what, token.sign());
    let mut cases = vec![
        twice("aud twice", plain.clone().claim("aud", &audience)),
        twice("ctx twice", plain.clone().claim(CONTEXT_CLAIM, "\"Cust2\"")),
        twice(
            "ctx twice, written otherwise",
            plain.clone().claim(&CONTEXT_CLAIM.replacen('h', "\\u0068", 1), "\"Cust2\""),
        ),
        twice("alg twice", plain.clone().header("alg", "\"RS256\"")),
        twice("twice far inside", plain.clone().claim("x", r#"[{"a":1,"a":1}]"#)),
    ];
    let (header, claims) = (plain.header.as_bytes(), plain.claims.as_str());
    let with = |value: &str| plain.clone().claim("x", value).claims.into_bytes();
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let documents = [
        ("a byte order mark", format!("\u{feff}{claims}").into_bytes()),
        ("NaN", with("NaN")),
        ("1e400", with("1e400")),
        ("1,000 levels", with(&deep(1_000))),
        ("10,000 levels", with(&deep(10_000))),
        ("no UTF-8", [&claims.as_bytes()[..claims.len() - 1], b",\"x\":\"\xc3\x28\"}"].concat()),
        ("two documents", format!("{claims}{claims}").into_bytes()),
        ("a list", b"[]".to_vec()),
    ];
    cases.extend(documents.map(|(what, document)| case("JW-13", what, sign_bytes(header, &document))));
    let null = good.clone().claim(CONTEXT_CLAIM, "Cust1\0").claim("sub", "Cust1\0");
    cases.push(case("JW-13", "U+0000 in ctx", null.sign().unwrap()));
    cases
}
