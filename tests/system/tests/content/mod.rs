//! What good tokens bring: each kind of content under its id of the list CO, with the answer that it gets, and the
//! proof that a refused call moved no position and no row.
//!
//! What belongs to the life of a table (dropped, restored, retyped) is tested by its claim in `schema`, `population`,
//! `order` and `commit`; the test of completeness names those tests.

mod rows;
mod state;
mod tables;
mod values;

use operations_center::wire::Request;

use crate::support::list::assert_complete;
use crate::support::vendor::Vendor;
use crate::support::{World, batch, contact};

/// A call that must be refused.
pub struct Refusal {
    what: String,
    request: Request,
    /// The message's first word.
    code: &'static str,
    /// Stands in the message.
    rule: String,
}

pub fn refusal(
    what: impl Into<String>,
    request: Request,
    code: &'static str,
    rule: impl Into<String>,
) -> Refusal {
    Refusal { what: what.into(), request, code, rule: rule.into() }
}

/// A tenant in mid-cycle with one row: any good call would be taken.
pub fn open() -> (World, crate::support::bridge::Bridge, Vendor) {
    let (world, bridge, vendor) = World::with_bridge();
    vendor.cycle(&[batch(&contact(), 3, &[("I", 1, "mine")])]);
    vendor.open(&[contact()]);
    (world, bridge, vendor)
}

/// Each is refused by its code and rule, names the tenant and a reference, and moves nothing.
pub fn assert_refused(world: &World, vendor: &Vendor, refusals: &[Refusal]) {
    let before = world.ends_but_events();
    for Refusal { what, request, code, rule } in refusals {
        let message = vendor.fail(request);
        assert!(message.starts_with(&format!("{code}: tenant {}, ", world.tenant)), "{what}: {message}");
        assert!(message.contains(rule), "{what}: {message}");
        assert!(message.contains(" (ref ") && message.len() < 400, "{what}: {message}");
        assert_eq!(world.ends_but_events(), before, "{what}");
    }
    vendor.rows(&[batch(&contact(), 0, &[("U", 1, "still there")])]);
    assert_eq!(world.contacts(), [(1, Some("still there".into()))]);
}

#[test]
fn no_id_of_the_list_is_missing() {
    let here = [
        ("tables.rs", include_str!("tables.rs")),
        ("rows.rs", include_str!("rows.rs")),
        ("values.rs", include_str!("values.rs")),
        ("state.rs", include_str!("state.rs")),
    ];
    let elsewhere = [
        ("CO-01", "an_empty_list_of_tables_drops_nothing"),
        ("CO-02", "many_tables_missing_at_once_are_dropped_only_when_the_next_cycle_lacks_them_too"),
        ("CO-08", "a_value_that_does_not_fit_is_refused_by_table_row_and_column_and_never_shown"),
        ("CO-12", "deletes_need_only_the_key"),
        ("CO-14", "a_record_past_the_limit_fails_the_call_whole"),
        (
            "CO-16",
            "columns_that_come_with_the_rows_are_taken_when_they_are_new_and_refused_when_one_is_missing",
        ),
        ("CO-16", "an_ignored_table_keeps_its_lsn_without_a_topic_and_is_asked_for_when_it_counts_again"),
        ("CO-17", "several_tables_in_one_call_are_one_transaction"),
    ];
    let others = [
        ("schema.rs", include_str!("../schema.rs")),
        ("commit.rs", include_str!("../commit.rs")),
        ("order.rs", include_str!("../order.rs")),
    ];
    assert_complete("CO", 21, &here, &elsewhere, &others);
}
