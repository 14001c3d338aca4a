//! What a mirror's file says of itself, read from the file alone, also while it is written.

use std::fs;
use std::path::{Path, PathBuf};

use mirrorbus_mirror::Column;
use mirrorbus_schemas::checksum::{Canonical, TableChecksum};
use rusqlite::{Connection, OptionalExtension};

use crate::client::{file, open_to_read};
use crate::encoding::canonical;
use crate::error::SqliteError;
use crate::schema;

/// What was applied to a table since the file was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableApplied {
    /// The table.
    pub table: String,
    /// Whether it is in the mirror now; a table that left keeps its counts.
    pub is_present: bool,
    /// Rows that were not there before.
    pub inserts: u64,
    /// Rows that were there and were replaced.
    pub updates: u64,
    /// Rows that were there and went. `inserts - deletes` is the number of rows.
    pub deletes: u64,
}

/// How far a partition is applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The very topic that was read.
    pub topic_id: String,
    /// The next offset to be read.
    pub next_offset: i64,
}

/// The mirror's files in a folder, in the order of their tenants: tenant and file.
///
/// # Errors
/// [`SqliteError::File`] when the folder cannot be read.
pub fn tenants(folder: &Path) -> Result<Vec<(String, PathBuf)>, SqliteError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(file("read folder", folder))? {
        let path = entry.map_err(file("read folder", folder))?.path();
        let is_ours = path.extension().is_some_and(|extension| extension == "sqlite");
        if let Some(tenant) = path.file_stem().and_then(|stem| stem.to_str()).filter(|_| is_ours) {
            found.push((tenant.to_owned(), path.clone()));
        }
    }
    found.sort();
    Ok(found)
}

/// The tables in a mirror's file.
///
/// # Errors
/// [`SqliteError`] when the file cannot be read.
pub fn tables(path: &Path) -> Result<Vec<String>, SqliteError> {
    let applied = applied(path)?;
    Ok(applied.into_iter().filter(|table| table.is_present).map(|table| table.table).collect())
}

/// Counts of what was applied per table, of tables that left too.
///
/// # Errors
/// [`SqliteError`] when the file cannot be read.
pub fn applied(path: &Path) -> Result<Vec<TableApplied>, SqliteError> {
    let connection = open_to_read(path)?;
    let failed = || SqliteError::sql(format!("read {}", path.display()));
    let mut select = connection
        .prepare(
            "SELECT name, columns IS NOT NULL, inserts, updates, deletes FROM _mirrorbus_tables ORDER BY name",
        )
        .map_err(failed())?;
    let tables = select
        .query_map([], |row| {
            let count = |index| row.get(index).map(|count: i64| count.unsigned_abs());
            Ok(TableApplied {
                table: row.get(0)?,
                is_present: row.get(1)?,
                inserts: count(2)?,
                updates: count(3)?,
                deletes: count(4)?,
            })
        })
        .map_err(failed())?;
    tables.collect::<Result<_, _>>().map_err(failed())
}

/// How far every partition is applied.
///
/// # Errors
/// [`SqliteError`] when the file cannot be read.
pub fn progress(path: &Path) -> Result<Vec<Progress>, SqliteError> {
    let connection = open_to_read(path)?;
    let failed = || SqliteError::sql(format!("read {}", path.display()));
    let mut select = connection
        .prepare(
            "SELECT topic, partition, topic_id, next_offset FROM _mirrorbus_offsets ORDER BY topic, partition",
        )
        .map_err(failed())?;
    let partitions = select
        .query_map([], |row| {
            Ok(Progress {
                topic: row.get(0)?,
                partition: row.get(1)?,
                topic_id: row.get(2)?,
                next_offset: row.get(3)?,
            })
        })
        .map_err(failed())?;
    partitions.collect::<Result<_, _>>().map_err(failed())
}

/// Row count and checksum of a table, from its rows as they stand in the file. A cell that the mirror would not have
/// written enters it as something that no row of a source can be.
///
/// # Errors
/// [`SqliteError::NoTable`] when the mirror has no such table, any other when the file cannot be read.
pub fn checksum(path: &Path, table: &str) -> Result<TableChecksum, SqliteError> {
    let mut connection = open_to_read(path)?;
    let failed = || SqliteError::sql(format!("read table {table}"));
    // One snapshot for the columns and the rows.
    let snapshot = connection.transaction().map_err(failed())?;
    let columns = columns(&snapshot, path, table)?;
    let mut select = snapshot.prepare(&schema::select(table, &columns)).map_err(failed())?;
    let mut rows = select.query([]).map_err(failed())?;
    let mut sum = TableChecksum::default();
    while let Some(row) = rows.next().map_err(failed())? {
        let mut cells = Vec::with_capacity(columns.len());
        for (index, column) in columns.iter().enumerate() {
            let cell = row.get_ref(index).map_err(failed())?;
            let value = canonical(column.kind, cell).unwrap_or(Canonical::Text(FOREIGN));
            cells.push((column.name.as_str(), value));
        }
        sum.add(cells);
    }
    Ok(sum)
}

/// Begins with the character that ends a value in the checksum's form, so that no canonical number or text of digits
/// is taken for it.
const FOREIGN: &str = "\u{1e}not as the mirror writes it";

fn columns(connection: &Connection, path: &Path, table: &str) -> Result<Vec<Column>, SqliteError> {
    let columns: Option<Option<String>> = connection
        .query_row("SELECT columns FROM _mirrorbus_tables WHERE name = ?", [table], |row| row.get(0))
        .optional()
        .map_err(SqliteError::sql(format!("read {}", path.display())))?;
    let missing = || SqliteError::NoTable { path: path.to_owned(), table: table.to_owned() };
    let columns = columns.flatten().ok_or_else(missing)?;
    serde_json::from_str(&columns).map_err(|source| SqliteError::Memory { table: table.to_owned(), source })
}
