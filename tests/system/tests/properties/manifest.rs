//! P12: a call's manifest counts its rows exactly, and its hash says which rows they are, in whatever order.

use mirrorbus_librdkafka::Isolation;
use proptest::collection::btree_map;
use proptest::prelude::*;
use serde_json::Value;
use xxhash_rust::xxh3::Xxh3;

use super::check;
use crate::support::topic::Record;
use crate::support::vendor::Vendor;
use crate::support::{World, batch, contact};

/// Rows and hash of the newest call that wrote to `contact`.
fn manifest(world: &World) -> (u64, String) {
    let records = world.cluster.read(&world.positions(), Isolation::ReadCommitted);
    let newest = records.into_iter().rfind(|record| record.key == b"table/contact").unwrap();
    let position: Value = serde_json::from_slice(&newest.value.unwrap()).unwrap();
    let [partition] = position["manifest"]["partitions"].as_array().unwrap().as_slice() else {
        panic!("{position}")
    };
    (partition["rows"].as_u64().unwrap(), partition["hash"].as_str().unwrap().to_owned())
}

/// The same from the topic, as `schemas/README.md` describes it.
fn audited(records: &[Record]) -> (u64, String) {
    let hash = |record: &Record| {
        let mut hash = Xxh3::new();
        hash.update(&record.key);
        hash.update(record.value.as_deref().unwrap_or_default());
        hash.digest()
    };
    let sum = records.iter().map(hash).fold(0u64, u64::wrapping_add);
    (records.len() as u64, format!("{sum:016x}"))
}

/// Sends the rows as one call and gives its manifest, which must be what the topic says.
fn sent(world: &World, vendor: &Vendor, rows: &[(&str, i32, &str)]) -> (u64, String) {
    let topic = world.topic("contact");
    vendor.rows(&[batch(&contact(), 0, rows)]);
    let records = world.cluster.read(&topic, Isolation::ReadCommitted);
    let told = manifest(world);
    assert_eq!(told, audited(&records[records.len() - rows.len()..]));
    told
}

#[test]
fn p12_a_manifest_counts_every_row_and_knows_no_order() {
    let (world, _bridge, vendor) = World::with_bridge();
    vendor.open(&[contact()]);
    let rows = btree_map(0..50, (prop::sample::select(vec!["I", "D"]), "[a-z]{0,5}"), 2..9);
    let rows = rows.prop_flat_map(|rows| {
        let rows: Vec<(i32, (&str, String))> = rows.into_iter().collect();
        (Just(rows.clone()), Just(rows).prop_shuffle())
    });
    check(8, &rows, |_, (rows, shuffled)| {
        let texts = |rows: &[(i32, (&'static str, String))]| -> Vec<(&'static str, i32, String)> {
            rows.iter().map(|(id, (operation, name))| (*operation, *id, name.clone())).collect()
        };
        let (rows, shuffled) = (texts(&rows), texts(&shuffled));
        let whole: Vec<_> =
            rows.iter().map(|(operation, id, name)| (*operation, *id, name.as_str())).collect();
        let mixed: Vec<_> =
            shuffled.iter().map(|(operation, id, name)| (*operation, *id, name.as_str())).collect();
        let told = sent(&world, &vendor, &whole);
        assert_eq!(told.0, whole.len() as u64);
        assert_eq!(sent(&world, &vendor, &mixed), told, "another order is another hash");
        assert_ne!(sent(&world, &vendor, &whole[1..]), told, "a row less is no other hash");
        let twice = [&whole[..], &whole[..1]].concat();
        let (count, hash) = sent(&world, &vendor, &twice);
        assert!(count == told.0 + 1 && hash != told.1, "a row twice is no other hash");
    });
}
