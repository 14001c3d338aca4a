//! The schedule's rules one by one, on a clock that the test moves.

use super::super::{DAY_MS, HOUR_MS};
use super::*;

/// 08:00 of a day.
const MORNING: i64 = 20_454 * DAY_MS + 8 * HOUR_MS;

fn pair(tenant: &str, application: &str) -> Pair {
    Pair { tenant: tenant.to_owned(), application: application.to_owned() }
}

fn plan(now_ms: i64, pairs: &[(&str, &str)]) -> Plan {
    let mut plan = Plan::new(Rules::default());
    plan.approve(now_ms, &pairs.iter().map(|(tenant, application)| pair(tenant, application)).collect());
    plan
}

/// What may start, as `tenant/application`.
fn startable(plan: &Plan, now_ms: i64) -> String {
    let pairs = plan.startable(now_ms);
    let names: Vec<_> =
        pairs.iter().map(|(pair, _)| format!("{}/{}", pair.tenant, pair.application)).collect();
    names.join(" ")
}

#[test]
fn the_first_cycle_is_due_right_after_approval_and_the_next_20_minutes_later() {
    let mut plan = plan(MORNING, &[("Cust1", "a")]);
    assert_eq!(startable(&plan, MORNING), "Cust1/a");
    plan.start(&pair("Cust1", "a"), MORNING);
    plan.end("Cust1");
    assert_eq!(plan.next_ms(MORNING), Some(MORNING + INTERVAL_MS));
    assert_eq!(startable(&plan, MORNING + INTERVAL_MS - 1), "");
    assert_eq!(startable(&plan, MORNING + INTERVAL_MS), "Cust1/a");
}

#[test]
fn the_next_turn_is_at_a_whole_minute_so_that_delays_do_not_add_up() {
    let mut plan = plan(MORNING, &[("Cust1", "a")]);
    plan.start(&pair("Cust1", "a"), MORNING + 1_234);
    plan.end("Cust1");
    assert_eq!(plan.next_ms(MORNING + 2_000), Some(MORNING + INTERVAL_MS));
}

#[test]
fn two_applications_of_one_tenant_take_turns() {
    let mut plan = plan(MORNING, &[("Cust1", "a"), ("Cust1", "b")]);
    assert_eq!(startable(&plan, MORNING), "Cust1/a");
    plan.start(&pair("Cust1", "a"), MORNING);
    assert_eq!((startable(&plan, MORNING).as_str(), plan.next_ms(MORNING)), ("", None));
    plan.end("Cust1");
    assert_eq!(startable(&plan, MORNING + 1), "Cust1/b");
}

#[test]
fn a_cycle_of_more_than_20_minutes_does_not_keep_the_other_application_out() {
    let mut plan = plan(MORNING, &[("Cust1", "a"), ("Cust1", "b")]);
    let (mut now_ms, mut order) = (MORNING, String::new());
    for _ in 0..4 {
        let (next, _) = plan.startable(now_ms).remove(0);
        plan.start(&next, now_ms);
        order += &next.application;
        now_ms += 2 * INTERVAL_MS;
        plan.end("Cust1");
    }
    assert_eq!(order, "abab");
}

#[test]
fn whoever_was_due_first_comes_first() {
    let mut plan = plan(MORNING, &[("Cust9", "a")]);
    let all = [pair("Cust9", "a"), pair("Cust1", "a"), pair("Cust2", "a")];
    plan.approve(MORNING + 1, &all.into_iter().collect());
    assert_eq!(startable(&plan, MORNING + 1), "Cust9/a Cust1/a Cust2/a");
}

#[test]
fn nothing_starts_at_night_and_what_runs_goes_on() {
    let half_past_one = MORNING - 6 * HOUR_MS - 30 * MINUTE_MS;
    let three = MORNING - 5 * HOUR_MS;
    let mut plan = plan(half_past_one - 1, &[("Cust1", "a"), ("Cust2", "a")]);
    plan.start(&pair("Cust1", "a"), half_past_one - 1);
    assert_eq!((startable(&plan, half_past_one).as_str(), plan.running()), ("", 1));
    plan.end("Cust1");
    assert_eq!(plan.next_ms(half_past_one), Some(three));
    assert_eq!(startable(&plan, three - 1), "");
    assert_eq!(startable(&plan, three), "Cust2/a Cust1/a");
}

#[test]
fn nothing_starts_in_maintenance_and_what_was_due_starts_right_after_it() {
    let mut plan = plan(MORNING, &[("Cust1", "a"), ("Cust2", "a")]);
    plan.set_maintenance("Cust1", true);
    assert_eq!(startable(&plan, MORNING), "Cust2/a");
    plan.start(&pair("Cust2", "a"), MORNING);
    assert_eq!(plan.next_ms(MORNING), None);
    plan.set_maintenance("Cust1", false);
    assert_eq!(startable(&plan, MORNING), "Cust1/a");
}

#[test]
fn a_tenant_that_another_task_holds_starts_when_it_lets_go() {
    let holds = Holds::new(HOUR_MS, HOUR_MS / 2, 3);
    let held_ms = (MORNING..).step_by(1000).find(|now| holds.ends_ms("Cust1", *now).is_some()).unwrap();
    let free_ms = holds.ends_ms("Cust1", held_ms).unwrap();
    let mut plan = Plan::new(Rules { holds: Some(holds), ..Rules::default() });
    plan.approve(held_ms, &[pair("Cust1", "a")].into());
    assert_eq!((startable(&plan, held_ms).as_str(), plan.next_ms(held_ms)), ("", Some(free_ms)));
    assert_eq!(startable(&plan, free_ms), "Cust1/a");
}

#[test]
fn a_hold_into_the_night_lasts_until_morning() {
    let holds = Holds::new(HOUR_MS, HOUR_MS / 2, 3);
    let rules = Rules { holds: Some(holds), ..Rules::default() };
    for tenant in (0..200).map(|number| format!("Cust{number}")) {
        let from_ms = MORNING - 6 * HOUR_MS - 31 * MINUTE_MS;
        let opens_ms = rules.opens_ms(&tenant, from_ms);
        assert!(rules.night.ends_ms(opens_ms).is_none() && holds.ends_ms(&tenant, opens_ms).is_none());
    }
}

#[test]
fn a_revoked_pair_is_forgotten_and_due_at_once_when_approved_again() {
    let mut plan = plan(MORNING, &[("Cust1", "a")]);
    plan.start(&pair("Cust1", "a"), MORNING);
    plan.approve(MORNING + 1, &BTreeSet::new());
    assert_eq!(plan.running(), 1, "its cycle goes on");
    plan.approve(MORNING + 2, &[pair("Cust1", "a")].into());
    assert_eq!(startable(&plan, MORNING + 3), "", "not beside its own last cycle");
    plan.end("Cust1");
    assert_eq!(startable(&plan, MORNING + 3), "Cust1/a");
    plan.approve(MORNING + 4, &BTreeSet::new());
    assert_eq!((startable(&plan, MORNING + DAY_MS).as_str(), plan.next_ms(MORNING)), ("", None));
}

#[test]
fn to_be_told_the_same_approvals_again_changes_nothing() {
    let mut plan = plan(MORNING, &[("Cust1", "a")]);
    plan.start(&pair("Cust1", "a"), MORNING);
    plan.end("Cust1");
    plan.approve(MORNING + 1, &[pair("Cust1", "a")].into());
    assert_eq!(plan.next_ms(MORNING + 1), Some(MORNING + INTERVAL_MS));
}
