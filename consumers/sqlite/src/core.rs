//! Batches to transactions.

use std::collections::HashMap;
use std::path::Path;

use mirrorbus_mirror::{
    Applied, Batch, Column, Destination, DestinationError, Memory, Move, Position, Row, TableChange,
    TableMemory,
};
use mirrorbus_schemas::topic::{Table, Tenant};
use rusqlite::{Connection, Transaction, TransactionBehavior, params, params_from_iter};

use crate::client::Folder;
use crate::encoding::{Cell, cell};
use crate::error::SqliteError;
use crate::schema;

/// A folder with one file per tenant, which this process alone writes to.
#[derive(Debug)]
pub struct Sqlite {
    folder: Folder,
    open: HashMap<Tenant, Connection>,
}

impl Sqlite {
    /// Takes the folder, made where it is missing.
    ///
    /// # Errors
    /// [`SqliteError::FolderInUse`] while another process has it, [`SqliteError::File`] when it cannot be made.
    pub fn open(folder: &Path) -> Result<Self, SqliteError> {
        Ok(Self { folder: Folder::lock(folder)?, open: HashMap::new() })
    }

    fn connection(&mut self, tenant: &Tenant) -> Result<&mut Connection, SqliteError> {
        if !self.open.contains_key(tenant) {
            self.open.insert(tenant.clone(), self.folder.open(tenant)?);
        }
        match self.open.get_mut(tenant) {
            Some(connection) => Ok(connection),
            None => unreachable!("inserted above"),
        }
    }
}

impl Destination for Sqlite {
    fn load(&mut self, tenant: &Tenant) -> Result<Memory, DestinationError> {
        // Whatever failed before may have left the connection in any state.
        self.open.remove(tenant);
        let loaded = self.connection(tenant).and_then(|connection| load(connection));
        loaded.map_err(|error| DestinationError::Fault(Box::new(error)))
    }

    fn apply(&mut self, tenant: &Tenant, batch: &Batch<'_>) -> Result<Applied, DestinationError> {
        let fault = |error: SqliteError| DestinationError::Fault(Box::new(error));
        let connection = self.connection(tenant).map_err(fault)?;
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(|source| fault(SqliteError::Sql { action: "begin".to_owned(), source }))?;
        for moved in &batch.moves {
            if !advance(&transaction, moved).map_err(fault)? {
                return Err(DestinationError::Fenced {
                    topic: moved.topic.clone(),
                    partition: moved.partition,
                });
            }
        }
        let mut total = Applied::default();
        for change in &batch.tables {
            let applied = change_table(&transaction, tenant, change).map_err(fault)?;
            total.inserts += applied.inserts;
            total.updates += applied.updates;
            total.deletes += applied.deletes;
        }
        transaction
            .commit()
            .map_err(|source| fault(SqliteError::Sql { action: "commit".to_owned(), source }))?;
        Ok(total)
    }
}

fn load(connection: &Connection) -> Result<Memory, SqliteError> {
    let failed = || SqliteError::sql("read the mirror's memory");
    let mut memory = Memory::default();
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
    let mut tables =
        connection.prepare("SELECT name, columns, marks FROM _mirrorbus_tables").map_err(failed())?;
    let mut rows = tables.query([]).map_err(failed())?;
    while let Some(row) = rows.next().map_err(failed())? {
        let (name, columns, marks): (String, Option<String>, String) = row.try_into().map_err(failed())?;
        let unreadable = |source| SqliteError::Memory { table: name.clone(), source };
        let columns =
            columns.map(|columns| serde_json::from_str(&columns)).transpose().map_err(unreadable)?;
        let marks = serde_json::from_str(&marks).map_err(unreadable)?;
        memory.tables.insert(Table::new(name)?, TableMemory { columns, marks });
    }
    Ok(memory)
}

