//! The copy beside in the live one's place, in the transaction that holds the live one.

use mirrorbus_mirror::Scope;
use mirrorbus_schemas::topic::{Table, Tenant};

use super::kept;
use crate::client::Session;
use crate::error::PostgresError;
use crate::name::{literal, qualified, quote};
use crate::{grants, layout, memory, name, owner};

pub(super) struct Exchange<'e> {
    pub(super) session: &'e mut Session,
    pub(super) tenant: &'e Tenant,
    pub(super) schema: &'e str,
    pub(super) beside: &'e str,
}

impl Exchange<'_> {
    /// Gives the name of the schema with what was there.
    pub(super) async fn run(self, scope: &Scope) -> Result<String, PostgresError> {
        if !layout::is_there(self.session, self.beside, self.tenant.as_str()).await? {
            let rule = "holds no mirror that could take the live one's place".to_owned();
            return Err(PostgresError::Schema { schema: self.beside.to_owned(), rule });
        }
        let kept = kept::name(self.schema);
        match scope {
            Scope::Tenant => self.tenant(&kept).await?,
            Scope::Table(table) => self.table(&kept, table).await?,
        }
        Ok(kept)
    }

    async fn tenant(self, kept: &str) -> Result<(), PostgresError> {
        let Self { session, schema, beside, .. } = self;
        let mut granted = grants::of_schema(session, schema).await?.statements(schema, None);
        let renewed = memory::catalogs(session, beside, None).await?;
        for table in memory::catalogs(session, schema, None).await?.keys() {
            if renewed.contains_key(table) {
                let grants = grants::of_table(session, schema, table).await?;
                granted.push_str(&grants.statements(schema, Some(table)));
            }
        }
        let epoch = format!(
            "1 + greatest(owner_epoch, (SELECT owner_epoch FROM {}))",
            qualified(schema, "_mirror_state")
        );
        let sql = format!(
            "{}; {};
             ALTER SCHEMA {} RENAME TO {}; ALTER SCHEMA {} RENAME TO {}; {granted}",
            owner::leave(beside, &epoch),
            owner::leave(schema, "owner_epoch + 1"),
            quote(schema),
            quote(kept),
            quote(beside),
            quote(schema)
        );
        session.run("exchange the schemas", &sql).await
    }

    async fn table(self, kept: &str, table: &Table) -> Result<(), PostgresError> {
        let Self { session, tenant, schema, beside } = self;
        let stands = name::table(table.as_str());
        let granted = grants::of_table(session, schema, table.as_str()).await?;
        let mut sql = format!("CREATE SCHEMA {}; {}", quote(kept), layout::create(kept, tenant.as_str()));
        for (from, to) in [(schema, kept), (beside, schema)] {
            let has_table = memory::catalogs(session, from, Some(&stands)).await?.contains_key(&stands);
            if has_table {
                let from = qualified(from, table.as_str());
                sql.push_str(&format!("ALTER TABLE {from} SET SCHEMA {};", quote(to)));
                if to == schema {
                    sql.push_str(&granted.statements(schema, Some(table.as_str())));
                }
            }
            sql.push_str(&move_memory(from, to, table.as_str()));
        }
        sql.push_str(&owner::leave(schema, "owner_epoch + 1"));
        session.run(&format!("exchange table {table}"), &sql).await?;
        kept::drop_in_transaction(session, beside).await
    }
}

/// What is kept of a table, and the positions in its topics.
fn move_memory(from: &str, to: &str, table: &str) -> String {
    let (from, to, table) = (quote(from), quote(to), literal(table));
    let of_table =
        format!("split_part(topic, '.', 1) NOT LIKE '%-sys' AND split_part(topic, '.', 3) = {table}");
    format!(
        "INSERT INTO {to}._mirror_tables SELECT * FROM {from}._mirror_tables WHERE name = {table};
         DELETE FROM {from}._mirror_tables WHERE name = {table};
         INSERT INTO {to}._mirror_offsets SELECT * FROM {from}._mirror_offsets WHERE {of_table};
         DELETE FROM {from}._mirror_offsets WHERE {of_table};"
    )
}
