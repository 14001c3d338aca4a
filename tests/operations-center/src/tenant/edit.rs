//! Changing rows, with change tracking.

use std::collections::HashMap;
use std::rc::Rc;

use rusqlite::{Connection, params, params_from_iter};

use super::catalogue::{self, Table, quoted};
use super::error::TenantError;
use crate::sql::{Column, Value};

/// Changes in one transaction, which together become one version.
#[derive(Debug)]
pub struct Edit<'t> {
    db: &'t Connection,
    version: Option<i64>,
    tables: HashMap<String, Rc<Table>>,
}

impl<'t> Edit<'t> {
    pub(super) fn new(db: &'t Connection) -> Self {
        Self { db, version: None, tables: HashMap::new() }
    }

    /// Inserts a row. Columns that are left out become NULL, or their type's zero where NULL may not stand.
    ///
    /// # Errors
    /// [`TenantError`] naming table and column that do not fit; a key that exists is SQLite's to refuse.
    pub fn insert(&mut self, table: &str, cells: &[(&str, Value)]) -> Result<(), TenantError> {
        let table = self.table(table)?;
        let absent = |column: &Column| if column.nullable { Value::Null } else { column.sql_type.zero() };
        let mut values: Vec<Value> = table.columns.iter().map(absent).collect();
        for (name, value) in cells {
            let place = table.position(name)?;
            if let Some(cell) = values.get_mut(place) {
                *cell = value.clone();
            }
        }
        self.insert_row(&table.name, &values)
    }

    /// Inserts a row with a value for every column.
    ///
    /// # Errors
    /// [`TenantError`] naming table and column that do not fit; a key that exists is SQLite's to refuse.
    pub fn insert_row(&mut self, table: &str, values: &[Value]) -> Result<(), TenantError> {
        let table = self.table(table)?;
        put(self.db, &table, values)?;
        let version = self.version()?;
        self.db
            .prepare_cached(r#"INSERT OR REPLACE INTO "sys.changes" VALUES (?1, ?2, ?3, ?3, 0)"#)
            .and_then(|mut statement| statement.execute(params![table.name, values.first(), version]))
            .map(|_| ())
            .map_err(TenantError::while_doing("tracking an insert"))
    }

    /// Changes cells of the row with `key`; `false` where there is no such row, and nothing is tracked then.
    ///
    /// # Errors
    /// [`TenantError`] naming table and column that do not fit. The key itself cannot be changed.
    pub fn update(&mut self, table: &str, key: &Value, cells: &[(&str, Value)]) -> Result<bool, TenantError> {
        let table = self.table(table)?;
        let key_column = table.key()?;
        let mut assignments = Vec::new();
        for (name, value) in cells {
            let column = table.columns.get(table.position(name)?).unwrap_or(key_column);
            if column == key_column {
                let rule = "delete the row and insert another";
                let (table, column) = (table.name.clone(), column.name.clone());
                return Err(TenantError::Key { table, column, rule });
            }
            check(&table, column, value)?;
            assignments.push(format!("{} = ?", quoted(name)));
        }
        let sql = format!(
            "UPDATE {} SET {} WHERE {} = ?",
            quoted(&table.name),
            assignments.join(", "),
            quoted(&key_column.name)
        );
        let values = cells.iter().map(|(_, value)| value).chain([key]);
        self.execute("updating a row", &sql, values, || (table.clone(), false, key))
    }

    /// Deletes the row with `key`; `false` where there is none.
    ///
    /// # Errors
    /// [`TenantError`] when there is no such table or the database fails.
    pub fn delete(&mut self, table: &str, key: &Value) -> Result<bool, TenantError> {
        let table = self.table(table)?;
        let sql = format!("DELETE FROM {} WHERE {} = ?", quoted(&table.name), quoted(&table.key()?.name));
        self.execute("deleting a row", &sql, [key], || (table.clone(), true, key))
    }

    /// The key of the row at `place`, counted from 0 in the order of keys.
    pub(crate) fn key_at(&mut self, table: &str, place: u64) -> Result<Option<Value>, TenantError> {
        let table = self.table(table)?;
        let key = table.key()?;
        let (name, quoted_key) = (quoted(&table.name), quoted(&key.name));
        let sql = format!("SELECT {quoted_key} FROM {name} ORDER BY {quoted_key} LIMIT 1 OFFSET ?");
        self.key_from(&table, key, &sql, i64::try_from(place).unwrap_or(i64::MAX))
    }

    /// The greatest key.
    pub(crate) fn last_key(&mut self, table: &str) -> Result<Option<Value>, TenantError> {
        let table = self.table(table)?;
        let key = table.key()?;
        let (name, quoted_key) = (quoted(&table.name), quoted(&key.name));
        let sql = format!("SELECT {quoted_key} FROM {name} ORDER BY {quoted_key} DESC LIMIT ?");
        self.key_from(&table, key, &sql, 1)
    }

    /// Whether there is a row with `key`.
    pub(crate) fn has(&mut self, table: &str, key: &Value) -> Result<bool, TenantError> {
        let table = self.table(table)?;
        let sql =
            format!("SELECT count(*) FROM {} WHERE {} = ?", quoted(&table.name), quoted(&table.key()?.name));
        self.db
            .query_row(&sql, [key], |row| row.get::<_, i64>(0))
            .map(|count| count > 0)
            .map_err(TenantError::while_doing("looking for a key"))
    }

    /// How many rows a table has.
    pub(crate) fn count(&mut self, table: &str) -> Result<u64, TenantError> {
        let sql = format!("SELECT count(*) FROM {}", quoted(&self.table(table)?.name));
        self.db
            .query_row(&sql, [], |row| row.get::<_, i64>(0))
            .map(|count| u64::try_from(count).unwrap_or_default())
            .map_err(TenantError::while_doing("counting rows"))
    }

    fn key_from(
        &self,
        table: &Table,
        key: &Column,
        sql: &str,
        number: i64,
    ) -> Result<Option<Value>, TenantError> {
        let failed = || TenantError::while_doing("looking for a key");
        let mut statement = self.db.prepare_cached(sql).map_err(failed())?;
        let mut rows = statement.query([number]).map_err(failed())?;
        let Some(row) = rows.next().map_err(failed())? else { return Ok(None) };
        Value::from_sql(key.sql_type, row.get_ref(0).map_err(failed())?)
            .map(Some)
            .ok_or_else(|| TenantError::Damaged { table: table.name.clone(), what: "a key" })
    }

    /// Executes one statement on one row and tracks it where a row was met.
    fn execute<'v>(
        &mut self,
        doing: &'static str,
        sql: &str,
        values: impl IntoIterator<Item = &'v Value>,
        tracked: impl FnOnce() -> (Rc<Table>, bool, &'v Value),
    ) -> Result<bool, TenantError> {
        let rows = self
            .db
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(params_from_iter(values)))
            .map_err(TenantError::while_doing(doing))?;
        if rows > 0 {
            let (table, deleted, key) = tracked();
            self.track(&table.name, deleted, key)?;
        }
        Ok(rows > 0)
    }

