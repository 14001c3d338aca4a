//! Whole cycles only: a reader who looks after every batch never sees half of one.

use std::collections::BTreeSet;

use apache_avro::types::Value;
use mirrorbus_mirror::{Settings, spawn};
use mirrorbus_schemas::event::Kind;

use super::faults::contact;
use super::source::{Records, Registered, Shape, Source, until};
use super::transactions::{Copy, InMemory};

const TENANT: &str = "Cust1";
const ROWS: i32 = 40;

fn settings(source: &Source) -> Settings {
    Settings {
        whole_cycles: true,
        batch_records: 7,
        ..Settings::new(&source.kafka, &source.registry, source.prefix.clone())
    }
}

/// Two tables of which every cycle writes every row.
struct Tenant {
    source: Source,
    tables: [Registered; 2],
}

impl Tenant {
    fn new(test: &str) -> Self {
        let source = Source::new(test);
        let company = Shape { table: "company", ..contact() };
        let tables = [source.register(TENANT, &contact()), source.register(TENANT, &company)];
        source.create(&source.cycles_topic(TENANT), 1);
        source.create(&tables[0].topic, 2);
        source.create(&tables[1].topic, 1);
        Self { source, tables }
    }

    fn rows(&self, table: usize, ids: std::ops::Range<i32>, cycle: &str) -> Records {
        let table = &self.tables[table];
        let row = |id: i32| {
            let name = Value::String(cycle.to_owned());
            let row = table.row(1, &[("id", Value::Int(id)), ("name", name)]);
            row.in_partition(if table.topic.ends_with("contact") { id % 2 } else { 0 })
        };
        Records::of(ids.map(row))
    }

    /// A cycle in several calls, all but its end; some are aborted.
    fn begin(&self, cycle: &str) {
        self.source.commit(self.source.opened(TENANT, cycle));
        for from in (0..ROWS).step_by(10) {
            self.source.commit(self.rows(0, from..from + 10, cycle));
            self.source.abort(self.rows(1, from..from + 5, "aborted"));
            self.source.commit(self.rows(1, from..from + 10, cycle));
        }
    }

    fn complete(&self, cycle: &str) {
        self.source.commit(self.source.completed(TENANT, cycle, &[("contact", 2), ("company", 1)]));
    }
}

/// The cycles whose rows somebody sees at once.
fn cycles(copy: &Copy) -> BTreeSet<String> {
    copy.rows.values().flat_map(|rows| rows.values()).map(|row| row[1].clone()).collect()
}

fn counts(copy: &Copy) -> Vec<usize> {
    copy.rows.values().map(|rows| rows.len()).collect()
}

fn is_whole(copy: &Copy) -> bool {
    let all = usize::try_from(ROWS).unwrap();
    cycles(copy).len() <= 1 && (counts(copy).is_empty() || counts(copy) == [all, all])
}

fn assert_whole(destination: &InMemory) {
    for copy in destination.visible() {
        assert!(is_whole(&copy), "{:?} {:?}", cycles(&copy), counts(&copy));
    }
}

fn sees(destination: &InMemory, cycle: &str) -> bool {
    cycles(&destination.copy(TENANT)).iter().eq([&format!("Text({cycle:?})")])
}

#[test]
fn no_reader_sees_half_a_cycle() {
    let tenant = Tenant::new("whole");
    for cycle in ["c1", "c2", "c3"] {
        tenant.begin(cycle);
        tenant.complete(cycle);
    }
    let destination = InMemory::watched();
    let running = spawn(settings(&tenant.source), destination.clone()).unwrap();
    until("the newest is there", || sees(&destination, "c3"));
    assert!(destination.unended() > 3, "in several batches");
    for cycle in ["c4", "c5"] {
        tenant.begin(cycle);
        tenant.complete(cycle);
        until("the next one is there", || sees(&destination, cycle));
    }
    until("it is told", || destination.told().last().is_some_and(|told| told == "c5"));
    running.stop().unwrap();
    assert_whole(&destination);
    assert_eq!(destination.copy(TENANT).memory.cycle.unwrap().id, "c5");
}

