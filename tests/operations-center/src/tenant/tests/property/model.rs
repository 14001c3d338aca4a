//! What a tenant should be, written as naively as it can be: every state since tracking began is kept whole.

use std::collections::{BTreeMap, BTreeSet};

use crate::sql::{Column, SqlType, Value};
use crate::tenant::{Change, Table};

/// The source. A copy of it is a backup.
#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) tables: BTreeMap<String, ModelTable>,
    pub(super) version: i64,
    /// When each version was committed.
    committed_ms: BTreeMap<i64, i64>,
}

/// Rows by a small number, from which their key is made.
#[derive(Clone, Debug)]
pub(super) struct ModelTable {
    pub(super) columns: Vec<Column>,
    pub(super) rows: BTreeMap<u8, Vec<Value>>,
    pub(super) tracking: Option<Tracking>,
}

#[derive(Clone, Debug)]
pub(super) struct Tracking {
    min_valid: i64,
    /// The table as it was when tracking began, and after each version that changed it.
    states: Vec<State>,
}

#[derive(Clone, Debug)]
struct State {
    version: i64,
    changed: BTreeSet<u8>,
    present: BTreeSet<u8>,
}

/// Names and types that columns of tables have had. Unlike a model it is not taken back by a restore.
pub(super) type Formers = BTreeSet<(String, String, String)>;

impl Model {
    pub(super) fn new() -> Self {
        Self { tables: BTreeMap::new(), version: 1, committed_ms: BTreeMap::new() }
    }

    pub(super) fn table(&mut self, name: &str) -> &mut ModelTable {
        self.tables.get_mut(name).unwrap()
    }

    /// The tables that are not tracked, in the order of their names.
    pub(super) fn untracked(&self) -> Vec<String> {
        let untracked = self.tables.iter().filter(|(_, table)| table.tracking.is_none());
        untracked.map(|(name, _)| name.clone()).collect()
    }

    pub(super) fn next_version(&mut self, now_ms: i64) -> i64 {
        self.version += 1;
        self.committed_ms.insert(self.version, now_ms);
        self.version
    }

    /// Ends a transaction that has changed these rows.
    pub(super) fn commit(&mut self, changed: &BTreeMap<String, BTreeSet<u8>>, now_ms: i64) {
        let is_tracked = |name: &String| self.tables[name].tracking.is_some();
        let tracked: Vec<String> = changed.keys().filter(|name| is_tracked(name)).cloned().collect();
        if tracked.is_empty() {
            return;
        }
        let version = self.next_version(now_ms);
        for name in tracked {
            let table = self.table(&name);
            let (changed, present) = (changed[&name].clone(), table.present());
            table.tracking.as_mut().unwrap().states.push(State { version, changed, present });
        }
    }

    /// Begins tracking, or begins it anew.
    pub(super) fn track(&mut self, name: &str, now_ms: i64) {
        let version = self.next_version(now_ms);
        let table = self.table(name);
        let begin = State { version, changed: BTreeSet::new(), present: table.present() };
        table.tracking = Some(Tracking { min_valid: version, states: vec![begin] });
    }

    pub(super) fn clean_up(&mut self, before_ms: i64) {
        let expired =
            self.committed_ms.iter().filter(|(_, ms)| **ms < before_ms).map(|(version, _)| *version);
        let Some(expired) = expired.max() else { return };
        for tracking in self.tables.values_mut().filter_map(|table| table.tracking.as_mut()) {
            tracking.min_valid = tracking.min_valid.max(expired);
        }
        self.committed_ms.retain(|version, _| *version > expired);
    }

    pub(super) fn knows(&self, name: &str, lsn: i64) -> bool {
        let tracking = self.tables[name].tracking.as_ref();
        tracking.is_some_and(|tracking| (tracking.min_valid..=self.version).contains(&lsn))
    }

    /// What a mirror at `since` must be told: the last change's version with what happened, for each row's key.
    pub(super) fn changes(&self, name: &str, since: i64) -> BTreeMap<String, (i64, Change)> {
        let table = &self.tables[name];
        let states = &table.tracking.as_ref().unwrap().states;
        let then = &states.iter().rfind(|state| state.version <= since).unwrap().present;
        let mut changes = BTreeMap::new();
        for state in states.iter().filter(|state| state.version > since) {
            for number in &state.changed {
                let change = match (table.rows.contains_key(number), then.contains(number)) {
                    (false, _) => Change::Delete,
                    (true, false) => Change::Insert,
                    (true, true) => Change::Update,
                };
                changes.insert(format!("{:?}", table.key(*number)), (state.version, change));
            }
        }
        changes
    }
}

impl ModelTable {
    pub(super) fn new(columns: Vec<Column>) -> Self {
        Self { columns, rows: BTreeMap::new(), tracking: None }
    }

    pub(super) fn table(&self, name: &str) -> Table {
        Table { name: name.to_owned(), columns: self.columns.clone() }
    }

    pub(super) fn key(&self, number: u8) -> Value {
        value(self.columns[0].sql_type, number)
    }

    /// A row whose cells behind the key are made from `seed`; every fifth is NULL.
    pub(super) fn row(&self, number: u8, seed: u8) -> Vec<Value> {
        let is_null = |column: &Column| column.nullable && seed.is_multiple_of(5);
        let cell = |column: &Column| if is_null(column) { Value::Null } else { odd(column.sql_type, seed) };
        let others = self.columns.iter().skip(1).map(cell);
        std::iter::once(self.key(number)).chain(others).collect()
    }

    fn present(&self) -> BTreeSet<u8> {
        self.rows.keys().copied().collect()
    }

    pub(super) fn retype(&mut self, place: usize, to: SqlType) {
        self.columns[place].sql_type = to;
        for row in self.rows.values_mut() {
            row[place] = converted(&row[place], to);
        }
    }
}

/// A value that every type of the test can hold without loss.
pub(super) fn value(kind: SqlType, number: u8) -> Value {
    match kind {
        SqlType::Int => i32::from(number).into(),
        SqlType::Float => f64::from(number).into(),
        _ => number.to_string().as_str().into(),
    }
}

/// One that loses its half as an int.
fn odd(kind: SqlType, number: u8) -> Value {
    match kind {
        SqlType::Int => i32::from(number).into(),
        SqlType::Float => (f64::from(number) + 0.5).into(),
        _ => format!("{number}.5").as_str().into(),
    }
}

fn converted(value: &Value, to: SqlType) -> Value {
    let text = match value {
        Value::Null => return Value::Null,
        Value::Whole(number) => number.to_string(),
        Value::Double(number) => number.to_string(),
        Value::Text(text) => text.clone(),
        other => panic!("{other:?} is not made here"),
    };
    match to {
        SqlType::Int => text.split('.').next().unwrap().parse::<i64>().unwrap().into(),
        SqlType::Float => text.parse::<f64>().unwrap().into(),
        _ => text.as_str().into(),
    }
}
