//! Mirrors of one group share the tenants.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use apache_avro::types::Value;
use mirrorbus_mirror::{Running, Settings, spawn};

use super::destination::InMemory;
use super::faults::contact;
use super::source::{Records, Registered, Source, until};

/// A new tenant is found within this time.
const FOUND: Duration = Duration::from_secs(10);

/// Tenants with a cycles topic and a table each, and what was committed of them.
pub(crate) struct Tenants {
    pub(crate) source: Source,
    pub(crate) tables: BTreeMap<String, Registered>,
    next: i32,
}

impl Tenants {
    pub(crate) fn new(test: &str, count: usize) -> Self {
        let mut tenants = Self { source: Source::new(test), tables: BTreeMap::new(), next: 0 };
        for number in 0..count {
            tenants.add(&format!("Cust{number}"));
        }
        tenants
    }

    /// One more, which has every row that the others get from now on.
    pub(crate) fn add(&mut self, tenant: &str) {
        self.add_without_cycles(tenant);
        self.source.create(&self.source.cycles_topic(tenant), 1);
    }

    pub(crate) fn add_without_cycles(&mut self, tenant: &str) {
        let table = self.source.register(tenant, &contact());
        self.source.create(&table.topic, 2);
        self.tables.insert(tenant.to_owned(), table);
    }

    /// Commits one row of every tenant to each of both partitions.
    pub(crate) fn commit(&mut self) {
        let row = |table: &Registered, id: i32| {
            let row = table.row(1, &[("id", Value::Int(id)), ("name", Value::String("x".into()))]);
            row.in_partition(id % 2)
        };
        let ids = self.next..self.next + 2;
        let rows = self.tables.values().flat_map(|table| ids.clone().map(move |id| row(table, id)));
        self.source.commit(Records::of(rows));
        self.next = ids.end;
    }

    pub(crate) fn settings(&self) -> Settings {
        let settings = Settings::new(&self.source.kafka, &self.source.registry, self.source.prefix.clone());
        Settings { group: Some(format!("{}-mirrors", self.source.prefix)), ..settings }
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.tables.keys().map(String::as_str)
    }

    fn join(&self, destination: &InMemory, name: &str) -> Running {
        spawn(self.settings(), destination.named(name)).unwrap()
    }

    /// Commits until the writers of the newest batches are these, each with a tenant of its own.
    fn until_shared_by(&mut self, destination: &InMemory, wanted: &[&str]) {
        let wanted: BTreeSet<String> = wanted.iter().map(|name| (*name).to_owned()).collect();
        until(&format!("{wanted:?} share the tenants"), || {
            self.commit();
            let last = |tenant: &str| destination.writers(tenant).pop();
            self.names().map(last).collect::<Option<BTreeSet<String>>>().as_ref() == Some(&wanted)
        });
    }

    /// How many rows each table has that was there from the start.
    pub(crate) fn committed(&self) -> usize {
        usize::try_from(self.next).unwrap()
    }

    fn until_applied(&self, destination: &InMemory) {
        let rows = self.committed();
        until("every row is there", || {
            self.names().all(|tenant| destination.rows(tenant, "contact").len() == rows)
        });
    }

    /// While nothing is dealt anew, a tenant's batches come from one mirror.
    fn assert_each_has_one_writer(&mut self, destination: &InMemory, rounds: usize) {
        let before: Vec<usize> = self.names().map(|tenant| destination.writers(tenant).len()).collect();
        for _ in 0..rounds {
            self.commit();
            self.until_applied(destination);
        }
        for (tenant, before) in self.names().zip(before) {
            let writers = destination.writers(tenant).split_off(before);
            assert!(writers.len() >= rounds, "{tenant}: {writers:?}");
            assert_eq!(writers.iter().collect::<BTreeSet<_>>().len(), 1, "{tenant}: {writers:?}");
        }
    }
}

