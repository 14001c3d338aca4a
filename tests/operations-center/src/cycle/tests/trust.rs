//! Who calls, who answers, and who asks to be left alone.

use super::*;
use crate::answer::SignatureError;
use crate::fixture::mirror::authenticated;
use crate::fixture::sign;

#[test]
fn cycles_within_a_second_wait_for_a_newer_token() {
    let (source, mirror) = (Source::new(), mirror());
    for _ in 0..3 {
        source.run(&mirror.receiver, Options::default()).unwrap();
    }
    let calls = mirror.receiver.take_calls();
    let mut last = 0;
    for call in &calls {
        let not_before = claims(call)["nbf"].as_i64().unwrap();
        if call.operation == "Authenticate" {
            assert!(not_before > last, "{not_before} after {last}");
        }
        assert!(not_before >= last);
        last = not_before;
    }
    assert_eq!(crate::clock::Clock::now_seconds(&source.clock), NOW + 2);
    source.clock.set_seconds(NOW - 3600);
    let error = source.run(&mirror.receiver, Options::default()).unwrap_err();
    assert!(matches!(error, CycleError::ClockBehind { seconds: 3603 }), "{error}");
}

#[test]
fn a_receiver_that_asks_not_to_replicate_is_left_alone() {
    let source = Source::new();
    let mirror = Mirror::start(STAMP, |call| {
        let token = sign(claims(call)["nonce"].as_str().unwrap(), STAMP);
        Some((200, authenticated(&token, "", "{ \"doNotReplicate\": \"true\" }")))
    });
    let report = source.run(&mirror.receiver, Options::default()).unwrap();
    assert!(report.skipped);
    assert_eq!(said(&mirror.receiver), ["Authenticate"]);
}

#[test]
fn client_state_comes_back_in_every_later_call() {
    let source = Source::new();
    let mirror = Mirror::start(STAMP, |call| {
        let token = sign(claims(call)["nonce"].as_str().unwrap(), STAMP);
        (call.operation == "Authenticate").then(|| (200, authenticated(&token, "c-7", "")))
    });
    source.run(&mirror.receiver, Options { pretty: true, ..Options::default() }).unwrap();
    let calls = mirror.receiver.take_calls();
    assert_eq!(calls[0].texts("ClientState"), [""]);
    assert!(calls[1..].iter().all(|call| call.texts("ClientState") == ["c-7"]));
    assert!(calls.iter().all(|call| call.body.contains("\n    <h:SignedToken")));
}

#[test]
fn a_receiver_without_the_applications_key_is_not_trusted() {
    let source = Source::new();
    let mirror = Mirror::start(STAMP, |_| Some((200, authenticated(&sign("other", STAMP), "", ""))));
    let error = source.run(&mirror.receiver, Options::default()).unwrap_err();
    assert!(matches!(error, CycleError::Signature(SignatureError::Nonce)), "{error}");
    source.clock.set_seconds(NOW + 3600);
    let late = self::mirror();
    let error = source.run(&late.receiver, Options::default()).unwrap_err();
    assert!(matches!(error, CycleError::Signature(SignatureError::Stale { .. })), "{error}");
}

/// Somebody may be at work on the tenant for long.
#[test]
fn calls_of_one_second_do_not_wait_for_whoever_writes_to_the_tenant() {
    let source = Source::new();
    let writer = rusqlite::Connection::open(source.tenant.path()).unwrap();
    let mirror = Mirror::start(STAMP, move |call| {
        if call.operation == "RowData" && writer.is_autocommit() {
            writer.execute_batch("BEGIN IMMEDIATE").unwrap();
        }
        None
    });
    let report =
        source.run(&mirror.receiver, Options { batch_bytes: Some(1), ..Options::default() }).unwrap();
    assert_eq!((report.rows(), report.calls), (3, 8));
}
