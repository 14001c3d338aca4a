//! Changing rows, with change tracking.

use std::collections::HashMap;
use std::rc::Rc;

use rusqlite::{Connection, Statement, params_from_iter};

use super::catalogue::{self, Table, quoted};
use super::error::TenantError;
use super::tracking;
use crate::clock::Clock;
use crate::sql::{Column, Value};

/// Changes in one transaction, which together become one version where a tracked table is among theirs.
pub struct Edit<'t> {
    db: &'t Connection,
    clock: &'t dyn Clock,
    version: Option<i64>,
    tables: HashMap<String, Rc<Known>>,
}

/// What does not change about a table during a transaction.
struct Known {
    table: Table,
    id: i64,
    is_tracked: bool,
    insert: String,
}

impl<'t> Edit<'t> {
    pub(super) fn new(db: &'t Connection, clock: &'t dyn Clock) -> Self {
        Self { db, clock, version: None, tables: HashMap::new() }
    }

    /// Inserts a row. Columns that are left out become NULL, or their type's zero where NULL may not stand.
    ///
    /// # Errors
    /// [`TenantError`] naming table and column that do not fit; a key that exists is SQLite's to refuse.
    pub fn insert(&mut self, table: &str, cells: &[(&str, Value)]) -> Result<(), TenantError> {
        let known = self.known(table)?;
        let absent = |column: &Column| if column.nullable { Value::Null } else { column.sql_type.zero() };
        let mut values: Vec<Value> = known.table.columns.iter().map(absent).collect();
        for (name, value) in cells {
            let place = known.table.position(name)?;
            if let Some(cell) = values.get_mut(place) {
                *cell = value.clone();
            }
        }
        self.insert_row(table, &values)
    }

    /// Inserts a row with a value for every column.
    ///
    /// # Errors
    /// [`TenantError`] naming table and column that do not fit; a key that exists is SQLite's to refuse.
    pub fn insert_row(&mut self, table: &str, values: &[Value]) -> Result<(), TenantError> {
        let known = self.known(table)?;
        let mut statement =
            self.db.prepare_cached(&known.insert).map_err(TenantError::while_doing("inserting a row"))?;
        put(&mut statement, &known.table, values)?;
        let key = values.first().unwrap_or(&Value::Null);
        self.track(&known, key, false)
    }

    /// Changes cells of the row with `key`; `false` where there is no such row, and nothing is tracked then.
    ///
    /// # Errors
    /// [`TenantError`] naming table and column that do not fit. The key itself cannot be changed.
    pub fn update(&mut self, table: &str, key: &Value, cells: &[(&str, Value)]) -> Result<bool, TenantError> {
        let known = self.known(table)?;
        let table = &known.table;
        let key_column = table.key()?;
        let mut assignments = Vec::new();
        for (name, value) in cells {
            let column = table.columns.get(table.position(name)?).unwrap_or(key_column);
            if column == key_column {
                let rule = "delete the row and insert another";
                let (table, column) = (table.name.clone(), column.name.clone());
                return Err(TenantError::Key { table, column, rule });
            }
            check(table, column, value)?;
            assignments.push(format!("{} = ?", quoted(name)));
        }
        let sql = format!(
            "UPDATE {} SET {} WHERE {} = ?",
            quoted(&table.name),
            assignments.join(", "),
            quoted(&key_column.name)
        );
        let values = cells.iter().map(|(_, value)| value).chain([key]);
        self.execute("updating a row", &sql, values, &known, key)
    }

    /// Deletes the row with `key`; `false` where there is none.
    ///
    /// # Errors
    /// [`TenantError`] when there is no such table or the database fails.
    pub fn delete(&mut self, table: &str, key: &Value) -> Result<bool, TenantError> {
        let known = self.known(table)?;
        let key_name = &known.table.key()?.name;
        let sql = format!("DELETE FROM {} WHERE {} = ?", quoted(&known.table.name), quoted(key_name));
        self.execute("deleting a row", &sql, [key], &known, key)
    }

