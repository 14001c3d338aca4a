//! What fails, and what goes on all the same.

use std::net::{TcpListener, TcpStream};
use std::thread;

use apache_avro::types::Value;
use mirrorbus_mirror::{Settings, spawn};

use super::destination::{Fault, InMemory};
use super::source::{Records, Registered, Shape, Source, until};

pub(crate) fn contact() -> Shape {
    Shape {
        table: "contact",
        columns: vec![("id", r#""int""#, "int"), ("name", r#""string""#, "nvarchar(9)")],
    }
}

fn settings(source: &Source) -> Settings {
    Settings::new(&source.kafka, &source.registry, source.prefix.clone())
}

pub(crate) fn rows(table: &Registered, ids: std::ops::Range<i32>) -> Records {
    Records::of(ids.map(|id| table.row(1, &[("id", Value::Int(id)), ("name", Value::String("x".into()))])))
}

#[test]
fn a_destination_that_fails_or_loses_its_answer_gets_every_row_once() {
    let source = Source::new("scripted");
    let contact = source.register("Cust1", &contact());
    source.create(&contact.topic, 1);
    source.commit(rows(&contact, 0..30));
    source.commit(contact.delete(1, Value::Int(3)));
    let destination = InMemory::failing([Fault::Refuse, Fault::DoThenFail]);
    let settings = Settings { batch_records: 12, ..settings(&source) };
    let running = spawn(settings, destination.clone()).unwrap();
    let end = source.end(&contact.topic, 0);
    until("all is applied", || destination.next_offset("Cust1", &contact.topic) >= end);
    running.stop().unwrap();
    assert_eq!(destination.rows("Cust1", "contact").len(), 29);
    assert!(destination.batches() >= 3, "in several batches");
}

#[test]
fn a_tenant_whose_records_cannot_be_read_stops_no_other() {
    let source = Source::new("poisoned");
    let good = source.register("Cust1", &contact());
    source.create(&good.topic, 1);
    let bad = source.rows_topic("Cust2", "contact");
    source.create(&bad, 1);
    source.commit(Records::garbage(&bad));
    let destination = InMemory::default();
    let running = spawn(settings(&source), destination.clone()).unwrap();
    for round in 0..3 {
        source.commit(rows(&good, round * 5..round * 5 + 5));
        let end = source.end(&good.topic, 0);
        until("the other tenant goes on", || destination.next_offset("Cust1", &good.topic) >= end);
    }
    assert_eq!(destination.rows("Cust1", "contact").len(), 15);
    assert_eq!(destination.next_offset("Cust2", &bad), 0);
    running.stop().unwrap();
}

#[test]
fn a_registry_that_does_not_answer_is_waited_for() {
    let source = Source::new("registry");
    let contact = source.register("Cust1", &contact());
    source.create(&contact.topic, 1);
    source.commit(rows(&contact, 0..5));
    // The port is taken and nobody accepts: connections are made and get no answer until the relay begins.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let real = source.registry.strip_prefix("http://").unwrap().split('/').next().unwrap().to_owned();
    let relayed = source.registry.replace(&real, &listener.local_addr().unwrap().to_string());
    let destination = InMemory::default();
    let running = spawn(Settings { registry: relayed, ..settings(&source) }, destination.clone()).unwrap();
    let (first, _) = listener.accept().unwrap();
    assert_eq!(destination.batches(), 0);
    drop(first);
    thread::spawn(move || relay(&listener, &real));
    let end = source.end(&contact.topic, 0);
    until("the rows are applied", || destination.next_offset("Cust1", &contact.topic) >= end);
    assert_eq!(destination.rows("Cust1", "contact").len(), 5);
    running.stop().unwrap();
}

/// Passes connections on until the test's process ends.
fn relay(listener: &TcpListener, to: &str) {
    for client in listener.incoming().map_while(Result::ok) {
        let Ok(server) = TcpStream::connect(to) else { continue };
        for (mut from, mut to) in
            [(client.try_clone().unwrap(), server.try_clone().unwrap()), (server, client)]
        {
            thread::spawn(move || std::io::copy(&mut from, &mut to));
        }
    }
}
