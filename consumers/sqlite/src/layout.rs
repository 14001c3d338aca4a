//! The mirror's own tables in a file, and how files of an earlier version come to have them.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::error::SqliteError;

/// Number of the layout, in the file's `user_version`.
pub(crate) const FORMAT: i64 = 2;

/// The layout of format 1.
const TABLES: &str = "
    CREATE TABLE _mirrorbus_offsets (
        topic TEXT NOT NULL,
        partition INTEGER NOT NULL,
        topic_id TEXT NOT NULL,
        next_offset INTEGER NOT NULL,
        PRIMARY KEY (topic, partition)
    ) WITHOUT ROWID;
    CREATE TABLE _mirrorbus_tables (
        name TEXT NOT NULL PRIMARY KEY,
        columns TEXT,
        marks TEXT NOT NULL,
        inserts INTEGER NOT NULL DEFAULT 0,
        updates INTEGER NOT NULL DEFAULT 0,
        deletes INTEGER NOT NULL DEFAULT 0
    );";

/// What format 2 has beside that: the tenant's one row, and everything at one look. Only topics of rows hold `-sys.`
/// nowhere, and they end in the table's name.
const TENANT: &str = "
    CREATE TABLE _mirrorbus_tenant (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        owner TEXT,
        owner_epoch INTEGER NOT NULL,
        caught_up_ms INTEGER,
        cycle TEXT,
        cycle_completed_ms INTEGER
    );
    INSERT INTO _mirrorbus_tenant (id, owner_epoch) VALUES (1, 0);
    CREATE VIEW _mirror AS
    SELECT tables.name AS table_name, offsets.topic, offsets.partition, offsets.next_offset,
        tables.columns IS NOT NULL AS is_present, tables.inserts - tables.deletes AS rows,
        tables.inserts, tables.updates, tables.deletes, json_extract(tables.marks, '$.epoch') AS epoch,
        tenant.cycle AS last_cycle,
        datetime(tenant.cycle_completed_ms / 1000, 'unixepoch') AS last_cycle_completed,
        datetime(tenant.caught_up_ms / 1000, 'unixepoch') AS caught_up,
        tenant.owner, tenant.owner_epoch
    FROM _mirrorbus_offsets AS offsets CROSS JOIN _mirrorbus_tenant AS tenant
    LEFT JOIN _mirrorbus_tables AS tables ON instr(offsets.topic, '-sys.') = 0
        AND substr(offsets.topic, -length(tables.name) - 1) = '.' || tables.name;";

/// Brings a file to the present format, whatever earlier one it has, or none.
pub(crate) fn bring(connection: &mut Connection, path: &Path) -> Result<(), SqliteError> {
    if found(connection, path)? == FORMAT {
        return Ok(());
    }
    let failed = || SqliteError::sql(format!("make the mirror's tables in {}", path.display()));
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed())?;
    // Another process may have been faster.
    let found = found(&transaction, path)?;
    if found < 1 {
        transaction.execute_batch(TABLES).map_err(failed())?;
    }
    if found < 2 {
        transaction.execute_batch(TENANT).map_err(failed())?;
        transaction.pragma_update(None, "user_version", FORMAT).map_err(failed())?;
    }
    transaction.commit().map_err(failed())
}

/// The layout's number; 0 for a file that has none yet.
pub(crate) fn found(connection: &Connection, path: &Path) -> Result<i64, SqliteError> {
    let found = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(SqliteError::sql(format!("read {}", path.display())))?;
    if (0..=FORMAT).contains(&found) {
        Ok(found)
    } else {
        Err(SqliteError::Format { path: path.to_owned(), found, known: FORMAT })
    }
}

#[cfg(test)]
#[path = "layout_tests.rs"]
mod tests;