    /// Notes an update or a delete. The version in which the row came to be stays: that is how an insert followed
    /// by updates remains an insert for a mirror that has not seen it.
    fn track(&mut self, table: &str, deleted: bool, key: &Value) -> Result<(), TenantError> {
        let version = self.version()?;
        self.db
            .prepare_cached(
                r#"INSERT INTO "sys.changes" VALUES (?1, ?2, ?3, NULL, ?4)
                   ON CONFLICT (table_name, key) DO UPDATE SET version = ?3, deleted = ?4"#,
            )
            .and_then(|mut statement| statement.execute(params![table, key, version, deleted]))
            .map(|_| ())
            .map_err(TenantError::while_doing("tracking a change"))
    }

    fn table(&mut self, name: &str) -> Result<Rc<Table>, TenantError> {
        if let Some(table) = self.tables.get(name) {
            return Ok(Rc::clone(table));
        }
        let table = Rc::new(catalogue::table(self.db, name)?);
        self.tables.insert(name.to_owned(), Rc::clone(&table));
        Ok(table)
    }

    /// The version of this transaction, counted at its first change.
    fn version(&mut self) -> Result<i64, TenantError> {
        match self.version {
            Some(version) => Ok(version),
            None => Ok(*self.version.insert(catalogue::next_version(self.db)?)),
        }
    }
}

/// Puts a whole row without tracking it.
pub(super) fn put(db: &Connection, table: &Table, values: &[Value]) -> Result<(), TenantError> {
    if values.len() != table.columns.len() {
        return Err(TenantError::RowLength {
            table: table.name.clone(),
            values: values.len(),
            columns: table.columns.len(),
        });
    }
    for (column, value) in table.columns.iter().zip(values) {
        check(table, column, value)?;
    }
    let places = vec!["?"; values.len()].join(", ");
    let sql = format!("INSERT INTO {} ({}) VALUES ({places})", quoted(&table.name), table.column_list(""));
    db.prepare_cached(&sql)
        .and_then(|mut statement| statement.execute(params_from_iter(values)))
        .map(|_| ())
        .map_err(TenantError::while_doing("inserting a row"))
}

pub(super) fn check(table: &Table, column: &Column, value: &Value) -> Result<(), TenantError> {
    let may_stand = column.nullable || *value != Value::Null;
    if may_stand && column.sql_type.holds(value) {
        return Ok(());
    }
    let sql_type = format!("{}{}", column.sql_type, if column.nullable { "" } else { " not null" });
    Err(TenantError::Value { table: table.name.clone(), column: column.name.clone(), sql_type })
}
