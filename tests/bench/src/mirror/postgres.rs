//! PostgreSQL: `mirror-postgres`, and binary COPY into a temporary table with one upsert per transaction. Both write to the
//! same server, each to a database of its own.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use futures_util::{SinkExt as _, TryStreamExt as _, pin_mut};
use mirrorbus_mirror::{Patterns, verbs};
use mirrorbus_schemas::topic::Tenant;
use tokio::runtime::Runtime;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, NoTls};

use super::Database;
use super::copy::Rows;
use super::process::Target;
use super::source::{KEY, Source, TABLE, TENANT, UPDATED};
use super::sqlite::set;
use crate::stage::Stage;
use services::kernel;

/// For both sides. Autovacuum would clean up after one of them while the other is measured, and checkpoints are made
/// before each run instead of in the middle of some.
const SETTINGS: [(&str, &str); 5] = [
    ("shared_buffers", "512MB"),
    ("fsync", "on"),
    ("synchronous_commit", "on"),
    ("autovacuum", "off"),
    ("max_wal_size", "8GB"),
];
/// The mirror's database, and the other one.
const MIRROR: &str = "mirror";
const PLAIN: &str = "plain";
/// Before the mirror has made its schema and its tables.
const NOT_THERE: [SqlState; 2] = [SqlState::UNDEFINED_TABLE, SqlState::INVALID_SCHEMA_NAME];
/// What one message of COPY carries; the client library copies small ones and passes large ones on.
const CHUNK: usize = 64 * 1024;

/// A server of its own, whose settings are the same for whoever writes.
pub(crate) struct Postgres {
    server: kernel::Process,
    /// The server's URL without a database.
    base: String,
    runtime: Runtime,
    admin: Client,
    /// Of the mirror's database.
    mirror: Client,
    rows: Rows,
}

impl Postgres {
    /// Settings for the services' server.
    pub(crate) fn settings() -> Vec<(String, String)> {
        SETTINGS.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
    }

    pub(crate) fn new(stage: &Stage) -> anyhow::Result<Self> {
        let (url, server) = stage.postgres()?;
        Self::on(&url, server)
    }

    fn on(url: &str, server: kernel::Process) -> anyhow::Result<Self> {
        let (base, _) = url.rsplit_once('/').context("a URL without a database")?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let admin = connect(&runtime, url)?;
        let mirror = fresh(&runtime, &admin, base, MIRROR)?;
        Ok(Self { server, base: base.to_owned(), runtime, admin, mirror, rows: Rows::default() })
    }

    fn url(&self, database: &str) -> String {
        format!("{}/{database}", self.base)
    }

    /// The table as the mirror made it, in a database of its own: columns, types, NOT NULL and the primary key.
    fn create_table(&self) -> anyhow::Result<()> {
        let create = self.runtime.block_on(definition(&self.mirror))?;
        let plain = fresh(&self.runtime, &self.admin, &self.base, PLAIN)?;
        execute(&self.runtime, &plain, &create)
    }
}

/// `CREATE TABLE` for what the mirror's table is.
async fn definition(mirror: &Client) -> anyhow::Result<String> {
    let sql = "SELECT quote_ident(attname) || ' ' || format_type(atttypid, atttypmod)
                   || CASE WHEN attnotnull THEN ' NOT NULL' ELSE '' END
               FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped
               ORDER BY attnum";
    let columns = mirror.query(sql, &[&table()]).await?;
    let columns: Vec<String> = columns.iter().map(|row| row.get(0)).collect();
    Ok(format!("CREATE TABLE {TABLE} ({}, PRIMARY KEY ({KEY}))", columns.join(", ")))
}