#[test]
fn a_cycle_that_is_open_is_not_shown_also_after_a_restart() {
    let tenant = Tenant::new("open");
    tenant.begin("c1");
    tenant.complete("c1");
    let destination = InMemory::watched();
    let running = spawn(settings(&tenant.source), destination.clone()).unwrap();
    until("the first is there", || sees(&destination, "c1"));
    tenant.begin("c2");
    // Another tenant's cycle, later than what is open here, is through.
    let other = tenant.source.register("Cust2", &contact());
    let through = |cycle: &str| {
        let source = &tenant.source;
        source.commit(source.opened("Cust2", cycle));
        source.commit(other.row(1, &[("id", Value::Int(1)), ("name", Value::String(cycle.to_owned()))]));
        source.commit(source.completed("Cust2", cycle, &[("contact", 1)]));
        until("the other tenant's is there", || {
            destination.rows("Cust2", "contact").concat().concat().contains(cycle)
        });
    };
    tenant.source.create(&tenant.source.cycles_topic("Cust2"), 1);
    tenant.source.create(&other.topic, 1);
    through("o1");
    assert!(sees(&destination, "c1"));
    running.stop().unwrap();
    let running = spawn(settings(&tenant.source), destination.clone()).unwrap();
    through("o2");
    assert!(sees(&destination, "c1"));
    tenant.complete("c2");
    until("it is there when it is over", || sees(&destination, "c2"));
    running.stop().unwrap();
    let copies = destination.visible();
    assert!(copies.iter().all(|copy| copy.rows.len() < 2 || is_whole(copy)));
}

#[test]
fn tables_that_no_receipt_names_and_sweeps_after_the_cycle_are_shown_when_no_cycle_is_open() {
    let tenant = Tenant::new("unnamed");
    tenant.begin("c1");
    // Nothing of the cycles before the retention is left but an end that names one table.
    tenant.source.commit(tenant.source.completed(TENANT, "c1", &[("contact", 2)]));
    let destination = InMemory::watched();
    let running = spawn(settings(&tenant.source), destination.clone()).unwrap();
    until("both tables are there", || sees(&destination, "c1"));
    assert_whole(&destination);
    tenant.source.commit(tenant.tables[1].delete(1, Value::Int(3)));
    let all = usize::try_from(ROWS).unwrap();
    until("the sweep is there", || destination.rows(TENANT, "company").len() == all - 1);
    running.stop().unwrap();
}

#[test]
fn events_of_the_cycle_that_is_open_wait_for_its_end() {
    let tenant = Tenant::new("events");
    tenant.begin("c1");
    tenant.complete("c1");
    let destination = InMemory::watched();
    let running = spawn(settings(&tenant.source), destination.clone()).unwrap();
    until("the first is there", || sees(&destination, "c1"));
    let (source, company) = (&tenant.source, &tenant.tables[1]);
    source.commit(source.opened(TENANT, "c2"));
    let end = source.end(&company.topic, 0);
    source.commit(source.event(TENANT, Kind::Dropped, "company", 1, company.value_id, end));
    source.commit(tenant.rows(0, 0..ROWS, "c2"));
    source.commit(source.completed(TENANT, "c2", &[("contact", 2)]));
    until("the table has left", || destination.rows(TENANT, "company").is_empty());
    assert!(sees(&destination, "c2"));
    running.stop().unwrap();
    let is_fine = |copy: &Copy| is_whole(copy) || counts(copy).contains(&0) && cycles(copy).len() == 1;
    assert!(destination.visible().iter().all(is_fine));
}

#[test]
fn a_topic_made_anew_is_shown_with_the_next_cut() {
    let tenant = Tenant::new("anew");
    tenant.begin("c1");
    tenant.complete("c1");
    let destination = InMemory::watched();
    let running = spawn(settings(&tenant.source), destination.clone()).unwrap();
    until("the first is there", || sees(&destination, "c1"));
    let (source, company) = (&tenant.source, &tenant.tables[1]);
    source.delete(&company.topic);
    source.create(&company.topic, 1);
    tenant.begin("c2");
    tenant.complete("c2");
    until("the second is there", || sees(&destination, "c2"));
    running.stop().unwrap();
    assert_whole(&destination);
}
