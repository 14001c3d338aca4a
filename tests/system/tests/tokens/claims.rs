//! What a token says: JW-14 to JW-19. The boundaries of its life stand beside the verifier, whose clock a test sets.

use operations_center::token::{CONTEXT_CLAIM, Token};
use serde_json::{Value, json};

use super::cases::{Case, case, values};
use crate::support::world::application;

pub fn all(good: &Token) -> Vec<Case> {
    [addresses(good), times(good), nonces(good), tenants(good)].into_iter().flatten().collect()
}

/// One claim with each of the values, and without it.
fn claim(id: &'static str, good: &Token, name: &str, list: Vec<Value>) -> Vec<Case> {
    let mut cases = values(id, list, |value| good.clone().claim(name, value));
    cases.push(case(id, format!("no {name}"), good.clone().without_claim(name).sign().unwrap()));
    cases
}

fn addresses(good: &Token) -> Vec<Case> {
    let issuers = vec![
        json!("superoffice as"),
        json!("SuperOffice AS "),
        json!(["SuperOffice AS"]),
        json!("Super\u{41e}ffice AS"),
        json!(""),
    ];
    let own = format!("spn:{}", application().id);
    let audiences = vec![
        json!("spn:fedcba9876543210"),
        json!("spn:Cust1-serial"),
        json!([own]),
        json!([own, "spn:fedcba9876543210"]),
        json!(format!("{own}x")),
        json!(own.to_uppercase()),
        json!(application().id),
    ];
    let mut cases = claim("JW-14", good, "iss", issuers);
    cases.extend(claim("JW-15", good, "aud", audiences));
    cases
}

fn times(good: &Token) -> Vec<Case> {
    let nbf = good.not_before().unwrap();
    let expiries = vec![
        json!((nbf + 360).to_string()),
        json!(-1),
        json!(0),
        json!(nbf as f64 + 360.5),
        json!(18_446_744_073_709_551_615_u64),
        json!(253_402_300_799_i64),
        json!(nbf + 601),
        json!(nbf),
    ];
    let mut cases = claim("JW-16", good, "exp", expiries);
    let beginnings = vec![json!(nbf.to_string()), json!(-5), json!(nbf + 361), json!([nbf])];
    cases.extend(claim("JW-17", good, "nbf", beginnings));
    let lived = |what: &str, from: i64| {
        case(
            "JW-17",
            what,
            good.clone().claim("nbf", nbf + from).claim("exp", nbf + from + 360).sign().unwrap(),
        )
    };
    cases.extend([lived("expired ten minutes ago", -900), lived("valid in ten minutes", 800)]);
    cases
}

fn nonces(good: &Token) -> Vec<Case> {
    let nonce = good.nonce();
    let list = vec![
        json!(&nonce[1..]),
        json!(format!("{nonce}0")),
        json!(format!("{}.", &nonce[1..])),
        json!(format!("{nonce}\n")),
        json!("Application Name-pzqc70604i"),
        json!(""),
        json!(12),
    ];
    claim("JW-18", good, "nonce", list)
}

fn tenants(good: &Token) -> Vec<Case> {
    let both = |value: Value| good.clone().claim(CONTEXT_CLAIM, value.clone()).claim("sub", value);
    let list = vec![
        json!(""),
        json!("Cust1/../x"),
        json!("Cust1.x"),
        json!("Cust1\u{0}"),
        json!("c".repeat(10_000)),
        json!("\u{421}ust1"),
        json!(" Cust1"),
        json!("__consumer_offsets"),
    ];
    let mut cases = values("JW-19", list, both);
    let subjects = vec![json!("Cust2"), json!(""), json!(null)];
    cases.extend(values("JW-19", subjects, |sub| good.clone().claim("sub", sub)));
    cases.extend(values("JW-19", vec![json!("Cust2")], |ctx| good.clone().claim(CONTEXT_CLAIM, ctx)));
    cases.push(case("JW-19", "no ctx", good.clone().without_claim(CONTEXT_CLAIM).sign().unwrap()));
    cases
}
