//! P5: columns come, go, move and change their type, and every row is read by the columns that it was sent with.

use std::collections::BTreeMap;

use apache_avro::types::Value;
use mirrorbus_librdkafka::Isolation;
use operations_center::wire::{Batch, TableInfo};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::check;
use crate::support::World;
use crate::support::vendor::{row, typed};

const TYPES: [&str; 4] = ["int", "nvarchar(20)", "nvarchar(max)", "float"];

/// Columns beside the key: each letter has a type or is not there. Read backwards they stand in another order.
type Columns = (BTreeMap<char, usize>, bool);

fn versions() -> impl Strategy<Value = Vec<(Columns, i32)>> {
    let columns = btree_map(prop::char::range('a', 'e'), 0..TYPES.len(), 0..5);
    vec(((columns, any::<bool>()), 0..1000), 2..5)
}

/// The columns after the key, with the value that each has in the row with this number.
fn cells(columns: &Columns, number: i32) -> Vec<(String, usize, String, Value)> {
    let (letters, backwards) = columns;
    let cells = letters.iter().map(|(letter, &kind)| {
        let number = number + i32::try_from(u32::from(*letter)).unwrap();
        let (text, value) = match kind {
            0 => (format!("[I:{number}]"), Value::Int(number)),
            3 => (format!("[F:{number}.5]"), Value::Double(f64::from(number) + 0.5)),
            _ => (format!("[I:{number}]"), Value::String(format!("[I:{number}]"))),
        };
        (letter.to_string(), kind, text, value)
    });
    let mut cells: Vec<_> = cells.collect();
    if *backwards {
        cells.reverse();
    }
    cells
}

fn table(cells: &[(String, usize, String, Value)]) -> TableInfo {
    let columns = cells.iter().map(|(name, kind, _, _)| (name.as_str(), TYPES[*kind]));
    typed("changing", &[("id", "int")].into_iter().chain(columns).collect::<Vec<_>>())
}

#[test]
fn p5_every_row_is_read_by_the_columns_that_it_came_with() {
    let mut world = World::new();
    let bridge = world.bridge();
    let root = world.tenant.clone();
    check(5, &versions(), |number, versions| {
        world.tenant = format!("{root}x{number}");
        let vendor = world.vendor(&bridge);
        let mut sent = Vec::new();
        for (lsn, (columns, first)) in (1..).zip(&versions) {
            let id = i32::try_from(lsn).unwrap();
            let cells = cells(columns, *first);
            let table = table(&cells);
            let key = format!("[I:{id}]");
            let values: Vec<_> = std::iter::once(Some(key.as_str()))
                .chain(cells.iter().map(|cell| Some(cell.2.as_str())))
                .collect();
            vendor.open(std::slice::from_ref(&table));
            vendor.rows(&[Batch { rows: vec![row("I", &values)], lsn, table }]);
            vendor.complete();
            let mut meant: BTreeMap<String, Value> =
                cells.into_iter().map(|(name, _, _, value)| (name, value)).collect();
            meant.insert("id".to_owned(), Value::Int(id));
            sent.push(meant);
        }
        // Tombstones of populations that ended stand between.
        let records = world.cluster.read(&world.topic("changing"), Isolation::ReadCommitted);
        let mut decoder = world.cluster.decoder();
        let rows = records.into_iter().filter_map(|record| record.value);
        let read: Vec<_> = rows.map(|value| world.columns(&value, &mut decoder)).collect();
        assert_eq!(read, sent);
    });
}
