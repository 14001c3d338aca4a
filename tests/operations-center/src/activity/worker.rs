//! Somebody who changes rows in one transaction.

use std::collections::BTreeMap;

use super::tables::{Linked, Tables};
use super::work::Work;
use crate::crm::generator::Generator;
use crate::crm::reference;
use crate::sql::{SqlType, Value};
use crate::tenant::{Edit, Table, Tenant, TenantError};

/// An update changes at most so many columns.
const MOST_COLUMNS: u64 = 3;

/// A transaction with what is needed to make plausible changes in it.
pub(super) struct Worker<'w, 't> {
    pub(super) edit: &'w mut Edit<'t>,
    pub(super) tables: &'w Tables,
    pub(super) generator: Generator,
    /// What `registered` and `updated` say, in milliseconds since 1970; anything where it is not known.
    now_ms: Option<i64>,
    pub(super) work: Work,
}

impl Worker<'_, '_> {
    /// Does `job` in one transaction and returns what it changed.
    pub(super) fn at_work(
        tenant: &Tenant,
        tables: &Tables,
        now_ms: Option<i64>,
        seed: u64,
        job: impl FnOnce(&mut Worker<'_, '_>) -> Result<(), TenantError>,
    ) -> Result<Work, TenantError> {
        tenant.transaction(|edit| {
            let generator = Generator::new(seed, tenant.name());
            let mut worker = Worker { edit, tables, generator, now_ms, work: Work::default() };
            job(&mut worker)?;
            Ok(worker.work)
        })
    }

    /// Inserts a row. Whole keys go on from the greatest, so that the key of a deleted row may come again; others are
    /// random. A key that is taken, or past its type's range, is no insert.
    pub(super) fn insert(&mut self, linked: &Linked) -> Result<bool, TenantError> {
        let Linked { table, links } = linked;
        let key = table.key()?;
        let value = match (key.sql_type.whole_range(), self.edit.last_key(&table.name)?) {
            (Some(_), Some(Value::Whole(last))) => Value::Whole(last.saturating_add(1)),
            (Some(_), _) => Value::Whole(1),
            (None, _) => self.generator.value(key.sql_type),
        };
        if !key.sql_type.holds(&value) || self.edit.has(&table.name, &value)? {
            return Ok(false);
        }
        let (edit, tables) = (&mut *self.edit, self.tables);
        let pick = |target: &str, generator: &mut Generator| tables.some_key(edit, target, generator);
        let mut row = reference::row(table, links, value, &mut self.generator, pick)?;
        for (cell, column) in row.iter_mut().zip(&table.columns).skip(1) {
            if let Some(now) = self.stamp(&column.name, column.sql_type, &["registered", "updated"]) {
                *cell = now;
            }
        }
        self.edit.insert_row(&table.name, &row)?;
        self.work.note(&table.name, |changed| changed.inserts += 1);
        Ok(true)
    }

    /// Changes up to three cells of some row, if there is one.
    pub(super) fn update(&mut self, linked: &Linked) -> Result<bool, TenantError> {
        let Linked { table, links } = linked;
        let others = u64::try_from(table.columns.len().saturating_sub(1)).unwrap_or(0);
        if others == 0 {
            return Ok(false);
        }
        let Some(key) = some_key(self.edit, table, &mut self.generator)? else { return Ok(false) };
        let mut cells: BTreeMap<&str, Value> = BTreeMap::new();
        for _ in 0..=self.generator.below(others.min(MOST_COLUMNS)) {
            let place = usize::try_from(1 + self.generator.below(others)).unwrap_or(1);
            if let Some(column) = table.columns.get(place) {
                let (edit, tables) = (&mut *self.edit, self.tables);
                let pick = |target: &str, generator: &mut Generator| tables.some_key(edit, target, generator);
                let cell = reference::cell(column, place, links, &mut self.generator, pick)?;
                cells.insert(&column.name, cell);
            }
        }
        for column in &table.columns {
            if let Some(now) = self.stamp(&column.name, column.sql_type, &["updated"]) {
                cells.insert(&column.name, now);
            }
        }
        let cells: Vec<(&str, Value)> = cells.into_iter().collect();
        self.update_row(&table.name, &key, &cells)
    }

    /// Sets cells of one row.
    pub(super) fn update_row(
        &mut self,
        table: &str,
        key: &Value,
        cells: &[(&str, Value)],
    ) -> Result<bool, TenantError> {
        let is_done = self.edit.update(table, key, cells)?;
        if is_done {
            self.work.note(table, |changed| changed.updates += 1);
        }
        Ok(is_done)
    }

    /// Deletes some row, if there is one.
    pub(super) fn delete(&mut self, linked: &Linked) -> Result<bool, TenantError> {
        match some_key(self.edit, &linked.table, &mut self.generator)? {
            Some(key) => self.delete_row(&linked.table.name, &key),
            None => Ok(false),
        }
    }

    /// Deletes one row.
    pub(super) fn delete_row(&mut self, table: &str, key: &Value) -> Result<bool, TenantError> {
        let is_done = self.edit.delete(table, key)?;
        if is_done {
            self.work.note(table, |changed| changed.deletes += 1);
        }
        Ok(is_done)
    }

    /// The present moment, if the column is one of `names` and keeps moments.
    fn stamp(&self, column: &str, sql_type: SqlType, names: &[&str]) -> Option<Value> {
        let is_stamped = sql_type == SqlType::DateTime && names.contains(&column);
        let stamp = self.now_ms.filter(|_| is_stamped).map(|now_ms| Value::Whole(in_ticks(now_ms)));
        stamp.filter(|stamp| sql_type.holds(stamp))
    }
}

/// SQL Server's datetime has steps of 1/300 s: its milliseconds end in 0, 3 or 7.
fn in_ticks(ms: i64) -> i64 {
    let digit = ms.rem_euclid(10);
    ms - digit
        + match digit {
            0..=1 => 0,
            2..=4 => 3,
            5..=8 => 7,
            _ => 10,
        }
}

/// The key of some row: the first at or behind a random place, so that no rows need be counted.
pub(super) fn some_key(
    edit: &mut Edit<'_>,
    table: &Table,
    generator: &mut Generator,
) -> Result<Option<Value>, TenantError> {
    let Some(last) = edit.last_key(&table.name)? else { return Ok(None) };
    let place = match last {
        Value::Whole(last) if last > 0 => {
            Value::Whole(i64::try_from(generator.below(last.unsigned_abs())).unwrap_or(0) + 1)
        }
        _ => generator.value(table.key()?.sql_type),
    };
    Ok(Some(edit.key_from(&table.name, &place)?.unwrap_or(last)))
}