#[test]
fn tenants_are_shared_by_those_who_are_there_and_no_partition_is_applied_by_two() {
    let mut tenants = Tenants::new("shared", 12);
    let destination = InMemory::default();
    let (one, two) = (tenants.join(&destination, "one"), tenants.join(&destination, "two"));
    tenants.until_shared_by(&destination, &["one", "two"]);
    tenants.assert_each_has_one_writer(&destination, 5);
    let three = tenants.join(&destination, "three");
    tenants.until_shared_by(&destination, &["one", "two", "three"]);
    tenants.assert_each_has_one_writer(&destination, 5);
    let shown = |running: &Running| running.watch().progress().len();
    assert_eq!([&one, &two, &three].map(shown), [4, 4, 4]);

    two.stop().unwrap();
    tenants.until_shared_by(&destination, &["one", "three"]);
    tenants.add("Late");
    tenants.commit();
    let begun = Instant::now();
    until("a new tenant is found", || !destination.writers("Late").is_empty());
    eprintln!("a new tenant was found after {:?}", begun.elapsed());
    assert!(begun.elapsed() < FOUND);
    tenants.tables.remove("Late");
    tenants.until_applied(&destination);
    assert_eq!(destination.refused(), 0, "a tenant that is handed over is refused to nobody");
    assert_eq!(shown(&one) + shown(&three), 13);
    one.stop().unwrap();
    three.stop().unwrap();
}

#[test]
fn a_tenant_is_nobodys_until_it_has_a_cycles_topic() {
    let mut tenants = Tenants::new("nobodys", 1);
    tenants.add_without_cycles("Early");
    let destination = InMemory::default();
    let running = tenants.join(&destination, "one");
    for _ in 0..3 {
        tenants.commit();
        let rows = tenants.committed();
        until("the other one is mirrored", || destination.rows("Cust0", "contact").len() == rows);
    }
    assert_eq!(destination.owners("Early"), 0);
    tenants.source.create(&tenants.source.cycles_topic("Early"), 1);
    tenants.until_applied(&destination);
    running.stop().unwrap();
}

#[test]
fn a_group_without_a_tenant_finds_the_first_one() {
    let mut tenants = Tenants::new("first", 0);
    let destination = InMemory::default();
    let running = tenants.join(&destination, "one");
    until("it is ready", || running.watch().readiness().is_ready);
    tenants.add("Cust0");
    tenants.commit();
    tenants.until_applied(&destination);
    running.stop().unwrap();
}

#[test]
fn members_leave_out_what_their_patterns_do() {
    let mut tenants = Tenants::new("patterns", 3);
    let destination = InMemory::default();
    let patterns = mirrorbus_mirror::Patterns::new(&["Cust?"], &["Cust1"]);
    let settings = Settings { tenants: patterns, ..tenants.settings() };
    let running = spawn(settings, destination.named("one")).unwrap();
    tenants.commit();
    let left_out = tenants.tables.remove("Cust1");
    tenants.until_applied(&destination);
    assert!(left_out.is_some() && destination.owners("Cust1") == 0);
    assert!(running.watch().readiness().report.contains("the group gave to this process: 2"));
    running.stop().unwrap();
}

#[test]
fn a_member_whose_batch_does_not_end_is_replaced_refused_and_comes_back() {
    let mut tenants = Tenants::new("hanging", 6);
    let destination = InMemory::default();
    let mut settings = tenants.settings();
    for name in ["session.timeout.ms", "max.poll.interval.ms"] {
        settings.kafka_settings.push((name.to_owned(), "6000".to_owned()));
    }
    let start = |name: &str| spawn(settings.clone(), destination.named(name)).unwrap();
    let members = ["one", "two"].map(start);
    tenants.until_shared_by(&destination, &["one", "two"]);
    destination.set_hanging(Some("one"));
    tenants.until_shared_by(&destination, &["two"]);
    destination.set_hanging(None);
    until("its batch is refused", || destination.refused() > 0);
    tenants.until_shared_by(&destination, &["one", "two"]);
    tenants.until_applied(&destination);
    members.into_iter().for_each(|member| member.stop().unwrap());
}
