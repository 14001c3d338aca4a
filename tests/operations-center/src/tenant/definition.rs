//! Changing tables and columns. Change tracking does not see that; what it must forget then is said at each.

use rusqlite::{Connection, params};

use super::catalogue::{self, Table, quoted};
use super::edit::{self, Edit};
use super::error::TenantError;
use super::{Tenant, commit};
use crate::sql::text;
use crate::sql::{Column, SqlType, Value};

impl Tenant {
    /// Adds an empty table. Its tracking begins above every LSN given out before, so that a mirror that still
    /// remembers a dropped table of that name starts anew.
    ///
    /// # Errors
    /// [`TenantError`] when the table exists or its first column may be NULL.
    pub fn add_table(&self, table: &Table) -> Result<(), TenantError> {
        if table.columns.first().is_none_or(|key| key.nullable) {
            return Err(TenantError::NoKey { table: table.name.clone() });
        }
        let transaction = self.begin()?;
        add_table(&transaction, table)?;
        commit(transaction)
    }

    /// Drops a table with its rows.
    ///
    /// # Errors
    /// [`TenantError`] when there is no such table.
    pub fn drop_table(&self, name: &str) -> Result<(), TenantError> {
        let table = self.table(name)?;
        let failed = || TenantError::while_doing("dropping a table");
        let transaction = self.begin()?;
        transaction.execute_batch(&format!("DROP TABLE {}", quoted(&table.name))).map_err(failed())?;
        for sql in [
            r#"DELETE FROM "sys.columns" WHERE table_name = ?"#,
            r#"DELETE FROM "sys.changes" WHERE table_name = ?"#,
            r#"DELETE FROM "sys.tables" WHERE name = ?"#,
        ] {
            transaction.execute(sql, [&table.name]).map_err(failed())?;
        }
        commit(transaction)
    }

    /// Puts rows that change tracking has not seen, as those that are older than it: a mirror gets them only with
    /// everything else, after a Wipe. Far faster than inserting. Returns how many.
    ///
    /// # Errors
    /// [`TenantError`] naming table and column that do not fit.
    pub fn load(&self, table: &str, rows: impl IntoIterator<Item = Vec<Value>>) -> Result<u64, TenantError> {
        let table = self.table(table)?;
        let transaction = self.begin()?;
        let mut count = 0;
        for row in rows {
            edit::put(&transaction, &table, &row)?;
            count += 1;
        }
        catalogue::begin_tracking(&transaction, &table.name)?;
        commit(transaction)?;
        Ok(count)
    }

    /// Adds a column behind the others. Rows that exist get `fill`; where that is not NULL they are updated, and
    /// so tracked, as an upgrade of the vendor's fills a new column.
    ///
    /// # Errors
    /// [`TenantError`] when the column exists or `fill` does not fit it.
    pub fn add_column(&self, table: &str, column: Column, fill: &Value) -> Result<(), TenantError> {
        let mut table = self.table(table)?;
        edit::check(&table, &column, fill)?;
        let name = column.name.clone();
        let transaction = self.begin()?;
        transaction
            .execute_batch(&format!("ALTER TABLE {} ADD COLUMN {}", quoted(&table.name), quoted(&name)))
            .map_err(TenantError::while_doing("adding a column"))?;
        table.columns.push(column);
        catalogue::put_columns(&transaction, &table)?;
        if *fill != Value::Null {
            let keys = keys(&transaction, &table)?;
            let mut edit = Edit::new(&transaction);
            for key in &keys {
                edit.update(&table.name, key, &[(&name, fill.clone())])?;
            }
        }
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
        table.columns.remove(place);
        catalogue::put_columns(&transaction, &table)?;
        commit(transaction)
    }

    /// Changes a column's type and converts its values: each is written out and read as the new type. Rows do not
    /// count as changed, but a new type of the key switches tracking off and on.
    ///
    /// # Errors
    /// [`TenantError::Value`] when a value cannot be converted, as SQL Server refuses too.
    pub fn retype_column(&self, table: &str, column: &str, sql_type: SqlType) -> Result<(), TenantError> {
        let old = self.table(table)?;
        let place = old.position(column)?;
        let mut new = old.clone();
        if let Some(column) = new.columns.get_mut(place) {
            column.sql_type = sql_type;
        }
        let transaction = self.begin()?;
        convert(&transaction, &old, &new, place)?;
        catalogue::put_columns(&transaction, &new)?;
        if place == 0 {
            catalogue::begin_tracking(&transaction, &new.name)?;
        }
        commit(transaction)
    }

    /// Forgets the changes of all tables, as SQL Server does after 7 days: a mirror whose LSN is older than now
    /// must start anew.
    ///
    /// # Errors
    /// [`TenantError`] when the database fails.
    pub fn expire_tracking(&self) -> Result<(), TenantError> {
        let transaction = self.begin()?;
        for table in catalogue::tables(&transaction)? {
            catalogue::begin_tracking(&transaction, &table.name)?;
        }
        commit(transaction)
    }
}

fn add_table(db: &Connection, table: &Table) -> Result<(), TenantError> {
    let failed = || TenantError::while_doing("adding a table");
    let known = db
        .query_row(r#"SELECT count(*) FROM "sys.tables" WHERE name = ?"#, [&table.name], |row| {
            row.get::<_, i64>(0)
        })
        .map_err(failed())?;
    if known > 0 {
        return Err(TenantError::TableExists { table: table.name.clone() });
    }
    let key = quoted(&table.key()?.name);
    let definitions = table.column_list("").replacen(&key, &format!("{key} NOT NULL PRIMARY KEY"), 1);
    let sql = format!("CREATE TABLE {} ({definitions}) WITHOUT ROWID", quoted(&table.name));
    db.execute_batch(&sql).map_err(failed())?;
    db.execute(r#"INSERT INTO "sys.tables" VALUES (?, 0)"#, params![table.name]).map_err(failed())?;
    catalogue::put_columns(db, table)?;
    catalogue::begin_tracking(db, &table.name)
}

fn keys(db: &Connection, table: &Table) -> Result<Vec<Value>, TenantError> {
    column_values(db, table, 0).map(|pairs| pairs.into_iter().map(|(key, _)| key).collect())
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

fn convert(db: &Connection, old: &Table, new: &Table, place: usize) -> Result<(), TenantError> {
    let (Some(from), Some(to)) = (old.columns.get(place), new.columns.get(place)) else { return Ok(()) };
    let sql = format!(
        "UPDATE {} SET {} = ? WHERE {} = ?",
        quoted(&new.name),
        quoted(&to.name),
        quoted(&new.key()?.name)
    );
    let mut statement = db.prepare(&sql).map_err(TenantError::while_doing("converting a column"))?;
    for (key, value) in column_values(db, old, place)? {
        let converted = text::convert(from.sql_type, &value, to.sql_type).unwrap_or(Value::Null);
        if value != Value::Null {
            let fits =
                if converted == Value::Null { Column { nullable: false, ..to.clone() } } else { to.clone() };
            edit::check(new, &fits, &converted)?;
        }
        statement
            .execute(params![converted, key])
            .map_err(TenantError::while_doing("converting a column"))?;
    }
    Ok(())
}
