//! `status`, with Kafka and without.

use mirrorbus_mirror::verbs::{Status, TableState, TenantStatus, checksums};
use mirrorbus_mirror::{Patterns, Settings, Stop};
use mirrorbus_schemas::topic::Tenant;

use super::super::source::Source;
use super::memory::InMemory;
use super::verify::{mirrored, row, settings, shape};

fn ask(settings: &Settings, destination: &InMemory, is_offline: bool) -> Vec<TenantStatus> {
    Status { settings, is_offline, stop: &Stop::new() }.run(&mut destination.clone()).unwrap()
}

#[test]
fn lag_and_state_are_told_per_table() {
    let source = Source::new("status");
    let (contact, destination, running) = mirrored(&source, "contact", 10);
    let settings = settings(&source);
    let [tenant] = <[TenantStatus; 1]>::try_from(ask(&settings, &destination, false)).unwrap();
    assert_eq!((tenant.caught_up, tenant.lag_seconds), (Some(true), Some(0.0)));
    let table = &tenant.tables[0];
    assert_eq!((table.state, table.rows, table.epoch), (TableState::CaughtUp, Some(10), Some(1)));
    assert_eq!(table.partitions[0].position, source.end(&contact.topic, 0));

    running.stop().unwrap();
    source.commit(row(&contact, 10, "x"));
    for (tenant, table) in [("Cust1", "person"), ("Cust2", "contact")] {
        let table = source.register(tenant, &shape(table));
        source.create(&table.topic, 1);
        source.commit(row(&table, 1, "x"));
    }
    let [first, second] = <[TenantStatus; 2]>::try_from(ask(&settings, &destination, false)).unwrap();
    assert_eq!((first.tenant.as_str(), second.tenant.as_str()), ("Cust1", "Cust2"));
    assert_eq!(first.caught_up, Some(false));
    let states: Vec<_> = first.tables.iter().map(|table| (table.table.as_str(), table.state)).collect();
    assert_eq!(states, [("contact", TableState::Behind), ("person", TableState::NotBegun)]);
    assert!(first.tables.iter().all(|table| table.lag_records > Some(0)), "{first:?}");
    assert_eq!(second.tables[0].state, TableState::NotBegun);

    let some =
        Settings { tenants: Patterns::new(&["Cust1"], &[]), tables: Patterns::new(&["p*"], &[]), ..settings };
    let [chosen] = <[TenantStatus; 1]>::try_from(ask(&some, &destination, false)).unwrap();
    assert_eq!(chosen.tables.len(), 1);

    source.delete(&contact.topic);
    source.create(&contact.topic, 1);
    source.commit(row(&contact, 1, "x"));
    let anew = ask(&super::verify::settings(&source), &destination, false);
    assert_eq!(anew[0].tables[0].state, TableState::OtherTopic);
    assert_eq!((anew[0].caught_up, anew[0].tables[0].lag_records), (Some(false), None));
}

#[test]
fn offline_only_the_mirror_is_asked() {
    let source = Source::new("offline");
    let (_, destination, running) = mirrored(&source, "contact", 10);
    running.stop().unwrap();
    let unreachable = Settings { kafka: "127.0.0.1:1".into(), ..settings(&source) };
    let [tenant] = <[TenantStatus; 1]>::try_from(ask(&unreachable, &destination, true)).unwrap();
    assert_eq!((tenant.caught_up, tenant.tables[0].state), (None, TableState::Unknown));
    assert_eq!((tenant.tables[0].rows, tenant.tables[0].lag_records), (Some(10), None));
    assert!(tenant.tables[0].partitions[0].position > 0);

    let cust1 = Tenant::new("Cust1").unwrap();
    let sums = checksums(&mut destination.clone(), &cust1, &Patterns::default()).unwrap();
    assert_eq!((sums.len(), sums[0].sum.rows), (1, 10));
    let none = checksums(&mut destination.clone(), &cust1, &Patterns::new(&["person"], &[])).unwrap();
    assert_eq!(none, []);
}
