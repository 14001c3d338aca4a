//! Changing tables and columns. Change tracking does not see that; what it must forget then is said at each.
//!
//! One thing SQL Server leaves open is closed here. A column that goes or changes its type, and is again what it was
//! before the next cycle, leaves a schema in which no mirror can see that the values are others. The table's tracking
//! begins anew then, so that a mirror can be compared with its source after any change.

use rusqlite::{Connection, params};

use super::catalogue::{self, Table, quoted};
use super::edit::{self, Edit};
use super::error::TenantError;
use super::row::RowRef;
use super::{Tenant, commit, tracking};
use crate::sql::text;
use crate::sql::{Column, SqlType, Value};

/// What a table is called while it is made anew.
const REBUILT: &str = "sys.rebuilt";

impl Tenant {
    /// Adds an empty table, which is not tracked: also one of a name that was dropped begins so.
    ///
    /// # Errors
    /// [`TenantError`] when the table exists or its first column may be NULL.
    pub fn add_table(&self, table: &Table) -> Result<(), TenantError> {
        self.add_tables([table])
    }

    /// Adds several empty tables at once; see [`Tenant::add_table`]. Far faster than one by one.
    ///
    /// # Errors
    /// [`TenantError`] when one of them cannot be added; then none is.
    pub fn add_tables<'t>(&self, tables: impl IntoIterator<Item = &'t Table>) -> Result<(), TenantError> {
        let transaction = self.begin()?;
        for table in tables {
            add_table(&transaction, table)?;
        }
        commit(transaction)
    }

    /// Drops a table with its rows and its tracking.
    ///
    /// # Errors
    /// [`TenantError`] when there is no such table.
    pub fn drop_table(&self, name: &str) -> Result<(), TenantError> {
        let table = self.table(name)?;
        let transaction = self.begin()?;
        transaction
            .execute_batch(&format!("DROP TABLE {}", quoted(&table.name)))
            .map_err(TenantError::while_doing("dropping a table"))?;
        catalogue::remove(&transaction, &table.name)?;
        commit(transaction)
    }

    /// Adds a column behind the others. Rows that exist get `fill`; where that is not NULL they are updated, and
    /// so tracked, as an upgrade of the vendor's fills a new column.
    ///
    /// # Errors
    /// [`TenantError`] when the column exists or `fill` does not fit it.
    pub fn add_column(&self, table: &str, column: Column, fill: &Value) -> Result<(), TenantError> {
        let mut table = self.table(table)?;
        edit::check(&table, &column, fill)?;
        let (name, quoted_name) = (quoted(&table.name), quoted(&column.name));
        let failed = || TenantError::while_doing("adding a column");
        let transaction = self.begin()?;
        transaction
            .execute_batch(&format!("ALTER TABLE {name} ADD COLUMN {quoted_name}"))
            .map_err(failed())?;
        if *fill != Value::Null {
            transaction.execute(&format!("UPDATE {name} SET {quoted_name} = ?"), [fill]).map_err(failed())?;
        }
        if catalogue::has_former(&transaction, &table.name, [&column])? {
            self.restart_tracking(&transaction, &table.name)?;
        } else if *fill != Value::Null {
            self.touch_all(&transaction, &table)?;
        }
        table.columns.push(column);
        catalogue::put_columns(&transaction, &table)?;
        commit(transaction)
    }

    /// Drops a column that is not the key. No row counts as changed.
    ///
    /// # Errors
    /// [`TenantError`] when there is no such column or it is the key.
    pub fn drop_column(&self, table: &str, column: &str) -> Result<(), TenantError> {
        let mut table = self.table(table)?;
        let place = table.position(column)?;
        if place == 0 {
            let (table, column) = (table.name, column.to_owned());
            return Err(TenantError::Key { table, column, rule: "it cannot be dropped" });
        }
        let transaction = self.begin()?;
        let sql = format!("ALTER TABLE {} DROP COLUMN {}", quoted(&table.name), quoted(column));
        transaction.execute_batch(&sql).map_err(TenantError::while_doing("dropping a column"))?;
        catalogue::put_former(&transaction, &table.name, &table.columns.remove(place))?;
        catalogue::put_columns(&transaction, &table)?;
        commit(transaction)
    }

    /// Changes a column's type and converts its values: each is written out and read as the new type. Rows do not
    /// count as changed, but a new type of the key switches tracking off, which SQL Server asks for first.
    ///
    /// # Errors
    /// [`TenantError::Value`] when a value cannot be converted, as SQL Server refuses too.
    pub fn retype_column(&self, table: &str, column: &str, sql_type: SqlType) -> Result<(), TenantError> {
        let old = self.table(table)?;
        let place = old.position(column)?;
        let mut new = old.clone();
        let Some(to) = new.columns.get_mut(place).filter(|to| to.sql_type != sql_type) else { return Ok(()) };
        to.sql_type = sql_type;
        let transaction = self.begin()?;
        if place == 0 {
            rebuild(&transaction, &old, &new)?;
            tracking::end(&transaction, &new.name)?;
        } else {
            convert(&transaction, &old, &new, place)?;
            if catalogue::has_former(&transaction, &new.name, new.columns.get(place))? {
                self.restart_tracking(&transaction, &new.name)?;
            }
        }
        if let Some(from) = old.columns.get(place) {
            catalogue::put_former(&transaction, &old.name, from)?;
        }
        catalogue::put_columns(&transaction, &new)?;
        commit(transaction)
    }

    /// Counts every row as updated, where the table is tracked.
    fn touch_all(&self, db: &Connection, table: &Table) -> Result<(), TenantError> {
        let mut edit = Edit::new(db, self.clock());
        for (key, _) in column_values(db, table, 0)? {
            edit.touch(&table.name, &key)?;
        }
        Ok(())
    }
}

