//! Batches to transactions.

use std::collections::HashMap;

use mirrorbus_mirror::{Applied, Batch, Column, DestinationError, Memory, TableChange, failpoint};
use mirrorbus_schemas::topic::{Table, Tenant};

use crate::client::Session;
use crate::error::PostgresError;
use crate::memory::{self, Catalog};
use crate::name;
use crate::rows::Target;
use crate::{grants, rows, schema};

/// Staged rows are looked up one by one in the table's index. Other plans read all of a table for a few of its rows, and
/// which one PostgreSQL takes depends on statistics that a table just filled does not have.
const BEGIN: &str = "BEGIN; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off;
                     SET LOCAL enable_seqscan = off";

/// The tables as they stand in the schema, what is not committed included.
pub(crate) type Standing = HashMap<Table, Target>;

/// Begins a transaction for rows.
pub(crate) async fn begin(session: &mut Session) -> Result<(), PostgresError> {
    session.run("begin a transaction", BEGIN).await
}

/// What is durable, and the tables that stand there. A table that the mirror could not write to is given as missing, and
/// one with another number of rows than were applied as damaged.
pub(crate) async fn load(session: &mut Session, schema: &str) -> Result<(Memory, Standing), PostgresError> {
    let (mut memory, counts) = memory::read(session, schema).await?;
    let catalogs = memory::catalogs(session, schema, None).await?;
    let mut standing = Standing::new();
    for (table, of) in &mut memory.tables {
        let Some(columns) = &of.columns else { continue };
        let catalog = catalogs.get(&name::table(table.as_str()));
        let Some(stored) = catalog.and_then(|catalog| catalog.all(columns)) else {
            of.columns = None;
            memory.damaged.insert(table.clone());
            continue;
        };
        let sql = format!("SELECT count(*) FROM {}", name::qualified(schema, table.as_str()));
        let counted = session.value(&format!("count the rows of table {table}"), &sql).await?.parse().ok();
        if counts.get(table).copied() != counted {
            memory.damaged.insert(table.clone());
        }
        standing.insert(table.clone(), Target::new(columns.clone(), stored, counted == Some(0)));
    }
    Ok((memory, standing))
}

/// Applies a batch in the transaction that is open.
pub(crate) async fn batch(
    session: &mut Session,
    tenant: &Tenant,
    schema: &str,
    standing: &mut Standing,
    batch: &Batch<'_>,
) -> Result<Applied, DestinationError> {
    failpoint::reach(failpoint::BEGUN);
    memory::advance(session, schema, &batch.moves).await?;
    failpoint::reach(failpoint::POSITIONS_MOVED);
    let mut total = Applied::default();
    let mut changes = Vec::with_capacity(batch.tables.len());
    for change in &batch.tables {
        let applied = change_table(session, tenant, schema, standing, change).await?;
        total.inserts += applied.inserts;
        total.updates += applied.updates;
        total.deletes += applied.deletes;
        changes.push((change, applied));
    }
    memory::remember(session, schema, &changes).await?;
    memory::note(session, schema, batch.caught_up_ms, batch.cycle.as_ref()).await?;
    failpoint::reach(failpoint::ROWS_APPLIED);
    Ok(total)
}

async fn change_table(
    session: &mut Session,
    tenant: &Tenant,
    schema: &str,
    standing: &mut Standing,
    change: &TableChange<'_>,
) -> Result<Applied, PostgresError> {
    let table = change.table.as_str();
    let mut applied = Applied { deletes: clear(session, schema, change).await?, ..Applied::default() };
    if change.before != change.after {
        shape(session, schema, change).await?;
        let columns = change.after.as_ref().map_or(0, Vec::len);
        tracing::info!(%tenant, table, columns, what = words(change), "table");
    }
    let Some(columns) = &change.after else {
        standing.remove(&change.table);
        return Ok(applied);
    };
    let known = standing.get_mut(&change.table).filter(|known| known.columns() == columns.as_slice());
    let target = match known {
        Some(known) => known,
        None => {
            let is_new = change.before.is_none() || !change.keeps_rows;
            let stored = stored(session, schema, table, columns).await?;
            let target = Target::new(columns.clone(), stored, is_new);
            standing.entry(change.table.clone()).insert_entry(target).into_mut()
        }
    };
    rows::apply(session, schema, table, target, &change.rows, &mut applied).await?;
    Ok(applied)
}

