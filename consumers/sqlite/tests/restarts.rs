//! Stopped at any moment and started again, a mirror ends in the same place.

use apache_avro::types::Value;
use mirror_sqlite::Settings;
use mirrorbus_mirror::Patterns;

use super::mirror::{Mirror, contact};
use super::source::{Records, Source, until};

#[test]
fn a_mirror_stopped_in_the_middle_and_resumed_is_the_mirror_that_never_stopped() {
    let source = Source::new("resume");
    let contact = source.register("Cust1", &contact());
    source.create(&contact.topic, 1);
    for round in 0..20 {
        let row = |id: i32| {
            let name = Value::String(format!("{round}"));
            contact.row(1, &[("id", Value::Int(round * 20 + id)), ("name", name)])
        };
        let gone = contact.delete(1, Value::Int(round * 7));
        source.commit(Records::of((0..50).map(row).chain([gone])));
    }
    let mut settings = Settings::new(&source.kafka, &source.registry, source.prefix.clone());
    let steady = Mirror::start_with(settings.clone());
    settings.batch_records = 17;
    let mut restless = Mirror::start_with(settings);
    let end = source.end(&contact.topic, 0);
    let mut stops = 0;
    while restless.next_offset("Cust1", &contact.topic, 0).unwrap_or(0) < end {
        let before = restless.next_offset("Cust1", &contact.topic, 0).unwrap_or(0);
        until("a batch more is applied", || {
            restless.next_offset("Cust1", &contact.topic, 0).is_some_and(|next| next > before)
        });
        restless.stop();
        stops += 1;
        restless.resume();
    }
    steady.catch_up(&source, "Cust1", &contact.topic);
    assert!(stops > 0);
    let sum = |mirror: &Mirror| mirror_sqlite::checksum(&mirror.path("Cust1"), "contact").unwrap();
    assert_eq!(sum(&steady), sum(&restless));
    assert!(sum(&steady).rows > 400);
    let (inserts, _, deletes) = restless.counts("Cust1", "contact");
    assert_eq!(inserts - deletes, sum(&restless).rows);
}

#[test]
fn mirrors_share_a_folder_by_tenants() {
    let source = Source::new("share");
    let tenants = ["Cust1", "Cust2"].map(|tenant| (tenant, source.register(tenant, &contact())));
    let settings = |tenant: &str| {
        let tenants = Patterns::new(&[tenant], &[]);
        Settings { tenants, ..Settings::new(&source.kafka, &source.registry, source.prefix.clone()) }
    };
    for (_, contact) in &tenants {
        source.create(&contact.topic, 1);
    }
    let first = Mirror::start_with(settings("Cust1"));
    let second = mirror_sqlite::spawn(settings("Cust2"), first.folder()).unwrap();
    for (tenant, contact) in &tenants {
        source.commit(contact.row(1, &[("id", Value::Int(1)), ("name", Value::String("x".into()))]));
        first.catch_up(&source, tenant, &contact.topic);
        assert_eq!(first.rows(tenant, "contact").unwrap(), ["id=1 name='x'"]);
    }
    second.stop().unwrap();
}

#[test]
fn of_two_mirrors_of_one_tenant_the_later_one_goes_on() {
    let source = Source::new("two");
    let contact = source.register("Cust1", &contact());
    source.create(&contact.topic, 1);
    let row = |id| contact.row(1, &[("id", Value::Int(id)), ("name", Value::String("x".into()))]);
    source.commit(row(1));
    let settings = Settings::new(&source.kafka, &source.registry, source.prefix.clone());
    let mut mirror = Mirror::start(&source);
    mirror.catch_up(&source, "Cust1", &contact.topic);
    let owner = || -> i64 {
        let sql = "SELECT owner_epoch FROM _mirrorbus_tenant";
        mirror.connection("Cust1").query_row(sql, [], |row| row.get(0)).unwrap()
    };
    let before = owner();
    let later = mirror_sqlite::spawn(settings, mirror.folder()).unwrap();
    until("the later one took the tenant over", || owner() > before);
    source.commit(Records::of((2..100).map(row)));
    let error = mirror.wait().unwrap_err();
    assert!(matches!(error, mirror_sqlite::MirrorError::Fenced { .. }), "{error}");
    mirror.catch_up(&source, "Cust1", &contact.topic);
    assert_eq!(mirror.counts("Cust1", "contact"), (99, 0, 0), "nothing twice");
    assert!(!later.is_finished());
    later.stop().unwrap();
}

#[test]
fn a_mirror_whose_position_somebody_else_moved_stops_and_writes_nothing() {
    let source = Source::new("fenced");
    let contact = source.register("Cust1", &contact());
    source.create(&contact.topic, 1);
    let settings = Settings::new(&source.kafka, &source.registry, source.prefix.clone());
    let folder = tempfile::TempDir::new().unwrap();
    let running = mirror_sqlite::spawn(settings, folder.path()).unwrap();
    let row = |id| contact.row(1, &[("id", Value::Int(id)), ("name", Value::String("x".into()))]);
    source.commit(row(1));
    let path = folder.path().join("Cust1.sqlite");
    let end = source.end(&contact.topic, 0);
    until("the row is applied", || {
        mirror_sqlite::progress(&path).is_ok_and(|progress| progress.iter().any(|p| p.next_offset >= end))
    });
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("UPDATE _mirrorbus_offsets SET next_offset = next_offset + 5").unwrap();
    source.commit(row(2));
    until("the mirror ended", || running.is_finished());
    let error = running.wait().unwrap_err();
    assert!(matches!(error, mirror_sqlite::MirrorError::Fenced { .. }), "{error}");
    let rows: i64 = other.query_row("SELECT count(*) FROM contact", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 1);
}
