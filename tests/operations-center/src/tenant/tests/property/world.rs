//! A tenant, what it should be, and its mirror, through everything that happens to them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use mirrorbus_schemas::checksum::TableChecksum;
use tempfile::TempDir;

use super::Met;
use super::mirror::{Mirror, Position};
use super::model::{Formers, Model, ModelTable, value};
use super::operation::{Operation, RowOperation, What};
use crate::clock::Clock as _;
use crate::fixture::HandClock;
use crate::sql::{Column, Value};
use crate::tenant::{DEFAULT_RETENTION_MS, Tenant, TenantError};

pub(super) struct World {
    folder: TempDir,
    pub(super) tenant: Tenant,
    pub(super) clock: Arc<HandClock>,
    pub(super) model: Model,
    formers: Formers,
    pub(super) mirror: Mirror,
    backup: Option<(PathBuf, Model, usize)>,
    mirror_backup: Option<Mirror>,
    /// Where each course of the source's history left which other; a restore begins the next.
    courses: Vec<(usize, i64)>,
    pub(super) course: usize,
    pub(super) met: Met,
}

impl World {
    /// Two tables with one row each.
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(HandClock::at_seconds(1_767_225_600));
        let tenant = Tenant::create(&folder.path().join("Cust1.db")).unwrap().with_clock(clock.clone());
        let mut world = Self {
            folder,
            tenant,
            clock,
            model: Model::new(),
            formers: Formers::new(),
            mirror: Mirror::default(),
            backup: None,
            mirror_backup: None,
            courses: vec![(0, 0)],
            course: 0,
            met: Met::new(),
        };
        for table in ["a", "b"] {
            world.live(&Operation::AddTable(table));
            world.live(&Operation::Load { table, first: 0 });
        }
        world
    }

    pub(super) fn meet(&mut self, what: &'static str) {
        *self.met.entry(what).or_default() += 1;
    }

    pub(super) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    pub(super) fn live(&mut self, operation: &Operation) {
        match operation {
            Operation::Work(rows) => self.work(rows),
            Operation::Cycle { meanwhile, cut } => self.cycle(meanwhile, *cut),
            Operation::Pass { hours } => self.clock.set_seconds(self.clock.now_seconds() + hours * 3600),
            Operation::Backup => self.back_up(),
            Operation::Restore { overtakes } => self.restore(*overtakes),
            Operation::BackUpMirror => self.mirror_backup = Some(self.mirror.clone()),
            Operation::RestoreMirror => self.restore_mirror(),
            Operation::LoseMirror => self.mirror = Mirror::default(),
            Operation::LoseTable(table) => {
                if self.mirror.tables.remove(*table).is_some() {
                    self.meet("a table that the mirror lost");
                }
            }
            Operation::CleanUp => {
                self.tenant.clean_up(self.now_ms()).unwrap();
                self.model.clean_up(self.now_ms() - DEFAULT_RETENTION_MS);
            }
            Operation::Expire => self.expire(),
            definition => self.define(definition),
        }
        assert_eq!(self.tenant.version().unwrap(), self.model.version, "after {operation:?}");
    }

    /// A table that the source has now, and what of it stands in the model.
    fn with_table(&mut self, name: &str, work: impl FnOnce(&mut Self)) {
        if self.model.tables.contains_key(name) {
            work(self);
        }
    }

    fn define(&mut self, operation: &Operation) {
        match *operation {
            Operation::AddTable(name) => self.add_table(name),
            Operation::DropTable(name) => self.with_table(name, |world| {
                world.tenant.drop_table(name).unwrap();
                world.model.tables.remove(name);
            }),
            Operation::AddColumn { table, name, sql_type, is_filled } => {
                self.with_table(table, |world| world.add_column(table, name, sql_type, is_filled));
            }
            Operation::DropColumn { table, name } => {
                self.with_table(table, |world| world.drop_column(table, name));
            }
            Operation::Retype { table, name, sql_type } => {
                self.with_table(table, |world| world.retype(table, name, sql_type));
            }
            Operation::RetypeKey { table, sql_type } => {
                self.with_table(table, |world| world.retype(table, "id", sql_type));
            }
            Operation::Enable(table) => self.with_table(table, |world| world.enable(table)),
            Operation::Disable(table) => self.with_table(table, |world| {
                let was_on = world.model.table(table).tracking.take().is_some();
                assert_eq!(world.tenant.disable_tracking(table).unwrap(), was_on);
            }),
            Operation::Load { table, first } => self.with_table(table, |world| world.load(table, first)),
            ref other => unreachable!("{other:?} is no definition"),
        }
    }

    fn add_table(&mut self, name: &str) {
        let columns = ["id int", "v int null"].map(|text| text.parse().unwrap());
        let table = ModelTable::new(columns.to_vec());
        let added = self.tenant.add_table(&table.table(name));
        assert_eq!(added.is_ok(), !self.model.tables.contains_key(name));
        self.model.tables.entry(name.to_owned()).or_insert(table);
    }

    fn add_column(&mut self, table: &str, name: &str, sql_type: &str, is_filled: bool) {
        if self.place(table, name).is_some() {
            return;
        }
        let null = if is_filled { "" } else { " null" };
        let column: Column = format!("{name} {sql_type}{null}").parse().unwrap();
        let fill = if is_filled { value(column.sql_type, 7) } else { Value::Null };
        self.tenant.add_column(table, column.clone(), &fill).unwrap();
        let now_ms = self.now_ms();
        let mine = self.model.table(table);
        mine.columns.push(column.clone());
        mine.rows.values_mut().for_each(|row| row.push(fill.clone()));
        let changed: BTreeSet<u8> = mine.rows.keys().copied().collect();
        if self.formers.contains(&former(table, &column)) {
            self.restart(table);
        } else if is_filled && !changed.is_empty() {
            self.model.commit(&BTreeMap::from([(table.to_owned(), changed)]), now_ms);
        }
    }

    fn drop_column(&mut self, table: &str, name: &str) {
        let Some(place) = self.place(table, name) else { return };
        self.tenant.drop_column(table, name).unwrap();
        let mine = self.model.table(table);
        mine.rows.values_mut().for_each(|row| drop(row.remove(place)));
        let column = mine.columns.remove(place);
        self.formers.insert(former(table, &column));
    }

    fn retype(&mut self, table: &str, name: &str, sql_type: &str) {
        let Some(place) = self.place(table, name) else { return };
        let sql_type = sql_type.parse().unwrap();
        let old = self.model.tables[table].columns[place].clone();
        self.tenant.retype_column(table, name, sql_type).unwrap();
        if old.sql_type == sql_type {
            return;
        }
        self.model.table(table).retype(place, sql_type);
        if place == 0 {
            self.model.table(table).tracking = None;
        } else if self.formers.contains(&former(table, &self.model.tables[table].columns[place])) {
            self.restart(table);
        }
        self.formers.insert(former(table, &old));
    }

    fn place(&self, table: &str, name: &str) -> Option<usize> {
        self.model.tables[table].columns.iter().position(|column| column.name == name)
    }

    pub(super) fn enable(&mut self, table: &str) {
        let newly = self.model.tables[table].tracking.is_none();
        assert_eq!(self.tenant.enable_tracking(table).unwrap(), newly);
        if newly {
            self.model.track(table, self.now_ms());
        }
    }

    fn restart(&mut self, table: &str) {
        if self.model.tables[table].tracking.is_some() {
            self.model.track(table, self.now_ms());
        }
    }

    /// Three rows, where there are none of their numbers.
    fn load(&mut self, table: &str, first: u8) {
        let mine = self.model.table(table);
        let numbers: Vec<u8> = (first..first + 3).filter(|row| !mine.rows.contains_key(row)).collect();
        for number in &numbers {
            let row = mine.row(*number, first.wrapping_mul(*number));
            mine.rows.insert(*number, row);
        }
        let rows: Vec<_> = numbers.iter().map(|number| mine.rows[number].clone()).collect();
        self.tenant.load(table, rows).unwrap();
        self.restart(table);
    }

    fn expire(&mut self) {
        self.tenant.expire_tracking().unwrap();
        let now_ms = self.now_ms();
        let tracked = self.model.tables.iter().filter(|(_, table)| table.tracking.is_some());
        let tracked: Vec<String> = tracked.map(|(name, _)| name.clone()).collect();
        let version = self.model.version;
        for name in &tracked {
            self.model.version = version;
            self.model.track(name, now_ms);
        }
    }

    pub(super) fn work(&mut self, rows: &[RowOperation]) {
        let now_ms = self.now_ms();
        work(&self.tenant, &mut self.model, now_ms, rows).unwrap();
    }

    fn back_up(&mut self) {
        let path = self.folder.path().join("backup.db");
        let _ = std::fs::remove_file(&path);
        self.tenant.backup(&path).unwrap();
        self.backup = Some((path, self.model.clone(), self.course));
    }

    fn restore(&mut self, overtakes: bool) {
        let Some((path, model, course)) = self.backup.clone() else { return };
        self.tenant.restore(&path).unwrap();
        self.courses.push((course, model.version));
        self.course = self.courses.len() - 1;
        self.model = model;
        for (name, table) in &mut self.model.tables {
            if table.columns.iter().any(|column| self.formers.contains(&former(name, column))) {
                table.tracking = None;
            }
        }
        let positions = self.mirror.tables.values().filter_map(|table| table.position);
        let tracked = self.model.tables.values().any(|table| table.tracking.is_some());
        if let Some(lsn) = positions.map(|position| position.lsn).max().filter(|_| overtakes && tracked) {
            self.overtake(lsn);
        }
    }

    fn overtake(&mut self, lsn: i64) {
        let (now_ms, mut seed) = (self.now_ms(), 0u8);
        let model = &mut self.model;
        let work = |tenant: &Tenant| {
            seed = seed.wrapping_add(1);
            let replace = |table| RowOperation { table, row: 0, what: What::Replace(seed) };
            work(tenant, model, now_ms, &["a", "b", "c"].map(replace))
        };
        assert!(self.tenant.overtake(lsn, work).unwrap() > lsn);
    }

    fn restore_mirror(&mut self) {
        if let Some(backup) = &self.mirror_backup {
            self.mirror = backup.clone();
            self.meet("a mirror from its own backup");
        }
    }

    /// Whether a position lies on the course that the source's history took.
    pub(super) fn is_on_course(&self, position: Position) -> bool {
        let (mut course, mut until) = (self.course, i64::MAX);
        while course != position.course && course != 0 {
            let (parent, left_at) = self.courses[course];
            (course, until) = (parent, until.min(left_at));
        }
        course == position.course && position.lsn <= until
    }

    pub(super) fn checksum(&self, table: &str) -> TableChecksum {
        let mine = &self.model.tables[table];
        let mut checksum = TableChecksum::default();
        for row in mine.rows.values() {
            let names = mine.columns.iter().map(|column| column.name.as_str());
            checksum.add(names.zip(row.iter().map(Value::canonical)));
        }
        checksum
    }
}

