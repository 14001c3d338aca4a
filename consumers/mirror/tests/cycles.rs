//! Cycles that are told: after their rows, at least once, and without keeping anybody from anything.

use std::fs;
use std::time::Duration;

use apache_avro::types::Value;
use mirrorbus_mirror::{Settings, spawn};

use super::faults::contact;
use super::source::{Records, Registered, Source, until};
use super::transactions::InMemory;

const TENANT: &str = "Cust1";

fn settings(source: &Source) -> Settings {
    Settings::new(&source.kafka, &source.registry, source.prefix.clone())
}

fn rows(table: &Registered, ids: std::ops::Range<i32>) -> Records {
    Records::of(ids.map(|id| table.row(1, &[("id", Value::Int(id)), ("name", Value::String("x".into()))])))
}

/// A table and the cycles topic of a tenant.
fn tenant(source: &Source) -> Registered {
    let table = source.register(TENANT, &contact());
    source.create(&table.topic, 1);
    source.create(&source.cycles_topic(TENANT), 1);
    table
}

fn complete(source: &Source, cycle: &str) {
    source.commit(source.completed(TENANT, cycle, &[("contact", 1)]));
}

#[test]
fn a_cycle_is_told_when_its_rows_are_applied_and_the_event_is_passed_afterwards() {
    let source = Source::new("told");
    let table = tenant(&source);
    source.commit(rows(&table, 0..20));
    complete(&source, "first");
    let destination = InMemory::default();
    let running = spawn(Settings { batch_records: 3, ..settings(&source) }, destination.clone()).unwrap();
    let cycles = source.cycles_topic(TENANT);
    until("the event is passed", || destination.next_offset(TENANT, &cycles) >= source.end(&cycles, 0));
    assert_eq!(destination.told(), ["first"]);
    assert_eq!(destination.copy(TENANT).memory.cycle.unwrap().id, "first");
    assert_eq!(destination.rows_when_told(), [20], "all rows were there");
    running.stop().unwrap();
}

#[test]
fn a_hook_that_fails_is_called_again_and_rows_go_on() {
    let source = Source::new("again");
    let table = tenant(&source);
    source.commit(rows(&table, 0..5));
    complete(&source, "first");
    let destination = InMemory::default();
    destination.fail_hooks(2);
    let running = spawn(settings(&source), destination.clone()).unwrap();
    until("the hook has succeeded", || destination.told().len() == 3);
    assert_eq!(destination.told(), ["first", "first", "first"]);
    source.commit(rows(&table, 5..9));
    until("rows go on", || destination.rows(TENANT, "contact").len() == 9);
    running.stop().unwrap();
}

#[test]
fn a_mirror_that_ends_between_commit_and_hook_tells_the_cycle_when_it_is_back() {
    let source = Source::new("crash");
    let table = tenant(&source);
    source.commit(rows(&table, 0..5));
    complete(&source, "first");
    let destination = InMemory::default();
    destination.panic_in_hook();
    let running = spawn(settings(&source), destination.clone()).unwrap();
    running.wait().unwrap_err();
    let cycles = source.cycles_topic(TENANT);
    assert_eq!(destination.rows(TENANT, "contact").len(), 5, "the rows are durable");
    assert_eq!(destination.next_offset(TENANT, &cycles), 0, "the event is not passed");
    assert_eq!(destination.told(), ["first"]);
    let running = spawn(settings(&source), destination.clone()).unwrap();
    until("the event is passed", || destination.next_offset(TENANT, &cycles) >= source.end(&cycles, 0));
    assert_eq!(destination.told(), ["first", "first"]);
    running.stop().unwrap();
    let running = spawn(settings(&source), destination.clone()).unwrap();
    source.commit(rows(&table, 5..6));
    until("one more row", || destination.rows(TENANT, "contact").len() == 6);
    assert_eq!(destination.told(), ["first", "first"], "what was told is not told again");
    running.stop().unwrap();
}

#[test]
fn a_command_is_run_per_cycle_and_neither_its_failure_nor_its_length_stops_rows() {
    let source = Source::new("command");
    let table = tenant(&source);
    let said = std::env::temp_dir().join(source.prefix.as_str());
    let file = said.display();
    let line = format!(
        "echo \"$MIRROR_TENANT $MIRROR_CYCLE\" >> '{file}'; test \"$MIRROR_CYCLE\" != bad || exit 3; \
         test \"$MIRROR_CYCLE\" != long || sleep 1000"
    );
    let settings = Settings {
        after_cycle_command: Some(line),
        after_cycle_limit: Duration::from_secs(2),
        ..settings(&source)
    };
    let destination = InMemory::default();
    let running = spawn(settings, destination.clone()).unwrap();
    let cycles = source.cycles_topic(TENANT);
    for (round, cycle) in (0..).zip(["good", "bad", "long"]) {
        source.commit(rows(&table, round * 2..round * 2 + 2));
        complete(&source, cycle);
        until("it was run", || fs::read_to_string(&said).unwrap_or_default().contains(cycle));
        let count = usize::try_from(round * 2 + 2).unwrap();
        until("rows are there", || destination.rows(TENANT, "contact").len() == count);
        if cycle == "long" {
            assert!(destination.next_offset(TENANT, &cycles) < source.end(&cycles, 0), "it runs");
        }
        until("it has ended", || destination.next_offset(TENANT, &cycles) >= source.end(&cycles, 0));
    }
    running.stop().unwrap();
    assert_eq!(fs::read_to_string(&said).unwrap(), "Cust1 good\nCust1 bad\nCust1 long\n");
    fs::remove_file(said).unwrap();
}
