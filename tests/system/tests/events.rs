//! What subscribers are told beside the rows; never a row's value. Pauses are told where the sweeps are that cause
//! them.

use mirrorbus_schemas::event::{CycleEvent, Kind};
use operations_center::wire::{Batch, Request, Row};

use crate::support::vendor::{Vendor, row, typed};
use crate::support::{World, batch, contact};

/// Stands in every refused row, and may stand nowhere else.
const SECRET: &str = "Geheim4711";

fn refusals(world: &World) -> Vec<CycleEvent> {
    world.events().into_iter().filter(|event| event.kind == Kind::RowsRefused).collect()
}

/// Sends rows that must be refused, and demands that this is told once, without a value.
fn assert_told(world: &World, vendor: &Vendor, bad: Batch) {
    let before = (refusals(world).len(), world.contacts());
    let message = vendor.fail(&Request::row_data(&[batch(&contact(), 2, &[("U", 1, SECRET)]), bad]));
    let refused = refusals(world);
    assert_eq!(refused.len(), before.0 + 1, "{message}");
    let event = refused.last().unwrap();
    assert_eq!(event.tenant, world.tenant);
    assert!(!event.cycle.is_empty() && !event.message.is_empty());
    assert!(event.message.contains("thing"), "not which table: {}", event.message);
    assert!(!format!("{event:?}{message}").contains(SECRET), "{event:?}");
    assert_eq!(world.contacts(), before.1, "a part of the call is there");
}

#[test]
fn refused_rows_are_told_of_without_their_values_and_nothing_of_their_call_is_there() {
    let (world, bridge, vendor) = World::with_bridge();
    let thing = typed("thing", &[("id", "int"), ("amount", "int"), ("name", "nvarchar(100)")]);
    let tables = [contact(), thing.clone()];
    vendor.open(&tables);
    vendor.rows(&[batch(&contact(), 1, &[("I", 1, "x")])]);
    let of = |operation: &str, values: &[Option<&str>]| -> Vec<Row> { vec![row(operation, values)] };
    let bad = [
        of("I", &[Some("[I:1]"), Some(SECRET), Some("x")]),
        of("I", &[None, Some("[I:1]"), Some(SECRET)]),
        of("I", &[Some("[I:1]"), Some(SECRET)]),
        of("X", &[Some("[I:1]"), Some("[I:1]"), Some(SECRET)]),
    ];
    for rows in bad {
        assert_told(&world, &vendor, Batch { rows, lsn: 2, table: thing.clone() });
    }
    assert!(!bridge.log().contains(SECRET));
    // Told, and forgotten: the same rows in order are taken.
    vendor.rows(&[batch(&contact(), 2, &[("U", 1, "y")])]);
    assert_eq!(refusals(&world).len(), 4);
}

#[test]
fn rows_of_a_table_that_nobody_asked_for_are_told_of_too() {
    let (world, _bridge, vendor) = World::with_bridge();
    vendor.cycle(&[batch(&contact(), 1, &[("I", 1, "x")])]);
    vendor.open(&[contact()]);
    let mut other = contact();
    other.columns[1].sql_type = "int".to_owned();
    let rows = vec![row("U", &[Some("[I:1]"), Some("[I:4711]")])];
    vendor.fail(&Request::row_data(&[Batch { rows, lsn: 2, table: other }]));
    let refused = refusals(&world);
    assert_eq!(refused.len(), 1);
    assert!(refused[0].message.contains("contact") && !refused[0].message.contains("4711"));
}
