//! A live copy that nobody else can change: one transaction, which has the state's row.

use std::sync::Arc;

use mirrorbus_mirror::{Applied, DestinationError, Held, Memory, Row, Scope};
use mirrorbus_schemas::topic::{Table, Tenant};
use tokio::runtime::Runtime;

use super::exchange::Exchange;
use crate::client::Session;
use crate::error::PostgresError;
use crate::rows::{self, Target};
use crate::{apply, layout, memory, owner};

pub(super) struct Hold {
    runtime: Arc<Runtime>,
    session: Session,
    tenant: Tenant,
    schema: String,
    beside: String,
    memory: Memory,
}

impl Hold {
    pub(super) async fn take(
        runtime: Arc<Runtime>,
        mut session: Session,
        tenant: Tenant,
        schema: String,
        beside: String,
    ) -> Result<Self, PostgresError> {
        if !layout::is_there(&mut session, &schema, tenant.as_str()).await? {
            return Err(PostgresError::Schema { schema, rule: "holds no mirror".to_owned() });
        }
        apply::begin(&mut session).await?;
        owner::hold(&mut session, &schema).await?;
        let (memory, _) = memory::read(&mut session, &schema).await?;
        Ok(Self { runtime, session, tenant, schema, beside, memory })
    }

    async fn mend(&mut self, table: &Table, rows: &[Row<'_>]) -> Result<Applied, PostgresError> {
        let name = table.as_str();
        let columns = self.memory.tables.get(table).and_then(|memory| memory.columns.clone());
        let columns = columns
            .ok_or_else(|| PostgresError::NoTable { schema: self.schema.clone(), table: name.to_owned() })?;
        let stored = apply::stored(&mut self.session, &self.schema, name, &columns).await?;
        let mut target = Target::new(columns, stored, false);
        let mut applied = Applied::default();
        rows::apply(&mut self.session, &self.schema, name, &mut target, rows, &mut applied).await?;
        memory::count(&mut self.session, &self.schema, name).await?;
        Ok(applied)
    }
}

impl Held for Hold {
    fn memory(&self) -> &Memory {
        &self.memory
    }

    fn repair(&mut self, table: &Table, rows: &[Row<'_>]) -> Result<Applied, DestinationError> {
        let runtime = self.runtime.clone();
        Ok(runtime.block_on(self.mend(table, rows))?)
    }

    fn exchange(&mut self, scope: &Scope) -> Result<String, DestinationError> {
        let runtime = self.runtime.clone();
        let Self { session, tenant, schema, beside, .. } = self;
        Ok(runtime.block_on(Exchange { session, tenant, schema, beside }.run(scope))?)
    }

    fn commit(self: Box<Self>) -> Result<(), DestinationError> {
        Ok(self.runtime.block_on(self.session.run("commit", "COMMIT"))?)
    }
}
