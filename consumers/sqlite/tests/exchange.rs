//! A copy made from Kafka alone, exchanged for the live one under a mirror that runs and a reader that reads.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use apache_avro::types::Value;
use mirror_sqlite::{Settings, Sqlite};
use mirrorbus_mirror::{
    Applied, Batch, Copies, Copy, Cycle, Destination, DestinationError, Memory, Scope, spawn,
};
use mirrorbus_schemas::topic::Tenant;

use super::mirror::{Done, Mirror, contact};
use super::source::{Records, Registered, Source, until};

/// What [`Copies::beside`] gives, as a type that has a size.
struct Beside(Box<dyn Destination + Send>);

impl Destination for Beside {
    fn load(&mut self, tenant: &Tenant) -> Result<Memory, DestinationError> {
        self.0.load(tenant)
    }

    fn apply(&mut self, tenant: &Tenant, batch: &Batch<'_>) -> Result<Applied, DestinationError> {
        self.0.apply(tenant, batch)
    }

    fn after_cycle(&mut self, tenant: &Tenant, cycle: &Cycle) -> Result<(), DestinationError> {
        self.0.after_cycle(tenant, cycle)
    }
}

fn rows(table: &Registered, ids: std::ops::Range<i32>) -> Records {
    Records::of(ids.map(|id| table.row(1, &[("id", Value::Int(id)), ("name", Value::String("x".into()))])))
}

#[test]
fn a_running_mirror_goes_on_from_the_copy_that_was_exchanged_and_readers_see_one_or_the_other() {
    let source = Source::new("exchange");
    let contact = source.register("Cust1", &contact());
    source.create(&contact.topic, 1);
    source.commit(rows(&contact, 0..500));
    let mirror = Mirror::start(&source);
    mirror.catch_up(&source, "Cust1", &contact.topic);
    let by_hand = "UPDATE contact SET name = 'wrong' WHERE id < 100";
    mirror.connection("Cust1").execute_batch(by_hand).unwrap();

    let tenant = Tenant::new("Cust1").unwrap();
    let mut copies = Sqlite::open(mirror.folder()).unwrap();
    let settings = Settings::new(&source.kafka, &source.registry, source.prefix.clone());
    let beside = spawn(settings, Beside(copies.beside(&tenant).unwrap())).unwrap();
    let end = source.end(&contact.topic, 0);
    until("the copy has all", || {
        let memory = copies.inspect(&tenant, Copy::Beside).unwrap().unwrap_or_default();
        memory.positions.get(&(contact.topic.clone(), 0)).is_some_and(|position| position.next_offset >= end)
    });
    beside.stop().unwrap();

    let is_done = AtomicBool::new(false);
    let seen = std::thread::scope(|scope| {
        let reading = scope.spawn(|| {
            let reader = mirror.connection("Cust1");
            let mut seen = BTreeSet::new();
            while !is_done.load(Ordering::Relaxed) {
                let sql = "SELECT count(*) FROM contact WHERE name = 'wrong'";
                seen.insert(reader.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap());
            }
            seen
        });
        let done = Done(&is_done);
        // Kafka goes on meanwhile.
        source.commit(rows(&contact, 500..600));
        let mut held = copies.hold(&tenant).unwrap();
        let kept = held.exchange(&Scope::Tenant).unwrap();
        held.commit().unwrap();
        assert!(mirror.folder().join(kept).exists());
        source.commit(Records::of([rows(&contact, 600..700), contact.delete(1, Value::Int(0))]));
        mirror.catch_up(&source, "Cust1", &contact.topic);
        drop(done);
        reading.join().unwrap()
    });
    assert!(seen.is_subset(&BTreeSet::from([0, 100])), "{seen:?}");
    let fresh = Mirror::start(&source);
    fresh.catch_up(&source, "Cust1", &contact.topic);
    let sum = |mirror: &Mirror| mirror_sqlite::checksum(&mirror.path("Cust1"), "contact").unwrap();
    assert_eq!((sum(&mirror), sum(&mirror).rows), (sum(&fresh), 699));
    let (inserts, _, deletes) = mirror.counts("Cust1", "contact");
    assert_eq!(inserts - deletes, 699);
}
