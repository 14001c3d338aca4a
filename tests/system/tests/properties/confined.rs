//! P8: whatever a call says, its effects are the token's tenant's.

use std::collections::BTreeMap;

use operations_center::wire::{Batch, Request, Summary, TableInfo};
use proptest::prelude::*;

use super::check;
use crate::support::World;
use crate::support::vendor::{Vendor, column, row};
use crate::support::{batch, contact};

const OTHER: &str = "CustOther";

/// Names and texts that would like to be somewhere else.
fn text() -> impl Strategy<Value = String> {
    let places = [
        OTHER,
        "CustOther.contact",
        "../CustOther",
        "CustOther/contact",
        "contact",
        "positions",
        "cycles",
        "sys",
        "__transaction_state",
        "contact\u{0}",
        "table/contact",
        "opened",
    ];
    prop_oneof![
        prop::sample::select(places.to_vec()).prop_map(str::to_owned),
        "[A-Za-z._/-]{0,12}",
        "\\PC{0,8}"
    ]
}

#[derive(Clone, Debug)]
struct Said {
    table: String,
    column: String,
    value: String,
    state: String,
    default: String,
}

fn said() -> impl Strategy<Value = Said> {
    [text(), text(), text(), text(), text()].prop_map(|[table, column, value, state, default]| Said {
        table,
        column,
        value,
        state,
        default,
    })
}

impl Said {
    fn table(&self) -> TableInfo {
        let mut text = column(&self.column, "ntext", true);
        text.default_value.clone_from(&self.default);
        TableInfo { table: self.table.clone(), columns: vec![column("id", "int", false), text] }
    }

    /// All five operations.
    fn requests(&self) -> [Request; 5] {
        let one = row("I", &[Some("[I:1]"), Some(&self.value)]);
        let summary = Summary { inserts: 1, table: self.table.clone(), ..Summary::default() };
        let requests = [
            Request::authenticate(),
            Request::table_schema(&[self.table()]),
            Request::wipe(&self.table),
            Request::row_data(&[Batch { rows: vec![one], lsn: 5, table: self.table() }]),
            Request::completed(&[summary]),
        ];
        requests.map(|request| request.with_client_state(Some(&self.state)))
    }
}

fn of(world: &World, tenant: &str) -> BTreeMap<String, i64> {
    let named = [format!("{}.{tenant}.", world.prefix), format!("{}-sys.{tenant}.", world.prefix)];
    let ends = world.ends().into_iter();
    ends.filter(|(topic, _)| named.iter().any(|root| topic.starts_with(root))).collect()
}

#[test]
fn p8_whatever_a_call_says_its_effects_are_its_tokens_tenants() {
    let world = World::new();
    let bridge = world.bridge();
    Vendor::new(OTHER, &bridge).cycle(&[batch(&contact(), 3, &[("I", 1, "theirs")])]);
    let (vendor, theirs) = (world.vendor(&bridge), of(&world, OTHER));
    let all = |world: &World| world.cluster.topics().len();
    assert!(theirs.len() == 3 && all(&world) >= 3);
    let mut taken = 0;
    check(24, &said(), |_, said| {
        vendor.later();
        for request in said.requests() {
            taken += u32::from(vendor.answer(&request).is_successful);
        }
        let ends = world.ends();
        assert_eq!(of(&world, OTHER), theirs, "another tenant's topics moved");
        assert_eq!(
            ends.len(),
            theirs.len() + of(&world, &world.tenant).len(),
            "somebody's topics beside: {ends:?}"
        );
    });
    let told = world.events();
    assert!(told.iter().all(|event| event.tenant == world.tenant));
    assert!(taken > 24, "hardly anything was taken: nothing was shown");
}
