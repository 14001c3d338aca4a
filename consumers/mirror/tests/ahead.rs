//! Batches that are prepared while the one before is applied.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mirrorbus_mirror::{Applied, Batch, Destination, DestinationError, Memory, Settings, spawn};
use mirrorbus_schemas::topic::Tenant;

use super::destination::{Fault, InMemory};
use super::faults::{contact, rows};
use super::source::{Source, until};

/// A destination that takes its time, and tells on which threads it was written to.
struct Slow {
    inner: InMemory,
    threads: Arc<Mutex<BTreeSet<String>>>,
}

/// Longer than a batch takes to be read and decoded.
const ITS_TIME: Duration = Duration::from_millis(100);

impl Destination for Slow {
    fn load(&mut self, tenant: &Tenant) -> Result<Memory, DestinationError> {
        self.inner.load(tenant)
    }

    fn apply(&mut self, tenant: &Tenant, batch: &Batch<'_>) -> Result<Applied, DestinationError> {
        let thread = std::thread::current().name().unwrap_or_default().to_owned();
        self.threads.lock().unwrap().insert(thread);
        std::thread::sleep(ITS_TIME);
        self.inner.apply(tenant, batch)
    }

    fn release(&mut self, tenant: &Tenant) {
        self.inner.release(tenant);
    }
}

/// A batch that was prepared after one that failed does not fit any more: to apply it would be refused as another
/// mirror's, which ends the mirror.
#[test]
fn what_was_read_ahead_of_a_batch_that_fails_is_read_again() {
    let source = Source::new("ahead");
    let tenants = ["Cust1", "Cust2"].map(|tenant| (tenant, source.register(tenant, &contact())));
    for (_, table) in &tenants {
        source.create(&table.topic, 1);
        source.commit(rows(table, 0..12_000));
    }
    let faults = [Fault::Refuse, Fault::DoThenFail, Fault::Refuse, Fault::DoThenFail];
    let (destination, threads) = (InMemory::failing(faults), Arc::default());
    let slow = Slow { inner: destination.clone(), threads: Arc::clone(&threads) };
    let settings = Settings {
        batch_records: 1500,
        ..Settings::new(&source.kafka, &source.registry, source.prefix.clone())
    };
    let running = spawn(settings, slow).unwrap();
    for (tenant, table) in &tenants {
        let end = source.end(&table.topic, 0);
        until("all is applied", || destination.next_offset(tenant, &table.topic) >= end);
        assert_eq!(destination.rows(tenant, "contact").len(), 12_000);
    }
    running.stop().unwrap();
    assert_eq!(destination.refused(), 0, "every batch begins where the one before ended");
    assert!(threads.lock().unwrap().contains("mirror-apply"), "beside the reading of the next");
}