/// The mirror's table, with its schema.
fn table() -> String {
    format!(r#""{TENANT}"."{TABLE}""#)
}

impl Target for Postgres {
    const PROGRAM: &'static str = "mirror-postgres";
    const HAS_SERVER: bool = true;

    fn point(&self, command: &mut Command) -> anyhow::Result<()> {
        command.arg("--postgres").arg(self.url(MIRROR));
        Ok(())
    }

    fn settle(&mut self) -> anyhow::Result<()> {
        execute(&self.runtime, &self.admin, "CHECKPOINT")
    }

    fn next_offset(&mut self, topic: &str) -> anyhow::Result<Option<i64>> {
        let sql = format!(r#"SELECT next_offset FROM "{TENANT}"._mirror_offsets WHERE topic = $1"#);
        match self.runtime.block_on(self.mirror.query_opt(&sql, &[&topic])) {
            Ok(row) => Ok(row.map(|row| row.get(0))),
            Err(error) if NOT_THERE.iter().any(|code| error.code() == Some(code)) => Ok(None),
            Err(error) => Err(error).context("cannot ask for the mirror's position"),
        }
    }

    fn server_cpu(&self) -> anyhow::Result<Duration> {
        Ok(self.server.family_cpu()?)
    }
}

impl Database for Postgres {
    const NAME: &'static str = "postgres";
    const BATCHES: &'static [usize] = &[5_000, 10_000, 25_000, 100_000];

    fn clear(&mut self) -> anyhow::Result<()> {
        self.mirror = fresh(&self.runtime, &self.admin, &self.base, MIRROR)?;
        Ok(())
    }

    fn take(&mut self, since: Option<&str>) -> anyhow::Result<usize> {
        let table = table();
        let copy = match since {
            None => format!("COPY (SELECT * FROM {table} ORDER BY {KEY}) TO STDOUT (FORMAT binary)"),
            Some(since) => format!(
                "COPY (SELECT * FROM {table} WHERE {UPDATED} >= '{since}' ORDER BY {UPDATED}, {KEY})
                 TO STDOUT (FORMAT binary)"
            ),
        };
        let data = self.runtime.block_on(async {
            let stream = self.mirror.copy_out(&copy).await?;
            stream
                .try_fold(Vec::new(), |mut all, part| async move {
                    all.extend_from_slice(&part);
                    Ok(all)
                })
                .await
        })?;
        self.rows = Rows::read(data)?;
        Ok(self.rows.len())
    }

    fn write(&mut self, into_empty: bool, batch: usize) -> anyhow::Result<Duration> {
        if into_empty {
            self.create_table()?;
        }
        let mut client = connect(&self.runtime, &self.url(PLAIN))?;
        let streams = self.rows.streams(batch);
        self.settle()?;
        self.runtime.block_on(write(&mut client, &streams))
    }

    fn check(&self, source: &Source) -> anyhow::Result<()> {
        let mut copies = mirror_postgres::Postgres::new(mirror_postgres::Place::new(self.url(MIRROR))?)?;
        let sums = verbs::checksums(&mut copies, &Tenant::new(TENANT)?, &Patterns::default())?;
        let ours = sums.into_iter().find(|sum| sum.table.as_str() == TABLE).map(|found| found.sum);
        anyhow::ensure!(ours == Some(source.checksum()?.into()), "PostgreSQL's mirror is not its source");
        Ok(())
    }
}

/// One transaction for each stream.
async fn write(client: &mut Client, streams: &[Bytes]) -> anyhow::Result<Duration> {
    let names = "SELECT attname::text FROM pg_attribute
                 WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped";
    let names: Vec<String> = client.query(names, &[&TABLE]).await?.iter().map(|row| row.get(0)).collect();
    let stage = format!("CREATE TEMPORARY TABLE stage (LIKE {TABLE}) ON COMMIT DELETE ROWS");
    client.batch_execute(&stage).await?;
    let upsert =
        format!("INSERT INTO {TABLE} SELECT * FROM stage ON CONFLICT ({KEY}) DO UPDATE SET {}", set(&names));
    let upsert = client.prepare(&upsert).await?;
    let began = Instant::now();
    for stream in streams {
        let transaction = client.transaction().await?;
        let sink = transaction.copy_in("COPY stage FROM STDIN (FORMAT binary)").await?;
        pin_mut!(sink);
        let mut rest = stream.clone();
        while !rest.is_empty() {
            sink.feed(rest.split_to(CHUNK.min(rest.len()))).await?;
        }
        sink.finish().await?;
        transaction.execute(&upsert, &[]).await?;
        transaction.commit().await?;
    }
    Ok(began.elapsed())
}

/// A connection to a new database of this name, in place of one that there may be.
fn fresh(runtime: &Runtime, admin: &Client, base: &str, database: &str) -> anyhow::Result<Client> {
    execute(runtime, admin, &format!("DROP DATABASE IF EXISTS {database} WITH (FORCE)"))?;
    execute(runtime, admin, &format!("CREATE DATABASE {database}"))?;
    connect(runtime, &format!("{base}/{database}"))
}

fn execute(runtime: &Runtime, client: &Client, statements: &str) -> anyhow::Result<()> {
    runtime.block_on(client.batch_execute(statements)).with_context(|| statements.to_owned())
}

fn connect(runtime: &Runtime, url: &str) -> anyhow::Result<Client> {
    let (client, connection) = runtime.block_on(tokio_postgres::connect(url, NoTls))?;
    // Whoever uses the client learns that the connection broke.
    runtime.spawn(connection);
    Ok(client)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_mirror_wrote_is_written_beside_it_and_updated() {
        let folder = std::env::temp_dir().join(format!("bench-postgres-{}", std::process::id()));
        let server = services::Postgres::start(&folder, &[], &mut |_| {}).unwrap();
        let mut postgres = Postgres::on(&server.url(), server.process().unwrap()).unwrap();
        assert_eq!(postgres.next_offset("crm.Cust1.sale").unwrap(), None, "there is no mirror yet");
        let make = r#"CREATE SCHEMA "CustMirror"; SET search_path = "CustMirror";
            CREATE TABLE _mirror_offsets (topic text, next_offset bigint);
            INSERT INTO _mirror_offsets VALUES ('t', 7);
            CREATE TABLE sale (sale_id int PRIMARY KEY, amount numeric(19,4) NOT NULL, updated timestamp(3));
            INSERT INTO sale SELECT i, i / 3.0, NULL FROM generate_series(1, 1000) i"#;
        execute(&postgres.runtime, &postgres.mirror, make).unwrap();
        assert_eq!(postgres.next_offset("t").unwrap(), Some(7));
        assert_eq!(postgres.take(None).unwrap(), 1000);
        postgres.write(true, 300).unwrap();
        assert_eq!(sums(&postgres, MIRROR, &table()), sums(&postgres, PLAIN, TABLE));

        let change =
            r#"UPDATE "CustMirror".sale SET amount = 1, updated = '2020-01-02' WHERE sale_id % 4 = 0"#;
        execute(&postgres.runtime, &postgres.mirror, change).unwrap();
        assert_eq!(postgres.take(Some("2020-01-02 00:00:00")).unwrap(), 250);
        postgres.write(false, 100).unwrap();
        assert_eq!(sums(&postgres, MIRROR, &table()), sums(&postgres, PLAIN, TABLE));
        postgres.clear().unwrap();
        assert_eq!(postgres.next_offset("t").unwrap(), None);
        drop((postgres, server));
        std::fs::remove_dir_all(folder).unwrap();
    }

    fn sums(postgres: &Postgres, database: &str, table: &str) -> String {
        let client = connect(&postgres.runtime, &postgres.url(database)).unwrap();
        let sql = format!("SELECT md5(string_agg(t::text, ',' ORDER BY sale_id)) FROM {table} t");
        postgres.runtime.block_on(client.query_one(&sql, &[])).unwrap().get(0)
    }
}