    /// Executes one statement on the row with `key` and tracks it where there is one.
    fn execute<'v>(
        &mut self,
        doing: &'static str,
        sql: &str,
        values: impl IntoIterator<Item = &'v Value>,
        table: &Known,
        key: &Value,
    ) -> Result<bool, TenantError> {
        let rows = self
            .db
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(params_from_iter(values)))
            .map_err(TenantError::while_doing(doing))?;
        if rows > 0 {
            self.track(table, key, true)?;
        }
        Ok(rows > 0)
    }

    /// The first key that is not below `key`.
    pub(crate) fn key_from(&mut self, table: &str, key: &Value) -> Result<Option<Value>, TenantError> {
        let key_name = quoted(&self.known(table)?.table.key()?.name);
        let mut keys =
            self.keys(table, &format!("WHERE {key_name} >= ? ORDER BY {key_name} LIMIT 1"), [key])?;
        Ok(keys.pop())
    }

    /// The keys of all rows.
    pub(crate) fn all_keys(&mut self, table: &str) -> Result<Vec<Value>, TenantError> {
        self.keys(table, "", [])
    }

    /// The keys of the rows in which `column` is `value`.
    pub(crate) fn keys_where(
        &mut self,
        table: &str,
        column: &str,
        value: &Value,
    ) -> Result<Vec<Value>, TenantError> {
        self.keys(table, &format!("WHERE {} = ?", quoted(column)), [value])
    }

    /// The greatest key.
    pub(crate) fn last_key(&mut self, table: &str) -> Result<Option<Value>, TenantError> {
        let key_name = quoted(&self.known(table)?.table.key()?.name);
        let mut keys = self.keys(table, &format!("ORDER BY {key_name} DESC LIMIT 1"), [])?;
        Ok(keys.pop())
    }

    /// Whether there is a row with `key`.
    pub(crate) fn has(&mut self, table: &str, key: &Value) -> Result<bool, TenantError> {
        let key_name = quoted(&self.known(table)?.table.key()?.name);
        Ok(!self.keys(table, &format!("WHERE {key_name} = ?"), [key])?.is_empty())
    }

    /// The keys that a query finds.
    fn keys<const N: usize>(
        &mut self,
        table: &str,
        condition: &str,
        values: [&Value; N],
    ) -> Result<Vec<Value>, TenantError> {
        let failed = || TenantError::while_doing("looking for keys");
        let known = self.known(table)?;
        let (table, key) = (&known.table, known.table.key()?);
        let sql = format!("SELECT {} FROM {} {condition}", quoted(&key.name), quoted(&table.name));
        let mut statement = self.db.prepare_cached(&sql).map_err(failed())?;
        let mut rows = statement.query(params_from_iter(values)).map_err(failed())?;
        let mut keys = Vec::new();
        while let Some(row) = rows.next().map_err(failed())? {
            let stored = row.get_ref(0).map_err(failed())?;
            let damaged = || TenantError::Damaged { table: table.name.clone(), what: "a key" };
            keys.push(Value::from_sql(key.sql_type, stored).ok_or_else(damaged)?);
        }
        Ok(keys)
    }

    /// Notes a change of a tracked table's row in the version of this transaction, counted at its first.
    fn track(&mut self, table: &Known, key: &Value, existed: bool) -> Result<(), TenantError> {
        if !table.is_tracked {
            return Ok(());
        }
        let version = match self.version {
            Some(version) => version,
            None => *self.version.insert(tracking::next_version(self.db, self.clock)?),
        };
        tracking::note(self.db, table.id, key, version, existed)
    }

    /// Counts a row as updated that is as it was.
    pub(super) fn touch(&mut self, table: &str, key: &Value) -> Result<(), TenantError> {
        let table = self.known(table)?;
        self.track(&table, key, true)
    }

    fn known(&mut self, name: &str) -> Result<Rc<Known>, TenantError> {
        if let Some(table) = self.tables.get(name) {
            return Ok(Rc::clone(table));
        }
        let table = Rc::new(Known::read(self.db, name)?);
        self.tables.insert(name.to_owned(), Rc::clone(&table));
        Ok(table)
    }
}

impl Known {
    fn read(db: &Connection, name: &str) -> Result<Self, TenantError> {
        let table = catalogue::table(db, name)?;
        let (id, is_tracked) = (catalogue::id(db, name)?, tracking::min_valid_version(db, name)?.is_some());
        let insert = insertion(&table);
        Ok(Self { table, id, is_tracked, insert })
    }
}

/// The statement that inserts a whole row.
pub(super) fn insertion(table: &Table) -> String {
    let places = vec!["?"; table.columns.len()].join(", ");
    format!("INSERT INTO {} ({}) VALUES ({places})", quoted(&table.name), table.column_list(""))
}

/// Puts a whole row, by the statement of [`insertion`], without tracking it.
pub(super) fn put(statement: &mut Statement<'_>, table: &Table, values: &[Value]) -> Result<(), TenantError> {
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
    statement
        .execute(params_from_iter(values))
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
