//! A schema registry that is away, slow or broken: only calls that bring a new schema need it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use mirrorbus_librdkafka::Isolation;
use mirrorbus_schemas::event::Kind;
use mirrorbus_schemas::wire;
use operations_center::wire::Request;

use crate::support::stub::{Mood, RegistryStub};
use crate::support::vendor::{column, table};
use crate::support::{Own, World, batch, contact};

#[test]
fn rows_of_known_schemas_need_no_registry_even_after_a_restart_of_the_bridge() {
    let world = World::new();
    let stub = RegistryStub::before(&world.cluster.registry);
    let world = world.with_registry(&stub.url);
    let bridge = world.bridge();
    let vendor = world.vendor(&bridge);
    vendor.cycle(&[batch(&contact(), 1, &[("I", 1, "x")])]);
    assert!(stub.changes() > 0, "it goes another way");
    // It is asked once a cycle what an id means, and needs not answer.
    stub.set(Mood::HangUp);
    let before = stub.changes();
    assert_eq!(vendor.cycle(&[batch(&contact(), 2, &[("I", 2, "x")])])["contact"], 1);
    bridge.kill();
    let bridge = world.bridge();
    let vendor = vendor.at(&bridge);
    assert_eq!(vendor.cycle(&[batch(&contact(), 3, &[("I", 3, "x")])])["contact"], 2);
    assert_eq!(stub.changes(), before);
    stub.set(Mood::Pass);
    assert_eq!(world.contacts().len(), 3);
}

#[test]
fn a_new_schema_waits_for_the_registry_and_nothing_is_written_without_it() {
    let world = World::new();
    let stub = RegistryStub::before(&world.cluster.registry);
    let world = world.with_registry(&stub.url);
    let bridge = world.bridge();
    let vendor = world.vendor(&bridge);
    vendor.cycle(&[batch(&contact(), 1, &[("I", 1, "x")])]);
    let new = table("new");
    let tables = [contact(), new.clone()];
    for mood in [Mood::HangUp, Mood::Status(500), Mood::Status(503), Mood::Delay(Duration::from_secs(60))] {
        vendor.open(&tables);
        stub.set(mood);
        let began = Instant::now();
        let message = vendor.fail(&Request::row_data(&[batch(&new, 5, &[("I", 1, "x")])]));
        assert!(message.starts_with("REGISTRY_UNAVAILABLE: "), "{mood:?}: {message}");
        assert!(began.elapsed() < Duration::from_secs(20), "{mood:?}: {:?}", began.elapsed());
        assert_eq!(world.cluster.end_if_there(&world.topic("new")), 0, "{mood:?}");
        // A table whose schema is known goes on, in the same cycle.
        vendor.rows(&[batch(&contact(), 2, &[("U", 1, "y")])]);
    }
    stub.set(Mood::Pass);
    vendor.cycle(&[batch(&contact(), 3, &[("U", 1, "z")]), batch(&new, 5, &[("I", 1, "x")])]);
    assert_eq!((world.contacts().len(), world.named_rows("new").len()), (1, 1));
    assert_eq!(vendor.open(&tables)["new"], 5);
}

#[test]
fn a_new_column_fails_its_table_schema_while_the_registry_is_away_and_repopulates_nothing() {
    let world = World::new();
    let stub = RegistryStub::before(&world.cluster.registry);
    let world = world.with_registry(&stub.url);
    let bridge = world.bridge();
    let vendor = world.vendor(&bridge);
    vendor.cycle(&[batch(&contact(), 1, &[("I", 1, "x")])]);
    let mut wider = contact();
    wider.columns.push(column("more", "int", true));
    stub.set(Mood::Status(503));
    vendor.later();
    vendor.succeed(&Request::authenticate());
    let message = vendor.fail(&Request::table_schema(&[wider.clone()]));
    assert!(message.starts_with("REGISTRY_UNAVAILABLE: "), "{message}");
    stub.set(Mood::Pass);
    assert_eq!(vendor.open(&[wider])["contact"], 1);
}

#[test]
fn a_registry_that_was_stopped_for_a_while_is_found_again() {
    let mut own = Own::with(|options| options.registry = Some(services::Storage::Disk));
    let world = own.world();
    let bridge = world.bridge();
    let vendor = world.vendor(&bridge);
    vendor.cycle(&[batch(&contact(), 1, &[("I", 1, "x")])]);
    own.services.stop_registry().unwrap();
    assert_eq!(vendor.cycle(&[batch(&contact(), 2, &[("I", 2, "x")])])["contact"], 1);
    let new = table("new");
    vendor.open(&[contact(), new.clone()]);
    vendor.fail(&Request::row_data(&[batch(&new, 5, &[("I", 1, "x")])]));
    own.services.start_registry().unwrap();
    vendor.cycle(&[batch(&contact(), 3, &[("U", 1, "y")]), batch(&new, 5, &[("I", 1, "x")])]);
    assert_eq!((world.contacts().len(), world.named_rows("new").len()), (2, 1));
}

