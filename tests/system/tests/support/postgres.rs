//! A database of a test's own.

use mirror_postgres::Place;
use tokio::runtime::Runtime;
use tokio_postgres::{Client, NoTls, Row};

/// The server that all tests share.
const POSTGRES: &str = "MIRRORBUS_TEST_POSTGRES";

/// Dropped at the end.
pub struct Database {
    server: String,
    name: String,
    runtime: Runtime,
    client: Client,
}

impl Database {
    pub fn new() -> Self {
        let server = std::env::var(POSTGRES).unwrap_or_else(|_| {
            panic!("{POSTGRES} is not set: run through `make test`, which starts PostgreSQL")
        });
        let name = format!("mirrorbus_{:08x}", rand::random::<u32>());
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (client, connection) = runtime.block_on(tokio_postgres::connect(&server, NoTls)).unwrap();
        runtime.spawn(connection);
        runtime.block_on(client.batch_execute(&format!("CREATE DATABASE {name}"))).unwrap();
        Self { server, name, runtime, client }
    }

    pub fn url(&self) -> String {
        let (server, _) = self.server.rsplit_once('/').unwrap();
        format!("{server}/{}", self.name)
    }

    /// What a statement gives in a tenant's schema, in a connection of its own.
    pub fn query(&self, tenant: &str, sql: &str) -> Vec<Row> {
        let options = format!("{}?options=-csearch_path%3D%22{tenant}%22", self.url());
        self.runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(&options, NoTls).await.unwrap();
            tokio::spawn(connection);
            client.query(sql, &[]).await.unwrap()
        })
    }

    pub fn place(&self) -> Place {
        Place::new(self.url()).unwrap()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let dropped = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        if let Err(error) = self.runtime.block_on(self.client.batch_execute(&dropped)) {
            println!("database {} stays: {error}", self.name);
        }
    }
}
