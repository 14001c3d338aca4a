//! What a mirror's file says of itself, read from the file alone, also while it is written.

use std::fs;
use std::path::{Path, PathBuf};

use mirrorbus_mirror::Value;
use mirrorbus_schemas::checksum::{Canonical, TableChecksum};
use mirrorbus_schemas::topic::{Table, Tenant};

use crate::client::{file, open_to_read};
use crate::error::SqliteError;
use crate::snapshot::FileSnapshot;

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

/// The mirror's files in a folder, in the order of their tenants: tenant and file. Copies that were kept are not among
/// them.
///
/// # Errors
/// [`SqliteError::File`] when the folder cannot be read.
pub fn tenants(folder: &Path) -> Result<Vec<(String, PathBuf)>, SqliteError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(file("read folder", folder))? {
        let path = entry.map_err(file("read folder", folder))?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        if let Some(Ok(tenant)) = name.and_then(|name| name.strip_suffix(".sqlite")).map(Tenant::new) {
            found.push((tenant.to_string(), path));
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
    let table = Table::new(table)?;
    let snapshot = FileSnapshot::open(path)?;
    let columns = snapshot.columns(&table).unwrap_or_default();
    let mut sum = TableChecksum::default();
    snapshot.visit(&table, &mut |row| {
        let canonical = row.iter().map(|value| value.map_or(Canonical::Text(FOREIGN), Value::canonical));
        let names = columns.iter().map(|column| column.name.as_str());
        sum.add(names.zip(canonical));
    })?;
    Ok(sum)
}

/// Begins with the character that ends a value in the checksum's form, so that no canonical number or text of digits
/// is taken for it.
const FOREIGN: &str = "\u{1e}not as the mirror writes it";