#[test]
fn a_registry_that_does_not_answer_for_a_schema_loses_no_table() {
    let world = World::new();
    let stub = RegistryStub::before(&world.cluster.registry);
    let world = world.with_registry(&stub.url);
    let bridge = world.bridge();
    let vendor = world.vendor(&bridge);
    vendor.cycle(&[batch(&contact(), 1, &[("I", 1, "x")])]);
    // A proxy that does not find the registry says 404, too.
    let moods = [Mood::HangUp, Mood::Status(404), Mood::Status(500), Mood::Delay(Duration::from_secs(60))];
    for (lsn, mood) in (2..).zip(moods) {
        stub.set(mood);
        let (before, began) = (stub.lookups(), Instant::now());
        assert_eq!(vendor.cycle(&[batch(&contact(), lsn, &[("U", 1, "y")])])["contact"], lsn - 1, "{mood:?}");
        assert!(stub.lookups() > before, "{mood:?}: it was not asked");
        assert!(began.elapsed() < Duration::from_secs(20), "{mood:?}: {:?}", began.elapsed());
    }
    assert_eq!(bridge.metric(&lost_schemas(&world)), Some(0.0));
    stub.set(Mood::Pass);
    assert_eq!(vendor.open(&[contact()])["contact"], 5);
}

fn lost_schemas(world: &World) -> String {
    format!("mirrorbus_alarms_total{{application=\"{}\",kind=\"lost_schemas\"}}", world.prefix)
}

/// Gives the ids from the first on to schemas that nobody else has.
fn take_ids(registry: &str, count: usize) {
    for number in 0..count {
        let schema = format!(r#"{{"type":"record","name":"Other{number}","fields":[]}}"#);
        let body = serde_json::json!({ "schema": schema }).to_string();
        let request = ureq::post(format!("{registry}/subjects/other{number}/versions"));
        request.header("Content-Type", "application/vnd.schemaregistry.v1+json").send(body).unwrap();
    }
}

/// The schemas' names that the ids in living keys, values and the newest event have in the registry now.
fn names_of_ids(world: &World, table: &str) -> BTreeSet<String> {
    let rows = world.cluster.upsert(&world.topic(table)).into_iter().flat_map(|(key, value)| [key, value]);
    let cycles = format!("{}-sys.{}.cycles", world.prefix, world.tenant);
    let events = world.cluster.read(&cycles, Isolation::ReadCommitted);
    let newest = events.into_iter().next_back().and_then(|record| record.value);
    let ids: BTreeSet<u32> = rows.chain(newest).map(|datum| wire::split(&datum).unwrap().0).collect();
    let mut decoder = world.cluster.decoder();
    ids.into_iter().map(|id| decoder.schema(id).unwrap().name().unwrap().to_string()).collect()
}

#[test]
fn a_registry_that_was_emptied_has_every_table_sent_again_under_ids_that_it_knows() {
    let mut own = Own::with(|options| options.registry = Some(services::Storage::Memory));
    let world = own.world();
    let bridge = world.bridge();
    let vendor = world.vendor(&bridge);
    let person = table("person");
    let tables = [contact(), person.clone()];
    vendor.cycle(&[
        batch(&contact(), 1, &[("I", 1, "x"), ("I", 2, "x")]),
        batch(&person, 1, &[("I", 1, "x"), ("I", 2, "x")]),
    ]);
    // The old ids mean nothing, and then something else.
    for (round, taken) in [(2, 0), (3, 20)] {
        own.services.stop_registry().unwrap();
        own.services.start_registry().unwrap();
        take_ids(&world.cluster.registry, taken);
        let alarms = bridge.metric(&lost_schemas(&world)).unwrap();
        let gone = i32::try_from(round).unwrap();
        // In each round the source has lost a row and got another.
        let lsns = vendor.cycle(&[
            batch(&contact(), round, &[("I", 1, "y"), ("I", gone + 1, "y")]),
            batch(&person, round, &[("I", 1, "y"), ("I", gone + 1, "y")]),
        ]);
        assert!(lsns.values().all(|lsn| *lsn == -1), "{lsns:?}");
        assert_eq!(bridge.metric(&lost_schemas(&world)), Some(alarms + 1.0));
        assert!(bridge.log().contains("the registry has lost schema ids"));
        let told = world.events().into_iter().filter(|event| event.kind == Kind::SchemaChanged).count();
        assert!(told >= tables.len(), "subscribers were not told");
        let right = [(1, Some("y".to_owned())), (gone + 1, Some("y".to_owned()))];
        for name in ["contact", "person"] {
            assert_eq!(world.named_rows(name), right, "{name}");
            let names = names_of_ids(&world, name);
            let [key, value] = ["Key", "Value"].map(|part| format!("mirrorbus.{name}.{part}"));
            assert_eq!(names.len(), 3, "{names:?}");
            assert!(names.contains(&key) && names.contains(&value), "{names:?}");
        }
        let lsns = vendor.open(&tables);
        assert!(lsns.values().all(|lsn| *lsn == round), "{lsns:?}");
        vendor.complete();
    }
}
