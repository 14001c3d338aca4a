//! A database of a test's own.

use std::sync::atomic::{AtomicU32, Ordering};

use mirror_postgres::Place;
use tokio::runtime::Runtime;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

/// Dropped at the end.
pub(crate) struct Database {
    server: String,
    pub(crate) name: String,
    runtime: Runtime,
    client: Option<Client>,
}

/// `postgres://user@host:port`, without a database.
fn server() -> String {
    let url = std::env::var("MIRRORBUS_TEST_POSTGRES")
        .unwrap_or_else(|_| panic!("MIRRORBUS_TEST_POSTGRES is not set: run through make test"));
    let (server, _) = url.rsplit_once('/').unwrap();
    server.to_owned()
}

impl Database {
    pub(crate) fn new() -> Self {
        Self::at(server(), "")
    }

    /// On another server than the one that all tests share, with more in the statement that makes it.
    pub(crate) fn at(server: String, more: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let time = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
        let name = format!("mirror_test_{}_{time:x}_{number}", std::process::id());
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let admin = connect(&runtime, &format!("{server}/postgres"));
        runtime.block_on(admin.batch_execute(&format!("CREATE DATABASE {name} {more}"))).unwrap();
        let client = connect(&runtime, &format!("{server}/{name}"));
        Self { server, name, runtime, client: Some(client) }
    }

    pub(crate) fn url(&self) -> String {
        format!("{}/{}", self.server, self.name)
    }

    pub(crate) fn place(&self) -> Place {
        Place::new(self.url()).unwrap()
    }

    /// Connects again, after the server was restarted.
    pub(crate) fn reconnect(&mut self) {
        self.client = Some(connect(&self.runtime, &self.url()));
    }

    /// Another connection, for what has to stay open.
    pub(crate) fn another(&self) -> Other<'_> {
        Other { runtime: &self.runtime, client: connect(&self.runtime, &self.url()) }
    }

    pub(crate) fn run(&self, sql: &str) {
        self.runtime.block_on(self.client.as_ref().unwrap().batch_execute(sql)).unwrap_or_else(|error| {
            panic!("{sql}: {error:?}");
        });
    }

    /// Rows, cells joined by `|`, NULL as `NULL`.
    pub(crate) fn rows(&self, sql: &str) -> Vec<String> {
        rows(&self.runtime, self.client.as_ref().unwrap(), sql)
            .unwrap_or_else(|error| panic!("{sql}: {error:?}"))
    }

    /// The same of a statement that may fail.
    pub(crate) fn try_rows(&self, sql: &str) -> Option<Vec<String>> {
        rows(&self.runtime, self.client.as_ref().unwrap(), sql).ok()
    }
}

pub(crate) struct Other<'d> {
    runtime: &'d Runtime,
    client: Client,
}

impl Other<'_> {
    pub(crate) fn run(&self, sql: &str) {
        self.runtime.block_on(self.client.batch_execute(sql)).unwrap();
    }

    pub(crate) fn rows(&self, sql: &str) -> Vec<String> {
        rows(self.runtime, &self.client, sql).unwrap()
    }
}

fn rows(runtime: &Runtime, client: &Client, sql: &str) -> Result<Vec<String>, tokio_postgres::Error> {
    let messages = runtime.block_on(client.simple_query(sql))?;
    let row = |message: &SimpleQueryMessage| match message {
        SimpleQueryMessage::Row(row) => {
            let cells = (0..row.len()).map(|index| row.get(index).unwrap_or("NULL"));
            Some(cells.collect::<Vec<_>>().join("|"))
        }
        _ => None,
    };
    Ok(messages.iter().filter_map(row).collect())
}

fn connect(runtime: &Runtime, url: &str) -> Client {
    let (client, connection) = runtime.block_on(tokio_postgres::connect(url, NoTls)).unwrap();
    runtime.spawn(connection);
    client
}

impl Drop for Database {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("kept for a look: database {}", self.name);
            return;
        }
        self.client = None;
        let admin = connect(&self.runtime, &format!("{}/postgres", self.server));
        let drop = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        self.runtime.block_on(admin.batch_execute(&drop)).unwrap();
    }
}
