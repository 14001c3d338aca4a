//! Tokens that must not be accepted, each under its id of the list JW: one answer for all of them, and nothing moves.
//!
//! The boundaries of every rule stand in tables beside the verifier (`bridge/src/auth/token_tests.rs`); here each rule
//! has its cases on the wire, on calls that would write rows if they were let in.

mod cases;
mod claims;
mod replay;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use operations_center::answer;
use operations_center::token::Token;
use operations_center::wire::{Operation, Request};

use self::cases::Case;
use crate::support::list::assert_complete;
use crate::support::vendor::{Call, Vendor};
use crate::support::{World, batch, contact};

/// The whole answer to a stranger but for the reference at its end.
pub const REFUSAL: &str = "the call was not accepted";

/// A call that would change a row, and its table's position.
fn stolen() -> Request {
    Request::row_data(&[batch(&contact(), 9, &[("U", 1, "stolen")])])
}

/// Makes a tenant with a row, in mid-cycle: any good RowData would be taken.
fn open(vendor: &Vendor) {
    vendor.cycle(&[batch(&contact(), 3, &[("I", 1, "mine")])]);
    vendor.open(&[contact()]);
}

/// The answer of 200, the operation's own, that says nothing but [`REFUSAL`] and a reference.
fn assert_refused(vendor: &Vendor, call: &Call, what: &str) {
    let reply = vendor.exchange(call);
    assert_eq!((reply.status, reply.content_type.as_str()), (200, "text/xml; charset=utf-8"), "{what}");
    let answer = answer::parse(call.operation, &reply.body).unwrap();
    assert!(!answer.is_successful, "{what} was let in");
    let reference =
        answer.message().strip_prefix(&format!("{REFUSAL} (ref ")).and_then(|rest| rest.strip_suffix(')'));
    let is_reference = |text: &str| text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    assert!(reference.is_some_and(is_reference), "{what}: {}", answer.message());
    assert_eq!(answer.signed_application_token.unwrap_or_default(), "", "{what}");
    assert!(answer.positions.unwrap_or_default().is_empty(), "{what}");
}

fn assert_all_refused(vendor: &Vendor, world: &World, cases: &[Case]) {
    let before = world.ends();
    for case in cases {
        let what = format!("{} {}", case.id, case.what);
        assert_refused(vendor, &Call::with_token(&stolen(), &case.token), &what);
        assert_refused(vendor, &Call::with_token(&Request::authenticate(), &case.token), &what);
        assert_eq!(world.ends(), before, "{what}");
    }
    // The very call under a good token is taken: the tokens were all that was wrong.
    vendor.succeed(&stolen());
    assert_ne!(world.ends(), before);
    assert_eq!(world.contacts(), [(1, Some("stolen".into()))]);
}

#[test]
fn tokens_with_a_bad_header_or_signature_get_one_answer_and_move_nothing() {
    let (world, _bridge, vendor) = World::with_bridge();
    open(&vendor);
    assert_all_refused(&vendor, &world, &cases::all(&vendor.token()));
}

#[test]
fn tokens_with_bad_claims_get_one_answer_and_move_nothing() {
    let (world, _bridge, vendor) = World::with_bridge();
    open(&vendor);
    assert_all_refused(&vendor, &world, &claims::all(&vendor.token()));
}

/// What the list accepts: each is one more row.
#[test]
fn tokens_in_another_form_of_the_same_meaning_are_accepted() {
    let (world, _bridge, vendor) = World::with_bridge();
    open(&vendor);
    type Change = fn(Token) -> Token;
    let accepted: [(&str, Change); 6] = [
        ("JW-06 without kid", |token| token.without_header("kid")),
        ("JW-06 without kid and x5t", |token| token.without_header("kid").without_header("x5t")),
        ("JW-06 kid in lower case", |token| token.header("kid", cases::thumbprint().to_lowercase())),
        ("JW-09 without typ", |token| token.without_header("typ")),
        ("JW-18 nonce in lower case", |token| token.claim("nonce", "abcdef0123456789abcdef0123456789")),
        ("JW-19 without sub", |token| token.without_claim("sub")),
    ];
    for (id, (what, make)) in (100..).zip(accepted) {
        let rows = Request::row_data(&[batch(&contact(), 0, &[("I", id, what)])]);
        let call = Call::with_token(&rows, &make(vendor.token()).sign().unwrap());
        let answer = vendor.send(&call);
        assert!(answer.is_successful, "{what}: {}", answer.message());
        assert!(world.contacts().contains(&(id, Some(what.to_owned()))), "{what}");
    }
}

