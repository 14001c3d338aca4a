//! Copies of a tenant: read, mended, exchanged.

mod exchange;
mod held;
mod kept;
mod snapshot;

use std::collections::BTreeMap;
use std::time::Duration;

use mirrorbus_mirror::{Copies, Copy, Destination, DestinationError, Held, Memory, Snapshot};
use mirrorbus_schemas::topic::{Table, Tenant};

use crate::client::Session;
use crate::core::Postgres;
use crate::error::PostgresError;
use crate::{layout, memory};

impl Copies for Postgres {
    fn tenants(&mut self) -> Result<Vec<Tenant>, DestinationError> {
        let runtime = self.runtime.clone();
        Ok(runtime.block_on(self.list())?)
    }

    fn inspect(&mut self, tenant: &Tenant, copy: Copy) -> Result<Option<Memory>, DestinationError> {
        let runtime = self.runtime.clone();
        Ok(runtime.block_on(self.look(tenant, copy))?.map(|(memory, _)| memory))
    }

    fn snapshot(&mut self, tenant: &Tenant, copy: Copy) -> Result<Box<dyn Snapshot + '_>, DestinationError> {
        let (runtime, schema) = (self.runtime.clone(), self.schema(tenant, copy));
        let snapshot = self.runtime.clone().block_on(async {
            let session = self.pool.take(&self.place, tenant).await?;
            snapshot::Shot::take(runtime, session, schema, tenant).await
        });
        Ok(Box::new(snapshot?))
    }

    fn counts(&mut self, tenant: &Tenant, copy: Copy) -> Result<BTreeMap<Table, u64>, DestinationError> {
        let runtime = self.runtime.clone();
        let schema = self.schema(tenant, copy);
        let (memory, counts) = runtime
            .block_on(self.look(tenant, copy))?
            .ok_or_else(|| PostgresError::Schema { schema, rule: "holds no mirror".to_owned() })?;
        let is_there =
            |table: &Table| memory.tables.get(table).is_some_and(|memory| memory.columns.is_some());
        let counts = counts.into_iter().filter(|(table, _)| is_there(table));
        Ok(counts.map(|(table, rows)| (table, rows.unsigned_abs())).collect())
    }

    fn hold(&mut self, tenant: &Tenant) -> Result<Box<dyn Held + '_>, DestinationError> {
        let runtime = self.runtime.clone();
        let (schema, beside) = (self.schema(tenant, Copy::Live), self.schema(tenant, Copy::Beside));
        let held = self.runtime.clone().block_on(async {
            let session = self.pool.take(&self.place, tenant).await?;
            held::Hold::take(runtime, session, tenant.clone(), schema, beside).await
        });
        Ok(Box::new(held?))
    }

    fn beside(&mut self, tenant: &Tenant) -> Result<Box<dyn Destination + Send>, DestinationError> {
        let runtime = self.runtime.clone();
        let schema = self.schema(tenant, Copy::Beside);
        runtime.block_on(async {
            self.discard_beside(tenant).await?;
            let mut session = self.pool.take(&self.place, tenant).await?;
            layout::ensure(&mut session, &schema, tenant.as_str()).await?;
            self.pool.put(self.place.address(tenant), session);
            Ok::<(), PostgresError>(())
        })?;
        Ok(Box::new(Self::with(self.place.clone(), Copy::Beside, runtime)))
    }

    fn discard(&mut self, tenant: &Tenant) -> Result<(), DestinationError> {
        let runtime = self.runtime.clone();
        Ok(runtime.block_on(self.discard_beside(tenant))?)
    }

    fn drop_kept(&mut self, tenant: &Tenant, older_than: Duration) -> Result<Vec<String>, DestinationError> {
        let runtime = self.runtime.clone();
        Ok(runtime.block_on(self.drop_older(tenant, older_than))?)
    }
}

impl Postgres {
    /// Tenants whose schema is called as theirs should be: kept copies and those beside are not.
    async fn list(&mut self) -> Result<Vec<Tenant>, PostgresError> {
        let address = self.place.common_address().ok_or_else(|| {
            PostgresError::address(
                "with {tenant} in it nobody can tell which tenants there are; name the tenant",
            )
        })?;
        let mut session = self.pool.take_at(&self.place, address.clone()).await?;
        let mut tenants = Vec::new();
        for schema in mirrors(&mut session).await? {
            let found =
                layout::tenant_of(&mut session, &schema).await?.and_then(|name| Tenant::new(name).ok());
            tenants.extend(found.filter(|tenant| self.schema(tenant, Copy::Live) == schema));
        }
        self.pool.put(address, session);
        tenants.sort();
        Ok(tenants)
    }

    async fn look(
        &mut self,
        tenant: &Tenant,
        copy: Copy,
    ) -> Result<Option<(Memory, BTreeMap<Table, i64>)>, PostgresError> {
        let schema = self.schema(tenant, copy);
        let mut session = self.pool.take(&self.place, tenant).await?;
        // Positions and tables of one moment.
        session.run("look at the mirror's memory", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        let is_there = layout::is_there(&mut session, &schema, tenant.as_str()).await?;
        let memory = if is_there { Some(memory::read(&mut session, &schema).await?) } else { None };
        session.run("look at the mirror's memory", "COMMIT").await?;
        self.pool.put(self.place.address(tenant), session);
        Ok(memory)
    }

    async fn discard_beside(&mut self, tenant: &Tenant) -> Result<(), PostgresError> {
        let schema = self.schema(tenant, Copy::Beside);
        let mut session = self.pool.take(&self.place, tenant).await?;
        if layout::exists(&mut session, &schema).await? {
            kept::drop(&mut session, &schema, tenant).await?;
        }
        self.pool.put(self.place.address(tenant), session);
        Ok(())
    }
}

/// Schemas that are a mirror's and that this role may read.
async fn mirrors(session: &mut Session) -> Result<Vec<String>, PostgresError> {
    let sql = "SELECT n.nspname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE c.relname = '_mirror_state' AND has_schema_privilege(n.oid, 'USAGE')
                   AND has_table_privilege(c.oid, 'SELECT')";
    let rows = session.query("look for mirrors", sql, &[]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
