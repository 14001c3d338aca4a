//! Rows into a table.
//!
//! A row that comes is an insert or an update, and the counts must tell which. SQLite's upsert does not say; asking
//! first costs a second statement. Rows of a batch are mostly of one sort, so what the last row was is tried first,
//! and the other statement is needed only where that changes.

use mirrorbus_mirror::{Applied, Column, Row, Value};
use rusqlite::types::ToSqlOutput;
use rusqlite::{CachedStatement, Connection, Error};

use crate::encoding::encode;
use crate::error::SqliteError;
use crate::schema;

/// Applies rows to a table of these columns.
pub(crate) fn apply(
    connection: &Connection,
    table: &str,
    columns: &[Column],
    rows: &[Row<'_>],
) -> Result<Applied, SqliteError> {
    if rows.is_empty() {
        return Ok(Applied::default());
    }
    write(connection, table, columns, rows).map_err(SqliteError::sql(format!("write rows of table {table}")))
}

fn write(
    connection: &Connection,
    table: &str,
    columns: &[Column],
    rows: &[Row<'_>],
) -> Result<Applied, Error> {
    let mut writer = Writer {
        insert: connection.prepare_cached(&schema::insert(table, columns))?,
        update: schema::update(table, columns).map(|sql| connection.prepare_cached(&sql)).transpose()?,
        delete: connection.prepare_cached(&schema::delete(table, columns))?,
        columns: columns.iter().collect(),
        keys: columns.iter().filter(|column| column.is_key).collect(),
        last_was_update: false,
        buffer: Vec::new(),
    };
    let mut applied = Applied::default();
    for row in rows {
        match row {
            Row::Upsert(values) if writer.upsert(values)? => applied.inserts += 1,
            Row::Upsert(_) => applied.updates += 1,
            Row::Delete(values) => applied.deletes += u64::from(writer.delete(values)?),
        }
    }
    Ok(applied)
}

struct Writer<'c> {
    insert: CachedStatement<'c>,
    /// `None` where a row is nothing but its key.
    update: Option<CachedStatement<'c>>,
    delete: CachedStatement<'c>,
    columns: Vec<&'c Column>,
    keys: Vec<&'c Column>,
    last_was_update: bool,
    buffer: Vec<u8>,
}

impl Writer<'_> {
    /// Says whether the row was not there before.
    fn upsert(&mut self, values: &[Value<'_>]) -> Result<bool, Error> {
        let is_insert = if self.last_was_update {
            !self.update(values)? && self.insert(values)?
        } else {
            self.insert(values)? || !self.update(values)?
        };
        self.last_was_update = !is_insert && self.update.is_some();
        Ok(is_insert)
    }

    /// Says whether there was no such row.
    fn insert(&mut self, values: &[Value<'_>]) -> Result<bool, Error> {
        run(&mut self.insert, &self.columns, values, &mut self.buffer)
    }

    /// Says whether there was such a row.
    fn update(&mut self, values: &[Value<'_>]) -> Result<bool, Error> {
        match &mut self.update {
            Some(update) => run(update, &self.columns, values, &mut self.buffer),
            // Asked only after `insert` found the row.
            None => Ok(true),
        }
    }

    fn delete(&mut self, values: &[Value<'_>]) -> Result<bool, Error> {
        run(&mut self.delete, &self.keys, values, &mut self.buffer)
    }
}

/// Runs a statement that changes one row or none. Says which.
fn run(
    statement: &mut CachedStatement<'_>,
    columns: &[&Column],
    values: &[Value<'_>],
    buffer: &mut Vec<u8>,
) -> Result<bool, Error> {
    // A parameter that is not bound would keep the value of the row before.
    if values.len() != columns.len() {
        return Err(Error::InvalidParameterCount(values.len(), columns.len()));
    }
    for ((column, value), place) in columns.iter().zip(values).zip(1..) {
        let cell = ToSqlOutput::Borrowed(encode(column.kind, *value, buffer));
        statement.raw_bind_parameter::<usize, _>(place, cell)?;
    }
    Ok(statement.raw_execute()? > 0)
}
