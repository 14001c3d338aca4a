//! A file as it was at one moment.

use std::path::Path;

use mirrorbus_mirror::{Column, DestinationError, Memory, Snapshot, Value};
use mirrorbus_schemas::topic::Table;
use rusqlite::Connection;

use crate::client::open_to_read;
use crate::encoding::decode;
use crate::error::SqliteError;
use crate::{memory, schema};

/// A connection with one read transaction, which ends when it is closed.
pub(crate) struct FileSnapshot {
    connection: Connection,
    memory: Memory,
}

impl FileSnapshot {
    pub(crate) fn open(path: &Path) -> Result<Self, SqliteError> {
        let connection = open_to_read(path)?;
        connection.execute_batch("BEGIN").map_err(SqliteError::sql(format!("read {}", path.display())))?;
        let memory = memory::read(&connection)?;
        Ok(Self { connection, memory })
    }

    /// The columns of a table; `None` where there is no such table.
    pub(crate) fn columns(&self, table: &Table) -> Option<&[Column]> {
        self.memory.tables.get(table)?.columns.as_deref()
    }

    /// Whether SQLite finds the table whole, with all its indexes.
    fn check(&self, table: &Table) -> Result<(), SqliteError> {
        let sql = format!("PRAGMA integrity_check({})", schema::quote(table.as_str()));
        let found: String = self
            .connection
            .query_row(&sql, [], |row| row.get(0))
            .map_err(SqliteError::sql(format!("check table {table}")))?;
        if found == "ok" { Ok(()) } else { Err(SqliteError::Corrupt { table: table.to_string() }) }
    }

    pub(crate) fn visit(
        &self,
        table: &Table,
        visit: &mut dyn FnMut(&[Option<Value<'_>>]),
    ) -> Result<(), SqliteError> {
        let missing = || SqliteError::NoTable { table: table.to_string() };
        let columns = self.columns(table).ok_or_else(missing)?;
        let failed = || SqliteError::sql(format!("read table {table}"));
        let mut select =
            self.connection.prepare(&schema::select(table.as_str(), columns)).map_err(failed())?;
        let mut rows = select.query([]).map_err(failed())?;
        let mut buffer = Vec::new();
        while let Some(row) = rows.next().map_err(failed())? {
            let cells = columns.iter().enumerate().map(|(index, column)| {
                let cell = row.get_ref(index)?;
                Ok(decode(column.kind, cell, &mut buffer))
            });
            visit(&cells.collect::<rusqlite::Result<Vec<_>>>().map_err(failed())?);
        }
        Ok(())
    }
}

impl Snapshot for FileSnapshot {
    fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Checks first that the file is sound: rows that an index does not lead to would be missed by users.
    fn rows(
        &mut self,
        table: &Table,
        visit: &mut dyn FnMut(&[Option<Value<'_>>]),
    ) -> Result<(), DestinationError> {
        if self.columns(table).is_some() {
            self.check(table)?;
        }
        Ok(self.visit(table, visit)?)
    }
}