/// Moves a position if it is where the batch begins. Says whether it was.
fn advance(transaction: &Transaction<'_>, moved: &Move) -> Result<bool, SqliteError> {
    let Move { topic, partition, from, to } = moved;
    let changed = match from {
        None => transaction
            .prepare_cached("INSERT INTO _mirrorbus_offsets VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING")
            .and_then(|mut insert| insert.execute(params![topic, partition, to.topic_id, to.next_offset])),
        Some(from) => transaction
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

fn change_table(
    transaction: &Transaction<'_>,
    tenant: &Tenant,
    change: &TableChange<'_>,
) -> Result<Applied, SqliteError> {
    let table = change.table.as_str();
    let mut applied = Applied { deletes: clear(transaction, change)?, ..Applied::default() };
    if change.before != change.after {
        shape(transaction, change)?;
        let columns = change.after.as_ref().map_or(0, Vec::len);
        tracing::info!(%tenant, table, columns, what = words(change), "table");
    }
    if let Some(columns) = &change.after {
        apply_rows(transaction, table, columns, &change.rows, &mut applied)?;
    }
    remember(transaction, change, &applied)?;
    Ok(applied)
}

fn words(change: &TableChange<'_>) -> &'static str {
    match (&change.before, &change.after) {
        (None, _) => "created",
        (_, None) => "dropped",
        _ if change.keeps_rows => "columns changed, rows kept",
        _ => "made anew in another shape",
    }
}

/// Empties a table whose rows go. Says how many went.
fn clear(transaction: &Transaction<'_>, change: &TableChange<'_>) -> Result<u64, SqliteError> {
    if change.keeps_rows || change.before.is_none() {
        return Ok(0);
    }
    let table = change.table.as_str();
    let failed = || SqliteError::sql(format!("empty table {table}"));
    // Without a WHERE clause SQLite truncates; the number of rows is known all the same.
    let sql = format!("DELETE FROM {}", schema::quote(table));
    let deleted = transaction.execute(&sql, []).map_err(failed())?;
    Ok(u64::try_from(deleted).unwrap_or(u64::MAX))
}

fn shape(transaction: &Transaction<'_>, change: &TableChange<'_>) -> Result<(), SqliteError> {
    let table = change.table.as_str();
    let statements = match (&change.before, &change.after) {
        (Some(before), Some(after)) if change.keeps_rows => schema::reshape(table, before, after),
        (_, Some(after)) => vec![schema::drop(table), schema::create(table, after)],
        (_, None) => vec![schema::drop(table)],
    };
    for statement in statements {
        transaction.execute_batch(&statement).map_err(SqliteError::sql(format!("change table {table}")))?;
    }
    Ok(())
}

fn apply_rows(
    transaction: &Transaction<'_>,
    table: &str,
    columns: &[Column],
    rows: &[Row<'_>],
    applied: &mut Applied,
) -> Result<(), SqliteError> {
    if rows.is_empty() {
        return Ok(());
    }
    let failed = || SqliteError::sql(format!("write rows of table {table}"));
    let mut insert = transaction.prepare_cached(&schema::insert(table, columns)).map_err(failed())?;
    let mut delete = transaction.prepare_cached(&schema::delete(table, columns)).map_err(failed())?;
    let update = schema::update(table, columns);
    let mut update = update.map(|sql| transaction.prepare_cached(&sql)).transpose().map_err(failed())?;
    let keys: Vec<Column> = columns.iter().filter(|column| column.is_key).cloned().collect();
    for row in rows {
        match row {
            Row::Upsert(values) => {
                let cells: Vec<Cell<'_>> =
                    columns.iter().zip(values).map(|(column, value)| cell(column.kind, *value)).collect();
                if insert.execute(params_from_iter(&cells)).map_err(failed())? == 1 {
                    applied.inserts += 1;
                    continue;
                }
                if let Some(update) = &mut update {
                    update.execute(params_from_iter(&cells)).map_err(failed())?;
                }
                applied.updates += 1;
            }
            Row::Delete(values) => {
                let cells = keys.iter().zip(values).map(|(column, value)| cell(column.kind, *value));
                let deleted = delete.execute(params_from_iter(cells)).map_err(failed())?;
                applied.deletes += u64::try_from(deleted).unwrap_or(u64::MAX);
            }
        }
    }
    Ok(())
}

fn remember(
    transaction: &Transaction<'_>,
    change: &TableChange<'_>,
    applied: &Applied,
) -> Result<(), SqliteError> {
    let table = change.table.as_str();
    let unwritable = |source| SqliteError::Memory { table: table.to_owned(), source };
    let failed = || SqliteError::sql(format!("remember table {table}"));
    let marks = serde_json::to_string(&change.marks).map_err(unwritable)?;
    let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    transaction
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
        transaction
            .execute("UPDATE _mirrorbus_tables SET columns = ?2 WHERE name = ?1", params![table, columns])
            .map_err(failed())?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "core_tests.rs"]
mod tests;
