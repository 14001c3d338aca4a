//! Tables that come, go and change, and what users built on them.
//!
//! A table that is made anew loses its indexes and triggers; they are made again from their own words. Views hold no
//! more than words and stay as they are.

use mirrorbus_mirror::TableChange;
use rusqlite::{Connection, Error, ErrorCode};

use crate::error::SqliteError;
use crate::{memory, schema};

/// Brings a table to the columns that a change wants, without rows where they go. Says how many went, by what was
/// applied: somebody may have changed them by hand, or thrown the table away.
pub(crate) fn change(connection: &Connection, change: &TableChange<'_>) -> Result<u64, SqliteError> {
    let table = change.table.as_str();
    match (&change.before, &change.after) {
        (Some(before), Some(after)) if change.keeps_rows => {
            if before != after {
                reshape(connection, table, schema::additions(table, before, after), || {
                    schema::rebuild(table, before, after)
                })?;
            }
            Ok(0)
        }
        (before, after) => {
            if before.is_none()
                && let Some(other) = memory::namesake(connection, &change.table)?
            {
                return Err(SqliteError::SameName { table: table.to_owned(), other });
            }
            let gone = match before {
                Some(_) => u64::try_from(memory::rows(connection, &change.table)?).unwrap_or_default(),
                None => 0,
            };
            let create = after.iter().map(|columns| schema::create(table, columns));
            remake(connection, table, std::iter::once(schema::drop(table)).chain(create))?;
            Ok(gone)
        }
    }
}

fn reshape(
    connection: &Connection,
    table: &str,
    additions: Option<Vec<String>>,
    rebuild: impl FnOnce() -> Vec<String>,
) -> Result<(), SqliteError> {
    match additions {
        Some(statements) => execute(connection, table, statements),
        None => remake(connection, table, rebuild()),
    }
}

/// Runs statements that make a table anew, and makes users' indexes and triggers on it again. One that the new columns
/// do not bear is left out, and named in the log.
pub(crate) fn remake(
    connection: &Connection,
    table: &str,
    statements: impl IntoIterator<Item = String>,
) -> Result<(), SqliteError> {
    let built = built_on(connection, table)?;
    for Built { name, kind, .. } in &built {
        let drop = format!("DROP {kind} {}", schema::quote(name));
        execute(connection, table, [drop])?;
    }
    execute(connection, table, statements)?;
    if !connection.table_exists(Some("main"), table).map_err(SqliteError::sql("look for a table"))? {
        return Ok(());
    }
    for Built { name, kind, sql } in &built {
        match connection.execute_batch(sql) {
            Ok(()) => {}
            Err(error) if is_verdict(&error) => {
                tracing::warn!(table, kind, name, "left out: the table's new columns do not bear it");
            }
            Err(source) => return Err(SqliteError::sql(format!("make {kind} {name} again"))(source)),
        }
    }
    Ok(())
}

fn execute(
    connection: &Connection,
    table: &str,
    statements: impl IntoIterator<Item = String>,
) -> Result<(), SqliteError> {
    for statement in statements {
        connection.execute_batch(&statement).map_err(SqliteError::sql(format!("change table {table}")))?;
    }
    Ok(())
}

/// Whether SQLite refuses the words themselves, or the rows; not for want of room or a file that fails.
pub(crate) fn is_verdict(error: &Error) -> bool {
    let (Error::SqliteFailure(error, _) | Error::SqlInputError { error, .. }) = error else { return false };
    matches!(error.code, ErrorCode::Unknown | ErrorCode::ConstraintViolation)
}

/// An index or a trigger of a user.
struct Built {
    kind: &'static str,
    name: String,
    sql: String,
}

fn built_on(connection: &Connection, table: &str) -> Result<Vec<Built>, SqliteError> {
    let failed = || SqliteError::sql(format!("list the indexes of table {table}"));
    let mut select = connection
        .prepare_cached(
            "SELECT type = 'index', name, sql FROM sqlite_schema
             WHERE tbl_name = ? COLLATE NOCASE AND type IN ('index', 'trigger') AND sql IS NOT NULL ORDER BY name",
        )
        .map_err(failed())?;
    let built = select
        .query_map([table], |row| {
            let kind = if row.get(0)? { "INDEX" } else { "TRIGGER" };
            Ok(Built { kind, name: row.get(1)?, sql: row.get(2)? })
        })
        .map_err(failed())?;
    built.collect::<Result<_, _>>().map_err(failed())
}

#[cfg(test)]
#[path = "shape_tests.rs"]
mod tests;
