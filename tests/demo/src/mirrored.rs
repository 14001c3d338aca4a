//! What stands in a tenant's mirrors, read from each of them alone.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use mirror_postgres::{Place, Postgres};
use mirrorbus_mirror::verbs::{self, Sum};
use mirrorbus_mirror::{Copies as _, Copy, Patterns};
use mirrorbus_schemas::topic::Tenant;
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Client, NoTls};

/// One table of a mirror.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mirrored {
    /// Rows and checksum; `None` where the table left the source.
    pub sum: Option<Sum>,
    /// Inserts, updates and deletes since the mirror was made.
    pub applied: [u64; 3],
}

/// The tables of a SQLite mirror, by name; none where there is no file yet.
///
/// # Errors
/// When the file cannot be read.
pub fn in_sqlite(file: &Path) -> anyhow::Result<BTreeMap<String, Mirrored>> {
    let mut tables = BTreeMap::new();
    if !file.exists() {
        return Ok(tables);
    }
    for found in mirror_sqlite::applied(file)? {
        let sum = found.is_present.then(|| mirror_sqlite::checksum(file, &found.table)).transpose()?;
        let applied = [found.inserts, found.updates, found.deletes];
        tables.insert(found.table, Mirrored { sum: sum.map(Sum::from), applied });
    }
    Ok(tables)
}

/// A tenant's schema in a PostgreSQL database.
pub struct InPostgres {
    tenant: Tenant,
    copies: Postgres,
    runtime: Runtime,
    client: Client,
}

impl InPostgres {
    /// Connects.
    ///
    /// # Errors
    /// When the database does not let in.
    pub fn connect(url: &str, tenant: &str) -> anyhow::Result<Self> {
        let tenant = Tenant::new(tenant)?;
        let copies = Postgres::new(Place::new(url)?)?;
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let connected = runtime.block_on(tokio_postgres::connect(url, NoTls));
        let (client, connection) = connected.with_context(|| format!("cannot connect to {url}"))?;
        // Whoever uses the client learns that the connection broke.
        runtime.spawn(connection);
        Ok(Self { tenant, copies, runtime, client })
    }

    /// The tables of the mirror, by name; none where there is no mirror yet.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn tables(&mut self) -> anyhow::Result<BTreeMap<String, Mirrored>> {
        if self.copies.inspect(&self.tenant, Copy::Live)?.is_none() {
            return Ok(BTreeMap::new());
        }
        let mut tables = self.applied()?;
        for found in verbs::checksums(&mut self.copies, &self.tenant, &Patterns::default())? {
            tables.entry(found.table.to_string()).or_default().sum = Some(found.sum);
        }
        Ok(tables)
    }

    /// The counts alone, as the view that is there for users has them.
    fn applied(&self) -> anyhow::Result<BTreeMap<String, Mirrored>> {
        let sql = format!(
            r#"SELECT "table", inserts, updates, deletes FROM "{}"._mirror WHERE "table" IS NOT NULL"#,
            self.tenant
        );
        let rows = self.runtime.block_on(self.client.query(&sql, &[]))?;
        let tables = rows.iter().map(|row| {
            let applied = [1, 2, 3].map(|column| row.get::<_, i64>(column).unsigned_abs());
            (row.get(0), Mirrored { sum: None, applied })
        });
        Ok(tables.collect())
    }
}
