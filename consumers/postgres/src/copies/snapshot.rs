//! A copy as it was at one moment: a transaction that sees nothing of what is committed after its beginning.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::StreamExt;
use mirrorbus_mirror::{DestinationError, Memory, Snapshot, Value};
use mirrorbus_schemas::topic::{Table, Tenant};
use tokio::runtime::Runtime;

use crate::client::Session;
use crate::encoding::Reader;
use crate::error::PostgresError;
use crate::memory::{self, Catalog};
use crate::name::{qualified, quoted_column, table as table_name};
use crate::{layout, name};

/// Reading a table takes as long as its reader does.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = 0";

pub(super) struct Shot {
    runtime: Arc<Runtime>,
    session: Session,
    schema: String,
    memory: Memory,
    catalogs: HashMap<String, Catalog>,
}

impl Shot {
    pub(super) async fn take(
        runtime: Arc<Runtime>,
        mut session: Session,
        schema: String,
        tenant: &Tenant,
    ) -> Result<Self, PostgresError> {
        session.run("begin a snapshot", BEGIN).await?;
        if !layout::is_there(&mut session, &schema, tenant.as_str()).await? {
            return Err(PostgresError::Schema { schema, rule: "holds no mirror".to_owned() });
        }
        let (memory, _) = memory::read(&mut session, &schema).await?;
        let catalogs = memory::catalogs(&mut session, &schema, None).await?;
        Ok(Self { runtime, session, schema, memory, catalogs })
    }

    async fn read(
        &mut self,
        table: &Table,
        visit: &mut dyn FnMut(&[Option<Value<'_>>]),
    ) -> Result<(), PostgresError> {
        let missing = || PostgresError::NoTable { schema: self.schema.clone(), table: table.to_string() };
        let columns = self.memory.tables.get(table).and_then(|memory| memory.columns.as_ref());
        let columns = columns.ok_or_else(missing)?;
        let catalog = self.catalogs.get(&table_name(table.as_str())).ok_or_else(missing)?;
        let columns: Vec<_> = columns.iter().map(|column| (column, catalog.stored(column))).collect();
        let select = columns.iter().map(|(column, stored)| match stored {
            Some(_) => quoted_column(&column.name),
            None => "NULL::text".to_owned(),
        });
        let select = select.collect::<Vec<_>>().join(", ");
        let action = format!("read table {table}");
        let from = qualified(&self.schema, table.as_str());
        let sql = format!("COPY (SELECT {select} FROM {from}) TO STDOUT (FORMAT binary)");
        let stream = self.session.copy_out(&action, &sql).await?;
        let mut stream = std::pin::pin!(stream);
        let mut reader = Reader::new(columns.iter().map(|(column, stored)| (column.kind, *stored)).collect());
        while let Some(message) = stream.next().await {
            let message = message.map_err(PostgresError::sql(action.clone()))?;
            reader.read(&message, visit).ok_or_else(|| PostgresError::Server {
                rule: "it sent something else than a binary COPY".to_owned(),
            })?;
        }
        self.is_same(table).await
    }

    /// Who makes a table anew does not wait for snapshots: they would find it empty. What the catalog said at the
    /// snapshot's moment is compared with what is so now, while nobody can change the table that was read.
    async fn is_same(&mut self, table: &Table) -> Result<(), PostgresError> {
        let sql = "SELECT c.relfilenode = pg_relation_filenode(c.oid) FROM pg_class c
                   JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2";
        let name = name::table(table.as_str());
        let rows =
            self.session.query("compare the table with the snapshot's", sql, &[&self.schema, &name]).await?;
        match rows.first().and_then(|row| row.get::<_, Option<bool>>(0)) {
            Some(true) => Ok(()),
            _ => Err(PostgresError::Schema {
                schema: self.schema.clone(),
                rule: format!("had its table {table} made anew while it was read; read it again"),
            }),
        }
    }
}

impl Snapshot for Shot {
    fn memory(&self) -> &Memory {
        &self.memory
    }

    fn rows(
        &mut self,
        table: &Table,
        visit: &mut dyn FnMut(&[Option<Value<'_>>]),
    ) -> Result<(), DestinationError> {
        let runtime = self.runtime.clone();
        Ok(runtime.block_on(self.read(table, visit))?)
    }
}
