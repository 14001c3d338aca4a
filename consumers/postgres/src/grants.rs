//! What others may do with a table or a schema, kept when it is made anew.

use crate::client::Session;
use crate::error::PostgresError;
use crate::name::{qualified, quote};

/// Privileges that the owner granted.
#[derive(Debug, Default)]
pub(crate) struct Grants(Vec<Grant>);

#[derive(Debug)]
struct Grant {
    privilege: String,
    /// `None` for everybody.
    to: Option<String>,
    can_grant: bool,
}

const EXPLODED: &str =
    "SELECT a.privilege_type, CASE WHEN a.grantee <> 0 THEN pg_get_userbyid(a.grantee)::text END,
                               a.is_grantable";

/// Of a table, if there is one.
pub(crate) async fn of_table(
    session: &mut Session,
    schema: &str,
    table: &str,
) -> Result<Grants, PostgresError> {
    let sql = format!(
        "{EXPLODED} FROM pg_class c, aclexplode(c.relacl) a WHERE c.oid = to_regclass($1) AND a.grantee <> c.relowner"
    );
    read(session, &sql, &qualified(schema, table)).await
}

/// Of a schema.
pub(crate) async fn of_schema(session: &mut Session, schema: &str) -> Result<Grants, PostgresError> {
    let sql = format!(
        "{EXPLODED} FROM pg_namespace n, aclexplode(n.nspacl) a WHERE n.nspname = $1::text AND a.grantee <> n.nspowner"
    );
    read(session, &sql, schema).await
}

async fn read(session: &mut Session, sql: &str, name: &str) -> Result<Grants, PostgresError> {
    let rows = session.query("read what others may do", sql, &[&name]).await?;
    let grant =
        |row: &tokio_postgres::Row| Grant { privilege: row.get(0), to: row.get(1), can_grant: row.get(2) };
    Ok(Grants(rows.iter().map(grant).collect()))
}

impl Grants {
    /// The statements that grant the same for a schema, or a table of it.
    pub(crate) fn statements(&self, schema: &str, table: Option<&str>) -> String {
        let on = match table {
            Some(table) => format!("TABLE {}", qualified(schema, table)),
            None => format!("SCHEMA {}", quote(schema)),
        };
        let grant = |grant: &Grant| {
            let to = grant.to.as_deref().map_or_else(|| "PUBLIC".to_owned(), quote);
            let option = if grant.can_grant { " WITH GRANT OPTION" } else { "" };
            format!("GRANT {} ON {on} TO {to}{option};", grant.privilege)
        };
        self.0.iter().map(grant).collect()
    }
}
