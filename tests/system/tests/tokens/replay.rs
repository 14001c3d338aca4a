//! Good tokens that come again, or beside another tenant's content: JW-20 to JW-22.

use operations_center::wire::Request;

use super::{assert_refused, open, stolen};
use crate::support::bridge::Bridge;
use crate::support::vendor::{Call, Vendor, table};
use crate::support::{World, batch, contact};

#[test]
fn jw_20_the_very_same_call_again_is_success_without_work_whatever_the_operation() {
    let (world, _bridge, vendor) = World::with_bridge();
    open(&vendor);
    let rows = vendor.call(&stolen());
    assert!(vendor.send(&rows).is_successful);
    let before = world.ends();
    assert!(vendor.send(&rows).is_successful);
    assert_eq!(world.ends(), before);
    let wipe = vendor.call(&Request::wipe("contact"));
    assert!(vendor.send(&wipe).is_successful);
    let before = world.ends();
    assert!(vendor.send(&wipe).is_successful);
    // What was the table's very last call is not any more.
    let again = vendor.send(&rows);
    assert!(!again.is_successful && again.message().starts_with("REFUSED: "), "{}", again.message());
    assert_eq!(world.ends(), before);
}

#[test]
fn jw_21_a_token_that_comes_with_another_call_is_refused_and_told_to_the_operator() {
    let world = World::new();
    let bridge = Bridge::start_in(&world, "", &[], &[("MIRRORBUS_REFUSE_REUSED_TOKENS", "true")]);
    let vendor = world.vendor(&bridge);
    open(&vendor);
    let token = vendor.token().sign().unwrap();
    let first = Call::with_token(&Request::row_data(&[batch(&contact(), 0, &[("U", 1, "first")])]), &token);
    assert!(vendor.send(&first).is_successful);
    let before = world.ends();
    let others = [
        stolen(),
        Request::wipe("contact"),
        Request::table_schema(&[contact()]),
        Request::completed(&[]),
        Request::authenticate(),
    ];
    for other in others {
        assert_refused(&vendor, &Call::with_token(&other, &token), "JW-21");
        assert_eq!(world.ends(), before);
    }
    let alarms = bridge
        .log()
        .lines()
        .filter(|line| line.contains("\"ERROR\"") && line.contains("used for another call"))
        .count();
    assert_eq!(alarms, 5);
    // The owner can still repeat his call, and go on.
    assert!(vendor.send(&first).is_successful);
    vendor.succeed(&stolen());
}

#[test]
fn jw_21_unless_configured_otherwise_it_is_served_and_told_to_the_operator() {
    let (_world, bridge, vendor) = World::with_bridge();
    open(&vendor);
    let token = vendor.token().sign().unwrap();
    let rows = |id| Request::row_data(&[batch(&contact(), 0, &[("U", id, "first")])]);
    for id in [1, 2] {
        assert!(vendor.send(&Call::with_token(&rows(id), &token)).is_successful);
    }
    let told = |line: &&str| line.contains("\"ERROR\"") && line.contains("used for another call");
    assert_eq!(bridge.log().lines().filter(told).count(), 1);
}

#[test]
fn jw_22_content_of_another_tenant_lands_with_the_tokens_tenant() {
    let world = World::new();
    let bridge = world.bridge();
    let (mine, other) = (world.vendor(&bridge), Vendor::new("CustOther", &bridge));
    other.cycle(&[batch(&contact(), 3, &[("I", 1, "theirs")])]);
    let state = other.later().succeed(&Request::authenticate()).client_state.unwrap();
    let theirs = |world: &World| -> Vec<(String, i64)> {
        world.ends().into_iter().filter(|(topic, _)| topic.contains(".CustOther.")).collect()
    };
    let before = theirs(&world);
    assert_eq!(before.len(), 3);
    // Another tenant's ClientState, its name as a table and in the rows.
    let named = table("CustOther");
    mine.later();
    let with_state = |request: Request| request.with_client_state(Some(&state));
    mine.succeed(&with_state(Request::authenticate()));
    mine.succeed(&with_state(Request::table_schema(&[contact(), named.clone()])));
    mine.succeed(&with_state(Request::wipe("CustOther")));
    mine.succeed(&with_state(Request::row_data(&[
        batch(&contact(), 4, &[("I", 1, "CustOther")]),
        batch(&named, 4, &[("I", 2, &state)]),
    ])));
    mine.succeed(&with_state(Request::completed(&[])));
    assert_eq!(theirs(&world), before);
    assert_eq!(world.contacts(), [(1, Some("CustOther".into()))]);
    assert_eq!(world.named_rows("CustOther"), [(2, Some(state))]);
}