/// Makes a table and notes it in the catalogue.
fn add_table(db: &Connection, table: &Table) -> Result<(), TenantError> {
    if table.columns.first().is_none_or(|key| key.nullable) {
        return Err(TenantError::NoKey { table: table.name.clone() });
    }
    match catalogue::id(db, &table.name) {
        Ok(_) => return Err(TenantError::TableExists { table: table.name.clone() }),
        Err(TenantError::NoTable { .. }) => {}
        Err(error) => return Err(error),
    }
    create(db, table, &table.name)?;
    catalogue::add(db, table)
}

/// Makes the SQLite table. Whole keys are SQLite's own row numbers, which it reads and fills fastest.
fn create(db: &Connection, table: &Table, name: &str) -> Result<(), TenantError> {
    let key = table.key()?;
    let is_whole = matches!(key.sql_type, SqlType::Int | SqlType::SmallInt | SqlType::BigInt);
    let (constraint, kind) =
        if is_whole { ("INTEGER PRIMARY KEY", "") } else { ("NOT NULL PRIMARY KEY", " WITHOUT ROWID") };
    let key = quoted(&key.name);
    let definitions = table.column_list("").replacen(&key, &format!("{key} {constraint}"), 1);
    db.execute_batch(&format!("CREATE TABLE {} ({definitions}){kind}", quoted(name)))
        .map_err(TenantError::while_doing("adding a table"))
}

/// Makes a table anew whose key has another type.
fn rebuild(db: &Connection, old: &Table, new: &Table) -> Result<(), TenantError> {
    create(db, new, REBUILT)?;
    copy_converted(db, old, new)?;
    let name = quoted(&old.name);
    db.execute_batch(&format!("DROP TABLE {name}; ALTER TABLE {} RENAME TO {name}", quoted(REBUILT)))
        .map_err(TenantError::while_doing("converting a key"))
}

/// Puts all rows of a table, their keys converted, into the one that is made anew.
fn copy_converted(db: &Connection, old: &Table, new: &Table) -> Result<(), TenantError> {
    let failed = || TenantError::while_doing("converting a key");
    let select = format!("SELECT {} FROM {}", old.column_list(""), quoted(&old.name));
    let mut read = db.prepare(&select).map_err(failed())?;
    let rebuilt = Table { name: REBUILT.to_owned(), columns: new.columns.clone() };
    let mut write = db.prepare(&edit::insertion(&rebuilt)).map_err(failed())?;
    let mut rows = read.query([]).map_err(failed())?;
    while let Some(row) = rows.next().map_err(failed())? {
        let mut values = RowRef::new(old, row, 0).to_values()?;
        if let Some(key) = values.first_mut() {
            *key = converted(old.key()?, key, new.key()?);
        }
        edit::put(&mut write, new, &values)?;
    }
    Ok(())
}

/// Keys with the values of one column.
fn column_values(db: &Connection, table: &Table, place: usize) -> Result<Vec<(Value, Value)>, TenantError> {
    let failed = || TenantError::while_doing("reading a column");
    let damaged = || TenantError::Damaged { table: table.name.clone(), what: "a value" };
    let key = table.key()?;
    let column = table.columns.get(place).unwrap_or(key);
    let sql = format!("SELECT {}, {} FROM {}", quoted(&key.name), quoted(&column.name), quoted(&table.name));
    let mut statement = db.prepare(&sql).map_err(failed())?;
    let mut rows = statement.query([]).map_err(failed())?;
    let mut values = Vec::new();
    while let Some(row) = rows.next().map_err(failed())? {
        let key = Value::from_sql(key.sql_type, row.get_ref(0).map_err(failed())?).ok_or_else(damaged)?;
        let value = Value::from_sql(column.sql_type, row.get_ref(1).map_err(failed())?);
        values.push((key, value.ok_or_else(damaged)?));
    }
    Ok(values)
}

/// Converts one column that is not the key.
fn convert(db: &Connection, old: &Table, new: &Table, place: usize) -> Result<(), TenantError> {
    let (Some(from), Some(to)) = (old.columns.get(place), new.columns.get(place)) else { return Ok(()) };
    let failed = || TenantError::while_doing("converting a column");
    let (name, key) = (quoted(&new.name), quoted(&new.key()?.name));
    let sql = format!("UPDATE {name} SET {} = ? WHERE {key} = ?", quoted(&to.name));
    let mut statement = db.prepare(&sql).map_err(failed())?;
    for (key, value) in column_values(db, old, place)? {
        let value_now = converted(from, &value, to);
        // A value that became NULL could not be read as the new type.
        let nullable = to.nullable && value == Value::Null;
        edit::check(new, &Column { nullable, ..to.clone() }, &value_now)?;
        statement.execute(params![value_now, key]).map_err(failed())?;
    }
    Ok(())
}

/// The value written out and read as the new type; NULL where that is none.
fn converted(from: &Column, value: &Value, to: &Column) -> Value {
    text::convert(from.sql_type, value, to.sql_type).unwrap_or(Value::Null)
}
