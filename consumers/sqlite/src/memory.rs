//! What a file remembers beside the rows: positions, tables, the tenant.

use std::collections::BTreeMap;

use mirrorbus_mirror::{Applied, Batch, Column, Cycle, Memory, Move, Position, TableChange, TableMemory};
use mirrorbus_schemas::topic::Table;
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::SqliteError;
use crate::schema;
use crate::shape::is_verdict;

/// Reads everything. Does not count rows.
pub(crate) fn read(connection: &Connection) -> Result<Memory, SqliteError> {
    let failed = || SqliteError::sql("read the mirror's memory");
    let mut memory = Memory { tables: tables(connection)?, ..Memory::default() };
    let mut offsets = connection
        .prepare("SELECT topic, partition, topic_id, next_offset FROM _mirrorbus_offsets")
        .map_err(failed())?;
    let positions = offsets
        .query_map([], |row| {
            let position = Position { topic_id: row.get(2)?, next_offset: row.get(3)? };
            Ok(((row.get(0)?, row.get(1)?), position))
        })
        .map_err(failed())?;
    memory.positions = positions.collect::<Result<_, _>>().map_err(failed())?;
    // A file of format 1 knows nothing of this and is not changed for being read.
    if connection.table_exists(Some("main"), "_mirrorbus_tenant").map_err(failed())? {
        let sql = "SELECT caught_up_ms, cycle, cycle_completed_ms FROM _mirrorbus_tenant";
        (memory.caught_up_ms, memory.cycle) = connection
            .query_row(sql, [], |row| {
                let (id, completed_ms): (Option<String>, Option<i64>) = (row.get(1)?, row.get(2)?);
                let cycle = id.zip(completed_ms).map(|(id, completed_ms)| Cycle { id, completed_ms });
                Ok((row.get(0)?, cycle))
            })
            .map_err(failed())?;
    }
    Ok(memory)
}

fn tables(connection: &Connection) -> Result<BTreeMap<Table, TableMemory>, SqliteError> {
    let failed = || SqliteError::sql("read the mirror's memory");
    let mut select =
        connection.prepare("SELECT name, columns, marks FROM _mirrorbus_tables").map_err(failed())?;
    let mut rows = select.query([]).map_err(failed())?;
    let mut tables = BTreeMap::new();
    while let Some(row) = rows.next().map_err(failed())? {
        let (name, columns, marks): (String, Option<String>, String) = row.try_into().map_err(failed())?;
        let unreadable = |source| SqliteError::Memory { table: name.clone(), source };
        let columns =
            columns.map(|columns| serde_json::from_str(&columns)).transpose().map_err(unreadable)?;
        let marks = serde_json::from_str(&marks).map_err(unreadable)?;
        tables.insert(Table::new(name)?, TableMemory { columns, marks });
    }
    Ok(tables)
}

/// Whether a table is not as the mirror left it: another number of rows, or columns that are not there.
pub(crate) fn is_damaged(
    connection: &Connection,
    table: &Table,
    columns: &[Column],
) -> Result<bool, SqliteError> {
    let failed = || SqliteError::sql(format!("count the rows of table {table}"));
    if !connection.table_exists(Some("main"), table.as_str()).map_err(failed())? {
        return Ok(true);
    }
    match connection.prepare(&schema::select(table.as_str(), columns)) {
        Err(error) if is_verdict(&error) => return Ok(true),
        prepared => drop(prepared.map_err(failed())?),
    }
    let counted: i64 =
        connection.query_row(&schema::count(table.as_str()), [], |row| row.get(0)).map_err(failed())?;
    Ok(counted != rows(connection, table)?)
}

/// How many rows a table has, by what was applied.
pub(crate) fn rows(connection: &Connection, table: &Table) -> Result<i64, SqliteError> {
    let rows = connection
        .prepare_cached("SELECT inserts - deletes FROM _mirrorbus_tables WHERE name = ?")
        .and_then(|mut select| select.query_row([table.as_str()], |row| row.get(0)).optional());
    Ok(rows.map_err(SqliteError::sql(format!("read the mirror's memory of table {table}")))?.unwrap_or(0))
}