fn former(table: &str, column: &Column) -> (String, String, String) {
    (table.to_owned(), column.name.clone(), column.sql_type.to_string())
}

/// One transaction, in the tenant and in the model.
fn work(tenant: &Tenant, model: &mut Model, now_ms: i64, rows: &[RowOperation]) -> Result<(), TenantError> {
    let mut changed: BTreeMap<String, BTreeSet<u8>> = BTreeMap::new();
    tenant.transaction(|edit| {
        for RowOperation { table, row, what } in rows {
            let Some(mine) = model.tables.get_mut(*table) else { continue };
            let key = mine.key(*row);
            let was_there = mine.rows.contains_key(row);
            let (removes, seed) = match *what {
                What::Delete => (true, None),
                What::Replace(seed) => (true, Some(seed)),
                What::Put(seed) => (false, Some(seed)),
            };
            if removes {
                assert_eq!(edit.delete(table, &key)?, mine.rows.remove(row).is_some());
            }
            if let Some(seed) = seed {
                let values = mine.row(*row, seed);
                if mine.rows.insert(*row, values.clone()).is_none() {
                    edit.insert_row(table, &values)?;
                } else if mine.columns.len() > 1 {
                    let names = mine.columns.iter().map(|column| column.name.as_str());
                    let cells: Vec<_> = names.zip(values).skip(1).collect();
                    assert!(edit.update(table, &key, &cells)?);
                } else {
                    continue;
                }
            }
            if was_there || seed.is_some() {
                changed.entry((*table).to_owned()).or_default().insert(*row);
            }
        }
        Ok(())
    })?;
    model.commit(&changed, now_ms);
    Ok(())
}
