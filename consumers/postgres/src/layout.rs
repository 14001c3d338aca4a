//! The mirror's own tables in a tenant's schema.

use crate::client::Session;
use crate::error::PostgresError;
use crate::name::{literal, quote};

/// Number of the layout below.
const FORMAT: i32 = 1;

/// Makes schema and tables, where they are missing.
pub(crate) async fn ensure(session: &mut Session, schema: &str, tenant: &str) -> Result<(), PostgresError> {
    if let Some((format, of)) = found(session, schema).await? {
        return check(schema, tenant, format, &of);
    }
    let has_schema = exists(session, schema).await?;
    // Where it is there, the role need not be allowed to make one.
    let make_schema = if has_schema { String::new() } else { format!("CREATE SCHEMA {};", quote(schema)) };
    session
        .run(
            &format!("make the mirror's tables in schema {schema}"),
            &format!("BEGIN; {make_schema} {} COMMIT", create(schema, tenant)),
        )
        .await
}

pub(crate) async fn exists(session: &mut Session, schema: &str) -> Result<bool, PostgresError> {
    let sql = "SELECT FROM pg_namespace WHERE nspname = $1";
    Ok(!session.query("look for the schema", sql, &[&schema]).await?.is_empty())
}

/// Format and tenant of a schema that is a mirror's.
async fn found(session: &mut Session, schema: &str) -> Result<Option<(i32, String)>, PostgresError> {
    let sql = "SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE n.nspname = $1 AND c.relname = '_mirror_state'";
    if session.query("look for the mirror's tables", sql, &[&schema]).await?.is_empty() {
        return Ok(None);
    }
    let sql = format!("SELECT format, tenant FROM {}._mirror_state", quote(schema));
    let rows = session.query("read the mirror's state", &sql, &[]).await?;
    Ok(rows.first().map(|row| (row.get(0), row.get(1))))
}

fn check(schema: &str, tenant: &str, format: i32, of: &str) -> Result<(), PostgresError> {
    let refused = |rule: String| Err(PostgresError::Schema { schema: schema.to_owned(), rule });
    if of != tenant {
        return refused(format!("is the mirror of tenant {of}, not of {tenant}"));
    }
    if format != FORMAT {
        return refused(format!("has format {format}, this version knows {FORMAT}"));
    }
    Ok(())
}

/// Whether a schema is a mirror of this tenant that can be read.
pub(crate) async fn is_there(
    session: &mut Session,
    schema: &str,
    tenant: &str,
) -> Result<bool, PostgresError> {
    match found(session, schema).await? {
        None => Ok(false),
        Some((format, of)) => check(schema, tenant, format, &of).map(|()| true),
    }
}

/// The tenant of a schema that has a mirror's state.
pub(crate) async fn tenant_of(session: &mut Session, schema: &str) -> Result<Option<String>, PostgresError> {
    Ok(found(session, schema).await?.map(|(_, tenant)| tenant))
}

/// The statements that make the tables.
pub(crate) fn create(schema: &str, tenant: &str) -> String {
    let (schema, tenant) = (quote(schema), literal(tenant));
    format!(
        "
        CREATE TABLE {schema}._mirror_state (
            single boolean PRIMARY KEY DEFAULT true CHECK (single),
            format integer NOT NULL,
            tenant text NOT NULL,
            owner_epoch bigint NOT NULL,
            owner text,
            caught_up_ms bigint,
            cycle text,
            cycle_completed_ms bigint
        );
        INSERT INTO {schema}._mirror_state (format, tenant, owner_epoch) VALUES ({FORMAT}, {tenant}, 0);
        CREATE TABLE {schema}._mirror_offsets (
            topic text COLLATE \"C\",
            partition integer,
            topic_id text NOT NULL,
            next_offset bigint NOT NULL,
            applied_at timestamptz NOT NULL,
            PRIMARY KEY (topic, partition)
        );
        CREATE TABLE {schema}._mirror_tables (
            name text COLLATE \"C\" PRIMARY KEY,
            columns json,
            marks json NOT NULL,
            epoch bigint NOT NULL,
            rows bigint NOT NULL,
            inserts bigint NOT NULL,
            updates bigint NOT NULL,
            deletes bigint NOT NULL,
            changed_at timestamptz NOT NULL
        );
        CREATE VIEW {schema}._mirror AS
            SELECT t.name AS \"table\", t.epoch, t.rows, t.inserts, t.updates, t.deletes, t.changed_at,
                   o.topic, o.partition, o.next_offset, o.applied_at,
                   to_timestamp(s.caught_up_ms / 1000.0) AS caught_up_at,
                   s.cycle, to_timestamp(s.cycle_completed_ms / 1000.0) AS cycle_completed_at, s.owner
            FROM {schema}._mirror_tables t
            FULL JOIN {schema}._mirror_offsets o
                ON t.name = CASE WHEN split_part(o.topic, '.', 1) NOT LIKE '%-sys' THEN split_part(o.topic, '.', 3) END
            CROSS JOIN {schema}._mirror_state s;
        COMMENT ON VIEW {schema}._mirror IS 'What the mirror has applied: its tables, their topics, its last cycle.';
        "
    )
}
