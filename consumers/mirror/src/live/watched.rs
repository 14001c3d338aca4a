//! The destination, with everything that is said to it counted and timed.

use std::collections::HashMap;
use std::time::Instant;

use mirrorbus_librdkafka::ConsumedRecord;
use mirrorbus_schemas::topic::Tenant;

use crate::admin::{Watch, Written};
use crate::destination::{Applied, Batch, Cycle, Destination, DestinationError, Memory, Row};
use crate::failpoint;

pub(crate) struct Watched<'d, D> {
    inner: &'d mut D,
    watch: Watch,
    open: HashMap<Tenant, Open>,
}

/// What was read, or written, and is not durable.
#[derive(Default)]
struct Open {
    written: Written,
    oldest_ms: Option<i64>,
}

impl Open {
    fn take(&mut self, record: &ConsumedRecord) {
        let size = record.key().map_or(0, <[u8]>::len) + record.payload().map_or(0, <[u8]>::len);
        self.written.records += 1;
        self.written.bytes += size as u64;
        let Some(time) = record.timestamp_ms() else { return };
        self.written.newest_ms = self.written.newest_ms.max(Some(time));
        self.oldest_ms = Some(self.oldest_ms.map_or(time, |oldest| oldest.min(time)));
    }
}

impl<'d, D: Destination> Watched<'d, D> {
    pub(crate) fn new(inner: &'d mut D, watch: Watch) -> Self {
        Self { inner, watch, open: HashMap::new() }
    }

    /// A record was read, and goes into the tenant's next batch.
    pub(crate) fn will_take(&mut self, tenant: &Tenant, record: &ConsumedRecord) {
        match self.open.get_mut(tenant) {
            Some(open) => open.take(record),
            None => self.open.entry(tenant.clone()).or_default().take(record),
        }
    }

    /// Time of the oldest record that was read and is not durable.
    pub(crate) fn oldest_ms(&self, tenant: &Tenant) -> Option<i64> {
        self.open.get(tenant)?.oldest_ms
    }

    /// Offsets that a transaction passed which is still open.
    pub(crate) fn held(&self, tenant: &Tenant) -> u64 {
        self.open.get(tenant).map_or(0, |open| open.written.passed)
    }

    /// What was read of the tenant is forgotten.
    pub(crate) fn forget(&mut self, tenant: &Tenant) {
        self.open.remove(tenant);
    }

    fn timed<T>(&mut self, tenant: &Tenant, call: impl FnOnce(&mut D) -> T) -> T {
        self.watch.busy(Some(tenant));
        let answer = call(self.inner);
        self.watch.busy(None);
        answer
    }
}

impl<D: Destination> Destination for Watched<'_, D> {
    fn load(&mut self, tenant: &Tenant) -> Result<Memory, DestinationError> {
        self.forget(tenant);
        self.timed(tenant, |inner| inner.load(tenant))
    }

    fn apply(&mut self, tenant: &Tenant, batch: &Batch<'_>) -> Result<Applied, DestinationError> {
        failpoint::reach(failpoint::FETCHED);
        let begun = Instant::now();
        let applied = self.timed(tenant, |inner| inner.apply(tenant, batch))?;
        failpoint::reach(failpoint::COMMITTED);
        let written = &mut self.open.entry(tenant.clone()).or_default().written;
        count(batch, written);
        if batch.ends {
            self.watch.applied(tenant, written, begun.elapsed());
            self.open.remove(tenant);
        } else {
            self.watch.held(tenant, begun.elapsed());
        }
        Ok(applied)
    }

    /// What an operator runs after a cycle takes the time that it takes.
    fn after_cycle(&mut self, tenant: &Tenant, cycle: &Cycle) -> Result<(), DestinationError> {
        self.inner.after_cycle(tenant, cycle)
    }

    fn release(&mut self, tenant: &Tenant) {
        self.forget(tenant);
        self.timed(tenant, |inner| inner.release(tenant));
    }

    fn check(&mut self, tenant: &Tenant) -> Result<(), DestinationError> {
        self.timed(tenant, |inner| inner.check(tenant))
    }
}

fn count(batch: &Batch<'_>, written: &mut Written) {
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
        watched.apply(&tenant, &batch(0, 7, false)).unwrap();
        assert_eq!((counted(), watched.held(&tenant)), (Some((0, 0, 0)), 7));
        assert!(is_held(1));
        watched.apply(&tenant, &batch(7, 9, true)).unwrap();
        assert_eq!((counted(), watched.held(&tenant)), (Some((2, 2, 9)), 0));
        assert!(is_held(0));

        watched.apply(&tenant, &batch(9, 12, false)).unwrap();
        watched.inner.0 = false;
        assert!(watched.apply(&tenant, &batch(12, 13, true)).is_err());
        watched.load(&tenant).unwrap();
        watched.inner.0 = true;
        watched.apply(&tenant, &batch(9, 10, true)).unwrap();
        assert_eq!(counted(), Some((3, 3, 10)), "what was given up is counted when it comes again");
    }
}