/// The types that a table's columns have.
pub(crate) async fn stored(
    session: &mut Session,
    schema: &str,
    table: &str,
    columns: &[Column],
) -> Result<Vec<crate::types::Stored>, PostgresError> {
    let name = name::table(table);
    let catalog: Catalog =
        memory::catalogs(session, schema, Some(&name)).await?.remove(&name).unwrap_or_default();
    catalog
        .all(columns)
        .ok_or_else(|| PostgresError::NoTable { schema: schema.to_owned(), table: table.to_owned() })
}

fn words(change: &TableChange<'_>) -> &'static str {
    match (&change.before, &change.after) {
        (None, _) => "created",
        (_, None) => "dropped",
        _ if change.keeps_rows => "columns changed, rows kept",
        _ => "made anew in another shape",
    }
}

/// Empties a table whose rows go. Says how many went. `TRUNCATE` would be faster and would show readers an empty table.
async fn clear(session: &mut Session, schema: &str, change: &TableChange<'_>) -> Result<u64, PostgresError> {
    if change.keeps_rows || change.before.is_none() {
        return Ok(0);
    }
    let table = change.table.as_str();
    let sql = format!("DELETE FROM {}", name::qualified(schema, table));
    let counts = session.counts(&format!("empty table {table}"), &sql).await?;
    Ok(counts.first().copied().unwrap_or_default())
}

async fn shape(session: &mut Session, schema: &str, change: &TableChange<'_>) -> Result<(), PostgresError> {
    let table = change.table.as_str();
    let action = format!("change table {table}");
    match (&change.before, &change.after) {
        (Some(before), Some(after)) if change.keeps_rows => {
            session.run(&action, &schema::reshape(schema, table, before, after)).await?;
            retype(session, schema, table, before, after).await
        }
        (_, Some(after)) => {
            let granted = grants::of_table(session, schema, table).await?;
            let (drop, create) = (schema::drop(schema, table), schema::create(schema, table, after));
            session.run(&action, &format!("{drop}; {create}")).await?;
            session.run(&action, &granted.statements(schema, Some(table))).await
        }
        (_, None) => session.run(&action, &schema::drop(schema, table)).await,
    }
}

/// Follows the source's types where the rows that are there fit them; a column whose rows do not stays as it is, which
/// holds all of them.
async fn retype(
    session: &mut Session,
    schema: &str,
    table: &str,
    before: &[Column],
    after: &[Column],
) -> Result<(), PostgresError> {
    use crate::types::Stored;
    let action = format!("change the types of table {table}");
    let stays = |column: &&Column| {
        let same = before.iter().find(|other| other.name == column.name);
        same.is_some_and(|before| schema::declared(before) != schema::declared(column))
    };
    for column in after.iter().filter(stays) {
        let from = stored(session, schema, table, std::slice::from_ref(column)).await?;
        let (Some(from), to) = (from.first().copied(), schema::declared(column)) else { continue };
        let fits = match (from, to) {
            (from, to) if from == to => false,
            (Stored::Text | Stored::Varchar(_), Stored::Varchar(length)) => {
                let sql = schema::has_longer(schema, table, column, length);
                session.value(&action, &sql).await? == "f"
            }
            (Stored::Text | Stored::Varchar(_), Stored::Text) => true,
            (Stored::Integer | Stored::Smallint, Stored::Integer | Stored::Smallint) => true,
            (Stored::Numeric(_), Stored::Numeric(_)) => true,
            // What was widened once may hold what no narrower type does.
            (from, to) => from == Stored::Uuid && to == Stored::Text,
        };
        if !fits {
            continue;
        }
        session.run(&action, "SAVEPOINT retype").await?;
        match session.run(&action, &schema::retype(schema, table, column, to)).await {
            Ok(()) => session.run(&action, "RELEASE SAVEPOINT retype").await?,
            Err(error) if error.is_of_data() => {
                session.run(&action, "ROLLBACK TO SAVEPOINT retype; RELEASE SAVEPOINT retype").await?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
