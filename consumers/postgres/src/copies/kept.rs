//! What an exchange kept: schemas called as the live one, with the moment behind it.

use std::time::Duration;

use mirrorbus_mirror::Copy;
use mirrorbus_schemas::topic::Tenant;
use time::PrimitiveDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use crate::client::Session;
use crate::core::Postgres;
use crate::error::PostgresError;
use crate::layout;
use crate::name::{self, quote};

const FORMAT: &[BorrowedFormatItem<'_>] =
    format_description!("_old_[year][month][day]T[hour][minute][second]");
/// How long the above is.
const MARK: usize = "_old_20261127T120000".len();

/// What a schema is called from now on.
pub(super) fn name(schema: &str) -> String {
    let now = time::OffsetDateTime::now_utc();
    name::schema(schema, &now.format(FORMAT).unwrap_or_default())
}

/// When a schema was exchanged, if it was one of this name.
fn since(schema: &str, kept: &str) -> Option<PrimitiveDateTime> {
    let (_, mark) = kept.split_at_checked(kept.len().checked_sub(MARK)?)?;
    (name::schema(schema, mark) == kept).then(|| PrimitiveDateTime::parse(mark, FORMAT).ok()).flatten()
}

impl Postgres {
    pub(super) async fn drop_older(
        &mut self,
        tenant: &Tenant,
        older_than: Duration,
    ) -> Result<Vec<String>, PostgresError> {
        let schema = self.schema(tenant, Copy::Live);
        let mut session = self.pool.take(&self.place, tenant).await?;
        let now = time::OffsetDateTime::now_utc();
        let mut dropped = Vec::new();
        for kept in super::mirrors(&mut session).await? {
            let Some(since) = since(&schema, &kept) else { continue };
            if now - since.assume_utc() >= older_than {
                drop(&mut session, &kept, tenant).await?;
                dropped.push(kept);
            }
        }
        self.pool.put(self.place.address(tenant), session);
        dropped.sort();
        Ok(dropped)
    }
}

/// Drops a tenant's schema with all that is in it.
pub(super) async fn drop(session: &mut Session, schema: &str, tenant: &Tenant) -> Result<(), PostgresError> {
    if !layout::is_there(session, schema, tenant.as_str()).await? {
        let rule = "is not a mirror's, though it is called like one; rename or drop it".to_owned();
        return Err(PostgresError::Schema { schema: schema.to_owned(), rule });
    }
    session.run("begin a transaction", "BEGIN").await?;
    drop_in_transaction(session, schema).await?;
    session.run("commit", "COMMIT").await
}

/// The same where a transaction is open. What stands elsewhere and uses it is not dropped with it.
pub(super) async fn drop_in_transaction(session: &mut Session, schema: &str) -> Result<(), PostgresError> {
    let sql = "SELECT DISTINCT v.oid::regclass::text FROM pg_depend d
               JOIN pg_rewrite r ON r.oid = d.objid AND d.classid = 'pg_rewrite'::regclass
               JOIN pg_class v ON v.oid = r.ev_class
               JOIN pg_class t ON t.oid = d.refobjid AND d.refclassid = 'pg_class'::regclass
               JOIN pg_namespace n ON n.oid = t.relnamespace
               WHERE n.nspname = $1 AND v.relnamespace <> n.oid";
    let views = session.query("look for views", sql, &[&schema]).await?;
    if let Some(view) = views.first() {
        let rule = format!("is used by view {}; make that anew on the live tables", view.get::<_, String>(0));
        return Err(PostgresError::Schema { schema: schema.to_owned(), rule });
    }
    let sql = format!("DROP SCHEMA {} CASCADE", quote(schema));
    session.run(&format!("drop schema {schema}"), &sql).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_schemas_name_tells_since_when() {
        let kept = name("Cust1");
        let since = since("Cust1", &kept).unwrap().assume_utc();
        assert!(time::OffsetDateTime::now_utc() - since < Duration::from_secs(60));
        assert_eq!(super::since("Cust2", &kept), None);
        assert_eq!(super::since("Cust1", "Cust1_old_20261327T120000"), None);
        assert_eq!(super::since("Cust1", "Cust1_beside"), None);
        let long = "x".repeat(63);
        assert!(super::since(&long, &name(&long)).is_some());
    }
}