/// A present table whose name SQLite takes for this one's.
pub(crate) fn namesake(connection: &Connection, table: &Table) -> Result<Option<String>, SqliteError> {
    let sql = "SELECT name FROM _mirrorbus_tables
               WHERE columns IS NOT NULL AND name = ?1 COLLATE NOCASE AND name <> ?1";
    let found = connection.query_row(sql, [table.as_str()], |row| row.get(0)).optional();
    found.map_err(SqliteError::sql(format!("look for tables named like {table}")))
}

/// Moves a position if it is where the batch begins. Says whether it was.
pub(crate) fn advance(connection: &Connection, moved: &Move) -> Result<bool, SqliteError> {
    let Move { topic, partition, from, to } = moved;
    let changed = match from {
        None => connection
            .prepare_cached("INSERT INTO _mirrorbus_offsets VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING")
            .and_then(|mut insert| insert.execute(params![topic, partition, to.topic_id, to.next_offset])),
        Some(from) => connection
            .prepare_cached(
                "UPDATE _mirrorbus_offsets SET topic_id = ?, next_offset = ?
                 WHERE topic = ? AND partition = ? AND topic_id = ? AND next_offset = ?",
            )
            .and_then(|mut update| {
                let (new, old) = ((&to.topic_id, to.next_offset), (&from.topic_id, from.next_offset));
                update.execute(params![new.0, new.1, topic, partition, old.0, old.1])
            }),
    };
    Ok(changed.map_err(SqliteError::sql("move a position"))? == 1)
}

/// Keeps what a change makes of a table.
pub(crate) fn remember(
    connection: &Connection,
    change: &TableChange<'_>,
    applied: &Applied,
) -> Result<(), SqliteError> {
    let table = change.table.as_str();
    let unwritable = |source| SqliteError::Memory { table: table.to_owned(), source };
    let failed = || SqliteError::sql(format!("remember table {table}"));
    let marks = serde_json::to_string(&change.marks).map_err(unwritable)?;
    let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    connection
        .prepare_cached(
            "INSERT INTO _mirrorbus_tables (name, marks, inserts, updates, deletes) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (name) DO UPDATE SET marks = ?2, inserts = inserts + ?3, updates = updates + ?4,
             deletes = deletes + ?5",
        )
        .and_then(|mut upsert| {
            let Applied { inserts, updates, deletes } = *applied;
            upsert.execute(params![table, marks, count(inserts), count(updates), count(deletes)])
        })
        .map_err(failed())?;
    if change.before != change.after {
        let columns = change.after.as_ref().map(serde_json::to_string).transpose().map_err(unwritable)?;
        connection
            .execute("UPDATE _mirrorbus_tables SET columns = ?2 WHERE name = ?1", params![table, columns])
            .map_err(failed())?;
    }
    Ok(())
}

/// Keeps what a batch says of the tenant.
pub(crate) fn note(connection: &Connection, batch: &Batch<'_>) -> Result<(), SqliteError> {
    if batch.caught_up_ms.is_none() && batch.cycle.is_none() {
        return Ok(());
    }
    let (cycle, completed_ms) = batch.cycle.as_ref().map(|cycle| (&cycle.id, cycle.completed_ms)).unzip();
    connection
        .prepare_cached(
            "UPDATE _mirrorbus_tenant SET caught_up_ms = coalesce(?1, caught_up_ms), cycle = coalesce(?2, cycle),
             cycle_completed_ms = coalesce(?3, cycle_completed_ms)",
        )
        .and_then(|mut update| update.execute(params![batch.caught_up_ms, cycle, completed_ms]))
        .map_err(SqliteError::sql("remember the cycle"))?;
    Ok(())
}
