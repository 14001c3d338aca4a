//! Who owns a tenant.
//!
//! The state's one row names the owner and counts how often that changed. An owner's transaction locks the row before it
//! does anything else, so nobody else's is open at the same time. Who takes a tenant over waits a moment for that lock;
//! then it ends the connection that has it: its process may be stopped, or its machine gone. Only who holds the copy to
//! repair or exchange it is left alone, and told by another lock on the table.

use mirrorbus_mirror::DestinationError;

use crate::client::Session;
use crate::error::PostgresError;
use crate::name::{qualified, quote};

/// How long an owner may take for the transaction that it is in.
const GRACE: &str = "2s";
/// How often an owner's connection is ended before giving up: each ends at once, unless another comes.
const TRIES: u32 = 5;

/// Takes a tenant over, in a transaction that it begins. Gives the owner's epoch.
pub(crate) async fn take(session: &mut Session, schema: &str, name: &str) -> Result<i64, PostgresError> {
    let action = "take the tenant over";
    let update = format!(
        "UPDATE {}._mirror_state SET owner_epoch = owner_epoch + 1,
         owner = concat(coalesce(host(inet_client_addr()), 'local'), ', ', $1::text) RETURNING owner_epoch",
        quote(schema)
    );
    for _ in 0..TRIES {
        session.run(action, &format!("BEGIN; SET LOCAL lock_timeout = '{GRACE}'")).await?;
        match session.query(action, &update, &[&name]).await {
            Ok(rows) => {
                return rows.first().map(|row| row.get(0)).ok_or_else(|| PostgresError::Schema {
                    schema: schema.to_owned(),
                    rule: "has lost the row of its _mirror_state; restore or drop the schema".to_owned(),
                });
            }
            Err(error) if error.code() == Some(&tokio_postgres::error::SqlState::LOCK_NOT_AVAILABLE) => {
                session.run(action, "ROLLBACK").await?;
                if end(session, schema).await? == 0 {
                    break;
                }
            }
            Err(error) => return Err(error),
        }
    }
    let who = holders(session, schema).await?;
    Err(PostgresError::Held { schema: schema.to_owned(), who })
}

/// Ends the connections of owners that have the row's lock, and waits for that. Says how many.
async fn end(session: &mut Session, schema: &str) -> Result<usize, PostgresError> {
    let sql = "SELECT pg_terminate_backend(l.pid, 5000) FROM pg_locks l
               WHERE l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
                   AND l.relation = to_regclass($1) AND l.mode = 'RowShareLock' AND l.granted
                   AND l.pid <> pg_backend_pid() AND NOT EXISTS (
                       SELECT FROM pg_locks h WHERE h.pid = l.pid AND h.relation = l.relation
                           AND h.mode = 'ShareUpdateExclusiveLock')";
    let ended = session.query("end an earlier owner's connection", sql, &[&state(schema)]).await?;
    if !ended.is_empty() {
        tracing::warn!(schema, connections = ended.len(), "an earlier owner's transaction was ended");
    }
    Ok(ended.len())
}

async fn holders(session: &mut Session, schema: &str) -> Result<String, PostgresError> {
    let sql = "SELECT DISTINCT concat('pid ', a.pid, ' of ', coalesce(host(a.client_addr), 'local'))
               FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
               WHERE l.relation = to_regclass($1) AND l.granted AND l.pid <> pg_backend_pid()";
    let rows = session.query("ask who holds the tenant", sql, &[&state(schema)]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect::<Vec<String>>().join("; "))
}

fn state(schema: &str) -> String {
    qualified(schema, "_mirror_state")
}

/// Locks the row, if it is still ours.
pub(crate) async fn check(
    session: &mut Session,
    schema: &str,
    epoch: i64,
    name: &str,
) -> Result<(), DestinationError> {
    let sql = format!("SELECT owner_epoch, owner FROM {} FOR UPDATE", state(schema));
    verdict(session, &sql, epoch, name).await
}

/// Whether it is still ours, without a lock.
pub(crate) async fn look(
    session: &mut Session,
    schema: &str,
    epoch: i64,
    name: &str,
) -> Result<(), DestinationError> {
    verdict(session, &format!("SELECT owner_epoch, owner FROM {}", state(schema)), epoch, name).await
}

async fn verdict(session: &mut Session, sql: &str, epoch: i64, name: &str) -> Result<(), DestinationError> {
    let rows = session.query("ask who owns the tenant", sql, &[]).await?;
    let row = rows.first().map(|row| (row.get::<_, i64>(0), row.get::<_, Option<String>>(1)));
    match row {
        Some((found, Some(owner))) if found == epoch && owner.ends_with(name) => Ok(()),
        Some((_, Some(owner))) => Err(DestinationError::Fenced { what: format!("{owner}, took it over") }),
        Some((_, None)) => Err(DestinationError::Replaced),
        None => Err(DestinationError::Fenced { what: "the state's row is gone".to_owned() }),
    }
}

/// Keeps owners out, until the transaction ends: waits for the one that is open, however long that takes.
pub(crate) async fn hold(session: &mut Session, schema: &str) -> Result<(), PostgresError> {
    let state = state(schema);
    let sql = format!(
        "SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0;
         LOCK TABLE {state} IN SHARE UPDATE EXCLUSIVE MODE; SELECT FROM {state} FOR UPDATE;
         SET LOCAL lock_timeout = '10s'; SET LOCAL statement_timeout = '10min'"
    );
    session.counts("hold the tenant", &sql).await.map(|_| ())
}

/// Leaves a schema to nobody, from an epoch on that no owner has had.
pub(crate) fn leave(schema: &str, epoch: &str) -> String {
    format!("UPDATE {} SET owner = NULL, owner_epoch = {epoch}", state(schema))
}
