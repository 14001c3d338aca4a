//! Tables, memory and positions of the copy beside, into the live file.

use std::collections::BTreeSet;
use std::path::Path;

use mirrorbus_mirror::Scope;
use mirrorbus_schemas::topic::{Table, Tenant};
use rusqlite::{Connection, OptionalExtension};

use crate::error::SqliteError;
use crate::{schema, shape};

/// Within the live file's open transaction. The copy stays attached as `beside`: SQLite lets none go before the end.
pub(crate) fn exchange(
    live: &Connection,
    beside: &Path,
    tenant: &Tenant,
    scope: &Scope,
) -> Result<(), SqliteError> {
    let name = beside.to_str().ok_or_else(|| SqliteError::Path { path: beside.to_owned() })?;
    let failed = || SqliteError::sql("exchange the copies");
    live.execute("ATTACH ? AS beside", [name]).map_err(failed())?;
    match scope {
        Scope::Tenant => {
            for table in tables(live)? {
                exchange_table(live, &table)?;
            }
            live.execute_batch(TENANT).map_err(failed())
        }
        Scope::Table(table) => {
            exchange_table(live, table.as_str())?;
            exchange_memory(live, tenant, table)
        }
    }
}

const TENANT: &str = "
    DELETE FROM main._mirrorbus_offsets;
    INSERT INTO main._mirrorbus_offsets SELECT * FROM beside._mirrorbus_offsets;
    DELETE FROM main._mirrorbus_tables;
    INSERT INTO main._mirrorbus_tables SELECT * FROM beside._mirrorbus_tables;
    UPDATE main._mirrorbus_tenant SET (caught_up_ms, cycle, cycle_completed_ms) =
        (SELECT caught_up_ms, cycle, cycle_completed_ms FROM beside._mirrorbus_tenant);";

/// The tables of both copies.
fn tables(live: &Connection) -> Result<BTreeSet<String>, SqliteError> {
    let failed = || SqliteError::sql("list the tables of the copies");
    let sql = "SELECT name FROM main._mirrorbus_tables WHERE columns IS NOT NULL
               UNION SELECT name FROM beside._mirrorbus_tables WHERE columns IS NOT NULL";
    let mut select = live.prepare(sql).map_err(failed())?;
    let names = select.query_map([], |row| row.get(0)).map_err(failed())?;
    names.collect::<Result<_, _>>().map_err(failed())
}

/// The table as it stands in the copy, to the order of its columns: SQLite then copies rows without unpacking them.
fn exchange_table(live: &Connection, table: &str) -> Result<(), SqliteError> {
    let create: Option<String> = live
        .query_row("SELECT sql FROM beside.sqlite_schema WHERE type = 'table' AND name = ?", [table], |row| {
            row.get(0)
        })
        .optional()
        .map_err(SqliteError::sql(format!("look for table {table} in the copy")))?;
    let quoted = schema::quote(table);
    let mut statements = vec![format!("DROP TABLE IF EXISTS main.{quoted}")];
    if let Some(create) = create {
        statements.push(create);
        statements.push(format!("INSERT INTO main.{quoted} SELECT * FROM beside.{quoted}"));
    }
    shape::remake(live, table, statements)
}

fn exchange_memory(live: &Connection, tenant: &Tenant, table: &Table) -> Result<(), SqliteError> {
    let failed = || SqliteError::sql(format!("exchange the memory of table {table}"));
    let run = |sql, name: &str| live.execute(sql, [name]).map_err(failed());
    for topic in topics(live, "main")?.iter().filter(|topic| is_of(topic, tenant, table)) {
        run("DELETE FROM main._mirrorbus_offsets WHERE topic = ?", topic)?;
    }
    for topic in topics(live, "beside")?.iter().filter(|topic| is_of(topic, tenant, table)) {
        let sql =
            "INSERT INTO main._mirrorbus_offsets SELECT * FROM beside._mirrorbus_offsets WHERE topic = ?";
        run(sql, topic)?;
    }
    run("DELETE FROM main._mirrorbus_tables WHERE name = ?", table.as_str())?;
    let sql = "INSERT INTO main._mirrorbus_tables SELECT * FROM beside._mirrorbus_tables WHERE name = ?";
    run(sql, table.as_str())?;
    Ok(())
}

fn topics(live: &Connection, copy: &str) -> Result<Vec<String>, SqliteError> {
    let failed = || SqliteError::sql("list the topics of the copies");
    let sql = format!("SELECT DISTINCT topic FROM {copy}._mirrorbus_offsets");
    let mut select = live.prepare(&sql).map_err(failed())?;
    let topics = select.query_map([], |row| row.get(0)).map_err(failed())?;
    topics.collect::<Result<_, _>>().map_err(failed())
}

/// Whether a topic has the rows of a table: `<prefix>.<tenant>.<table>`. No prefix of rows ends in `-sys`.
fn is_of(topic: &str, tenant: &Tenant, table: &Table) -> bool {
    let mut parts = topic.rsplitn(3, '.');
    let (name, owner, prefix) = (parts.next(), parts.next(), parts.next());
    name == Some(table.as_str())
        && owner == Some(tenant.as_str())
        && prefix.is_some_and(|prefix| !prefix.ends_with("-sys"))
}
