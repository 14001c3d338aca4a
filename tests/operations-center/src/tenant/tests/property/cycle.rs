//! A cycle of the protocol in its plainest form, and what must hold in it.

use std::collections::BTreeMap;

use super::mirror::Position;
use super::operation::{Cut, RowOperation};
use super::world::World;
use crate::sql::Value;
use crate::tenant::{Change, RowRef, Snapshot, Table, TenantError};

/// The cycle's next call is its last.
struct Over;

/// Calls that a cycle still may make.
struct Calls {
    cut: Option<Cut>,
    made: u8,
}

impl Calls {
    /// Makes a call, which `work` does at the receiver.
    fn make(&mut self, world: &mut World, work: impl FnOnce(&mut World)) -> Result<(), Over> {
        let cut = self.cut.filter(|cut| cut.calls == self.made);
        self.made = self.made.saturating_add(1);
        if cut.is_none_or(|cut| cut.is_done) {
            work(world);
        }
        match cut {
            None => Ok(()),
            Some(cut) => {
                world.meet(if cut.is_done { "a call whose answer was lost" } else { "a cycle that was cut" });
                Err(Over)
            }
        }
    }
}

impl World {
    /// Brings the mirror up to date, unless it is cut.
    pub(super) fn cycle(&mut self, meanwhile: &[RowOperation], cut: Option<Cut>) {
        self.check_source();
        if self.run(meanwhile, &mut Calls { cut, made: 0 }).is_ok() {
            self.meet("a completed cycle");
        }
    }

    fn run(&mut self, meanwhile: &[RowOperation], calls: &mut Calls) -> Result<(), Over> {
        let announced = self.tenant.tables().unwrap();
        calls.make(self, |world| world.mirror.table_schema(&announced))?;
        let lsns: Vec<i64> = announced.iter().map(|table| self.mirror.lsn(&table.name)).collect();
        for (place, (table, lsn)) in announced.iter().zip(lsns).enumerate() {
            self.send(table, lsn, calls)?;
            if place == 0 {
                self.work(meanwhile);
            }
        }
        Ok(())
    }

    /// Sends one table and compares what the mirror has of it then.
    fn send(&mut self, table: &Table, lsn: i64, calls: &mut Calls) -> Result<(), Over> {
        let newly = self.model.tables[&table.name].tracking.is_none();
        self.enable(&table.name);
        let snapshot = self.tenant.snapshot().unwrap();
        let knows = snapshot.knows_changes_since(&table.name, lsn).unwrap();
        let rows = if knows && !newly {
            self.look_for_a_hidden_restore(&table.name);
            changes(&snapshot, table, lsn)
        } else {
            self.meet_reason(newly, lsn, snapshot.version());
            calls.make(self, |world| world.mirror.wipe(&table.name))?;
            all(&snapshot, table)
        };
        let batches: Vec<_> = rows.chunks(2).collect();
        for (place, batch) in batches.iter().enumerate() {
            let is_last = place + 1 == batches.len();
            let read_at = Position { lsn: snapshot.version(), course: self.course };
            calls.make(self, |world| world.mirror.row_data(table, batch, read_at, is_last))?;
        }
        if batches.len() > 1 {
            self.meet("more than one batch");
        }
        self.compare(&snapshot, &table.name);
        Ok(())
    }

    /// The source takes the mirror for one that is behind. It is wrong where the mirror has what a restore took back.
    pub(super) fn look_for_a_hidden_restore(&mut self, table: &str) {
        self.meet("changes alone");
        let mirror = &self.mirror.tables[table];
        let ways = [
            (mirror.position, "an overtaken restore"),
            (mirror.uncovered, "a restore after a table was sent in part"),
        ];
        for (position, what) in ways {
            if position.is_some_and(|position| !self.is_on_course(position)) {
                self.meet(what);
                self.mirror.tables.get_mut(table).unwrap().is_astray = true;
            }
        }
    }

    fn meet_reason(&mut self, newly: bool, lsn: i64, version: i64) {
        match lsn {
            _ if newly => self.meet("tracking that was off"),
            -1 => self.meet("a mirror without a position"),
            lsn if lsn > version => self.meet("a position above the source's"),
            _ => self.meet("a position that is too old"),
        }
    }

    fn compare(&mut self, snapshot: &Snapshot, table: &str) {
        let (source, mirror) = (snapshot.checksum(table).unwrap(), self.mirror.tables[table].checksum());
        if self.mirror.tables[table].is_astray {
            if source != mirror {
                self.meet("a mirror that is not its source");
            }
            return;
        }
        assert_eq!(source, mirror, "table {table} at version {}", snapshot.version());
    }

    /// The tenant is what the model says, and so is what it tells about its changes from any position.
    fn check_source(&self) {
        let snapshot = self.tenant.snapshot().unwrap();
        let tables = snapshot.tables().unwrap();
        let names = tables.iter().map(|table| &table.name);
        assert!(names.eq(self.model.tables.keys()));
        for table in &tables {
            let name = &table.name;
            assert_eq!(*table, self.model.tables[name].table(name));
            assert_eq!(snapshot.checksum(name).unwrap(), self.checksum(name), "table {name}");
            for lsn in -1..=snapshot.version() + 1 {
                let knows = self.model.knows(name, lsn);
                assert_eq!(
                    snapshot.knows_changes_since(name, lsn).unwrap(),
                    knows,
                    "table {name} from {lsn}"
                );
                if knows {
                    self.check_changes(&snapshot, table, lsn);
                }
            }
        }
    }

    fn check_changes(&self, snapshot: &Snapshot, table: &Table, since: i64) {
        let told = changes(snapshot, table, since);
        let expected = self.model.changes(&table.name, since);
        let keys: BTreeMap<String, Change> =
            told.iter().map(|(change, row)| (format!("{:?}", row[0]), *change)).collect();
        assert_eq!(keys.len(), told.len(), "a row is told twice");
        assert_eq!(snapshot.has_changes(&table.name, since).unwrap(), !told.is_empty());
        let changed = expected.iter().map(|(key, (_, change))| (key, change));
        assert!(changed.eq(&keys), "table {} from {since}: {keys:?} and not {expected:?}", table.name);
        let versions: Vec<i64> = told.iter().map(|(_, row)| expected[&format!("{:?}", row[0])].0).collect();
        assert!(versions.is_sorted(), "{versions:?}");
    }
}

fn changes(snapshot: &Snapshot, table: &Table, since: i64) -> Vec<(Change, Vec<Value>)> {
    let mut rows = Vec::new();
    let add = |change, row: RowRef<'_>| {
        rows.push((change, row.to_values()?));
        Ok::<_, TenantError>(())
    };
    snapshot.for_each_change(table, since, add).unwrap();
    rows
}

fn all(snapshot: &Snapshot, table: &Table) -> Vec<(Change, Vec<Value>)> {
    let mut rows = Vec::new();
    let add = |row: RowRef<'_>| {
        rows.push((Change::Insert, row.to_values()?));
        Ok::<_, TenantError>(())
    };
    snapshot.for_each_row(table, add).unwrap();
    rows
}