/// The operation's name stands behind the token. Where it does not come within the first 32 KiB nobody knows which
/// operation's answer to give, so a fault is the answer, with the same text.
#[test]
fn tokens_larger_than_a_calls_first_bytes_get_a_fault() {
    let (world, bridge, vendor) = World::with_bridge();
    open(&vendor);
    let before = world.ends();
    let huge = [
        ("JW-06 kid of 1 MB", vendor.token().header("kid", "A".repeat(1_000_000)).sign().unwrap()),
        ("JW-10 100,000 dots", ".".repeat(100_000)),
        ("JW-10 10 MB", "a".repeat(10_000_000)),
    ];
    for (what, token) in huge {
        let call = Call::with_token(&stolen(), &token);
        let text = first_answer(&bridge.url, &call.body);
        assert!(text.starts_with("HTTP/1.1 500 "), "{what}: {text}");
        assert!(text.contains(REFUSAL) && text.contains(":Client</faultcode>"), "{what}: {text}");
        assert_eq!(world.ends(), before, "{what}");
    }
}

/// Announces the whole body, sends as much as the receiver reads of a stranger's, and takes what it says to that.
fn first_answer(url: &str, body: &[u8]) -> String {
    const FIRST_BYTES: usize = 32 * 1024;
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let length = body.len();
    let head = format!(
        "POST /{path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: text/xml\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&body[..FIRST_BYTES]).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_tenant_that_is_not_allowed_is_refused_like_any_bad_token() {
    let world = World::new();
    let bridge = world.bridge_with("allowed_tenants = [\"CustAllowed\"]");
    let vendor = world.vendor(&bridge);
    for request in [Request::authenticate(), Request::table_schema(&[contact()]), stolen()] {
        assert_refused(&vendor, &vendor.call(&request), "JW-19 not on the list");
    }
    assert!(world.ends().is_empty());
    assert!(bridge.log().contains("tenant is not among the allowed ones"));
    let allowed = Vendor::new("CustAllowed", &bridge);
    allowed.cycle(&[batch(&contact(), 3, &[("I", 1, "mine")])]);
    assert!(world.ends().keys().all(|topic| topic.contains(".CustAllowed.")));
}

#[test]
fn no_id_of_the_list_is_missing() {
    let here = [
        ("mod.rs", include_str!("mod.rs")),
        ("cases.rs", include_str!("cases.rs")),
        ("claims.rs", include_str!("claims.rs")),
        ("replay.rs", include_str!("replay.rs")),
    ];
    let elsewhere = [
        ("JW-20", "the_same_call_twice_leaves_the_mirror_as_once"),
        ("JW-20", "an_earlier_call_of_the_table_repeated_is_refused"),
    ];
    assert_complete("JW", 22, &here, &elsewhere, &[("order.rs", include_str!("../order.rs"))]);
}

/// Of every operation, so that none of them forgets to ask.
#[test]
fn every_operation_asks_for_a_token_and_its_answer_is_the_operations_own() {
    let (world, _bridge, vendor) = World::with_bridge();
    open(&vendor);
    let before = world.ends();
    let requests = [
        Request::authenticate(),
        Request::table_schema(&[]),
        Request::wipe("contact"),
        stolen(),
        Request::completed(&[]),
    ];
    let operations: Vec<Operation> = requests.iter().map(Request::operation).collect();
    assert_eq!(operations.len(), 5);
    for request in requests {
        for token in ["", "x.y.z", &vendor.token().with_tampered_signature().sign().unwrap()] {
            assert_refused(&vendor, &Call::with_token(&request, token), &request.operation().to_string());
        }
    }
    assert_eq!(world.ends(), before);
}
