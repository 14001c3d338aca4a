//! The destination, with everything that is said to it counted and timed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use mirrorbus_schemas::topic::Tenant;

use crate::admin::{Watch, Written};
use crate::destination::{Applied, Batch, Cycle, Destination, DestinationError, Memory, Row};
use crate::failpoint;
use crate::live::tally::{Tally, older};

/// A destination that batches are applied to beside the reading of the next ones: whoever wants something else of it
/// waits until that is done.
pub(crate) struct Shared<'d, D>(Mutex<Watched<'d, D>>);

impl<'d, D: Destination> Shared<'d, D> {
    pub(crate) fn new(inner: &'d mut D, watch: Watch) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Watched::new(inner, watch))))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Watched<'d, D>> {
        // A thread that panicked with it ends the mirror.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) struct Watched<'d, D> {
    inner: &'d mut D,
    watch: Watch,
    open: HashMap<Tenant, Open>,
}

/// What was written and is not durable.
#[derive(Default)]
struct Open {
    written: Written,
    oldest_ms: Option<i64>,
}

impl<'d, D: Destination> Watched<'d, D> {
    fn new(inner: &'d mut D, watch: Watch) -> Self {
        Self { inner, watch, open: HashMap::new() }
    }

    /// Time of the oldest record that was written and is not durable.
    pub(crate) fn oldest_ms(&self, tenant: &Tenant) -> Option<i64> {
        self.open.get(tenant)?.oldest_ms
    }

    /// Offsets that a transaction passed which is still open.
    pub(crate) fn held(&self, tenant: &Tenant) -> u64 {
        self.open.get(tenant).map_or(0, |open| open.written.passed)
    }

    fn timed<T>(&mut self, tenant: &Tenant, call: impl FnOnce(&mut D) -> T) -> T {
        self.watch.busy(Some(tenant));
        let answer = call(self.inner);
        self.watch.busy(None);
        answer
    }

    pub(crate) fn load(&mut self, tenant: &Tenant) -> Result<Memory, DestinationError> {
        self.open.remove(tenant);
        self.timed(tenant, |inner| inner.load(tenant))
    }

    /// Applies a batch of records that `tally` tells of.
    pub(crate) fn apply(
        &mut self,
        tenant: &Tenant,
        batch: &Batch<'_>,
        tally: &Tally,
    ) -> Result<Applied, DestinationError> {
        failpoint::reach(failpoint::FETCHED);
        let begun = Instant::now();
        let applied = self.timed(tenant, |inner| inner.apply(tenant, batch))?;
        failpoint::reach(failpoint::COMMITTED);
        let open = self.open.entry(tenant.clone()).or_default();
        open.oldest_ms = older(open.oldest_ms, tally.oldest_ms);
        count(batch, tally, &mut open.written);
        if batch.ends {
            self.watch.applied(tenant, &open.written, begun.elapsed());
            self.open.remove(tenant);
        } else {
            self.watch.held(tenant, begun.elapsed());
        }
        Ok(applied)
    }

    /// What an operator runs after a cycle takes the time that it takes.
    pub(crate) fn after_cycle(&mut self, tenant: &Tenant, cycle: &Cycle) -> Result<(), DestinationError> {
        self.inner.after_cycle(tenant, cycle)
    }

    pub(crate) fn release(&mut self, tenant: &Tenant) {
        self.open.remove(tenant);
        self.timed(tenant, |inner| inner.release(tenant));
    }

    pub(crate) fn check(&mut self, tenant: &Tenant) -> Result<(), DestinationError> {
        self.timed(tenant, |inner| inner.check(tenant))
    }
}

fn count(batch: &Batch<'_>, tally: &Tally, written: &mut Written) {
    written.records += tally.records;
    written.bytes += tally.bytes;
    written.newest_ms = written.newest_ms.max(tally.newest_ms);
    for change in &batch.tables {
        let deletes = change.rows.iter().filter(|row| matches!(row, Row::Delete(_))).count();
        written.deletes += deletes as u64;
        written.upserts += (change.rows.len() - deletes) as u64;
    }
    for moved in &batch.moves {
        let before = moved.from.as_ref().filter(|from| from.topic_id == moved.to.topic_id);
        let passed = moved.to.next_offset - before.map_or(0, |from| from.next_offset);
        written.passed += u64::try_from(passed).unwrap_or(0);
    }
}

#[cfg(test)]
mod tests {
    use mirrorbus_schemas::topic::{Prefix, Table};

    use super::*;
    use crate::destination::{Move, Position, TableChange};
    use crate::table::state::Marks;

    /// Takes everything, or nothing.
    struct Taking(bool);

    impl Destination for Taking {
        fn load(&mut self, _: &Tenant) -> Result<Memory, DestinationError> {
            Ok(Memory::default())
        }

        fn apply(&mut self, _: &Tenant, _: &Batch<'_>) -> Result<Applied, DestinationError> {
            if self.0 { Ok(Applied::default()) } else { Err(DestinationError::Fault("full".into())) }
        }
    }

    /// One row more and one less, from one offset of a topic to another.
    fn batch(from: i64, to: i64, ends: bool) -> Batch<'static> {
        let at = |next_offset| Position { topic_id: "t1".to_owned(), next_offset };
        let from = (from > 0).then(|| at(from));
        let change = TableChange {
            table: Table::new("contact").unwrap(),
            before: None,
            after: None,
            keeps_rows: true,
            rows: vec![Row::Upsert(Vec::new()), Row::Delete(Vec::new())],
            marks: Marks::default(),
        };
        let moves = vec![Move { topic: "crm.Cust1.contact".to_owned(), partition: 0, from, to: at(to) }];
        Batch { ends, tables: vec![change], moves, ..Batch::default() }
    }

    #[test]
    fn what_is_not_durable_is_not_counted_and_what_failed_never() {
        let watch = Watch::new(&Prefix::new("crm").unwrap());
        let tenant = Tenant::new("Cust1").unwrap();
        let mut destination = Taking(true);
        let mut watched = Watched::new(&mut destination, watch.clone());
        let counted =
            || watch.progress().remove(&tenant).map(|seen| (seen.upserts, seen.deletes, seen.passed));
        let is_held = |held: u8| {
            let line = format!("mirror_transactions_held{{application=\"crm\"}} {held}\n");
            watch.metrics().unwrap().contains(&line)
        };
        watched.apply(&tenant, &batch(0, 7, false), &Tally::default()).unwrap();
        assert_eq!((counted(), watched.held(&tenant)), (Some((0, 0, 0)), 7));
        assert!(is_held(1));
        watched.apply(&tenant, &batch(7, 9, true), &Tally::default()).unwrap();
        assert_eq!((counted(), watched.held(&tenant)), (Some((2, 2, 9)), 0));
        assert!(is_held(0));

        watched.apply(&tenant, &batch(9, 12, false), &Tally::default()).unwrap();
        watched.inner.0 = false;
        assert!(watched.apply(&tenant, &batch(12, 13, true), &Tally::default()).is_err());
        watched.load(&tenant).unwrap();
        watched.inner.0 = true;
        watched.apply(&tenant, &batch(9, 10, true), &Tally::default()).unwrap();
        assert_eq!(counted(), Some((3, 3, 10)), "what was given up is counted when it comes again");
    }
}
