//! One connection, with what was prepared on it.

use std::collections::HashMap;

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, CopyInSink, CopyOutStream, NoTls, Row, SimpleQueryMessage, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::address::Target;
use crate::error::PostgresError;

/// The oldest server that has everything the mirror says.
const OLDEST: i32 = 140_000;
/// Prepared statements and staging tables kept per connection.
const KEPT: usize = 512;

/// What holds for every statement, whatever the role or the database say:
/// - names are looked up nowhere but in PostgreSQL's own schema, all others are written with theirs;
/// - a commit waits for the disk, or for more where that is configured;
/// - one statement may take ten minutes and wait for a lock ten seconds, for other tenants wait meanwhile;
/// - a transaction may stay open as long as a cycle takes;
/// - statements are compiled by nobody: they are short, and compiling takes longer than most of them.
const SETTINGS: &str = "
    SET search_path = pg_catalog;
    SELECT set_config('synchronous_commit', 'on', false)
        WHERE current_setting('synchronous_commit') IN ('off', 'local');
    SET default_transaction_isolation = 'read committed';
    SET default_transaction_read_only = off;
    SET statement_timeout = '10min';
    SET lock_timeout = '10s';
    SET idle_in_transaction_session_timeout = 0;
    SET idle_session_timeout = 0;
    SET client_min_messages = warning;
    SET temp_buffers = '16MB';
    SET jit = off";

/// One connection.
pub(crate) struct Session {
    client: Client,
    statements: HashMap<String, Statement>,
    /// Names of staging tables by their columns.
    stages: HashMap<String, String>,
}

impl Session {
    /// Connects, and checks that the server will do.
    pub(crate) async fn connect(target: &Target) -> Result<Self, PostgresError> {
        let client = dial(target).await?;
        let session = Self { client, statements: HashMap::new(), stages: HashMap::new() };
        let failed = || PostgresError::sql("ask what server this is");
        let row = session
            .client
            .query_one(
                "SELECT current_setting('server_version_num')::int4, current_setting('server_encoding'),
                        pg_catalog.pg_is_in_recovery()",
                &[],
            )
            .await
            .map_err(failed())?;
        let (version, encoding, is_standby): (i32, String, bool) = (row.get(0), row.get(1), row.get(2));
        let server = |rule: &str| Err(PostgresError::Server { rule: rule.to_owned() });
        if version < OLDEST {
            return server("it is older than version 14");
        }
        if encoding != "UTF8" {
            return server("the database's encoding is not UTF8");
        }
        if is_standby {
            return server("it is a standby, which takes no writes");
        }
        session.run("set up a connection", SETTINGS).await?;
        Ok(session)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Statements without rows, all in one go.
    pub(crate) async fn run(&self, action: &str, sql: &str) -> Result<(), PostgresError> {
        self.client.batch_execute(sql).await.map_err(PostgresError::sql(action))
    }

    /// Statements without parameters, all in one go: how many rows each changed.
    pub(crate) async fn counts(&self, action: &str, sql: &str) -> Result<Vec<u64>, PostgresError> {
        let messages = self.client.simple_query(sql).await.map_err(PostgresError::sql(action))?;
        let count = |message| match message {
            SimpleQueryMessage::CommandComplete(count) => Some(count),
            _ => None,
        };
        Ok(messages.into_iter().filter_map(count).collect())
    }

    /// The one value of a statement that is not used again.
    pub(crate) async fn value(&self, action: &str, sql: &str) -> Result<String, PostgresError> {
        let messages = self.client.simple_query(sql).await.map_err(PostgresError::sql(action))?;
        let value = messages.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.try_get(0).ok().flatten(),
            _ => None,
        });
        Ok(value.unwrap_or_default().to_owned())
    }

    /// Rows of a statement that is used again and again.
    pub(crate) async fn query(
        &mut self,
        action: &str,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, PostgresError> {
        let statement = self.prepared(action, sql).await?;
        self.client.query(&statement, parameters).await.map_err(PostgresError::sql(action))
    }

    async fn prepared(&mut self, action: &str, sql: &str) -> Result<Statement, PostgresError> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        if self.statements.len() >= KEPT {
            self.statements.clear();
        }
        let statement = self.client.prepare(sql).await.map_err(PostgresError::sql(action))?;
        self.statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    /// A temporary table with these columns and whatever rows were left in it. Tables of one shape share it.
    pub(crate) async fn stage(&mut self, action: &str, columns: &str) -> Result<String, PostgresError> {
        if let Some(name) = self.stages.get(columns) {
            return Ok(name.clone());
        }
        if self.stages.len() >= KEPT {
            let names: Vec<String> = self.stages.drain().map(|(_, name)| name).collect();
            self.run(action, &format!("DROP TABLE {}", names.join(", "))).await?;
        }
        let name = format!("pg_temp.stage_{}", self.stages.len());
        self.run(action, &format!("CREATE TEMPORARY TABLE {name} ({columns})")).await?;
        self.stages.insert(columns.to_owned(), name.clone());
        Ok(name)
    }

    /// Begins a COPY from here.
    pub(crate) async fn copy_in(
        &mut self,
        action: &str,
        sql: &str,
    ) -> Result<CopyInSink<bytes::Bytes>, PostgresError> {
        let statement = self.prepared(action, sql).await?;
        self.client.copy_in(&statement).await.map_err(PostgresError::sql(action))
    }

    /// Begins a COPY to here.
    pub(crate) async fn copy_out(&self, action: &str, sql: &str) -> Result<CopyOutStream, PostgresError> {
        self.client.copy_out(sql).await.map_err(PostgresError::sql(action))
    }
}

async fn dial(target: &Target) -> Result<Client, PostgresError> {
    let failed = || PostgresError::sql("connect to PostgreSQL");
    let Some(tls) = &target.tls else {
        let (client, connection) = target.config.connect(NoTls).await.map_err(failed())?;
        tokio::spawn(connection);
        return Ok(client);
    };
    let tls = MakeRustlsConnect::new(tls.client()?);
    let (client, connection) = target.config.connect(tls).await.map_err(failed())?;
    tokio::spawn(connection);
    Ok(client)
}
