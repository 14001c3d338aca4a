//! A mirror in a folder of its own, and what a test asks of its files.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use mirror_sqlite::{MirrorError, Running, Settings};
use mirrorbus_schemas::topic::Tenant;
use rusqlite::Connection;
use tempfile::TempDir;

use super::source::{Shape, Source, until};

pub(crate) struct Mirror {
    folder: TempDir,
    running: Option<Running>,
    settings: Settings,
}

/// Two columns and a decimal.
pub(crate) fn contact() -> Shape {
    Shape {
        table: "contact",
        columns: vec![("id", r#""int""#, "int"), ("name", r#""string""#, "nvarchar(255)")],
    }
}

impl Mirror {
    pub(crate) fn start(source: &Source) -> Self {
        Self::start_with(Settings::new(&source.kafka, &source.registry, source.prefix.clone()))
    }

    pub(crate) fn start_with(settings: Settings) -> Self {
        let mut mirror = Self { folder: TempDir::new().unwrap(), running: None, settings };
        mirror.resume();
        mirror
    }

    pub(crate) fn resume(&mut self) {
        self.running = Some(mirror_sqlite::spawn(self.settings.clone(), self.folder.path()).unwrap());
    }

    pub(crate) fn stop(&mut self) {
        self.running.take().unwrap().stop().unwrap();
    }

    /// Waits until it ends by itself.
    pub(crate) fn wait(&mut self) -> Result<(), MirrorError> {
        let running = self.running.take().unwrap();
        until("the mirror ended", || running.is_finished());
        running.wait()
    }

    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub(crate) fn path(&self, tenant: &str) -> PathBuf {
        mirror_sqlite::tenant_path(self.folder.path(), &Tenant::new(tenant).unwrap())
    }

    pub(crate) fn next_offset(&self, tenant: &str, topic: &str, partition: i32) -> Option<i64> {
        let progress = mirror_sqlite::progress(&self.path(tenant)).ok()?;
        let found = progress.into_iter().find(|p| p.topic == topic && p.partition == partition);
        found.map(|found| found.next_offset)
    }

    /// Waits until everything committed of the topic is applied.
    pub(crate) fn catch_up(&self, source: &Source, tenant: &str, topic: &str) {
        let end = source.end(topic, 0);
        until(&format!("{topic} is applied up to {end}"), || {
            self.next_offset(tenant, topic, 0).is_some_and(|next| next >= end)
        });
    }

    pub(crate) fn connection(&self, tenant: &str) -> Connection {
        Connection::open(self.path(tenant)).unwrap()
    }

    /// All rows, each as text, in the order of the key; `None` without such a table.
    pub(crate) fn rows(&self, tenant: &str, table: &str) -> Option<Vec<String>> {
        let connection = self.connection(tenant);
        let mut select = connection.prepare(&format!("SELECT * FROM {table} ORDER BY 1")).ok()?;
        let names: Vec<String> = select.column_names().map(str::to_owned).collect();
        let rows = select.query_map([], |row| {
            let cells = names.iter().enumerate().map(|(index, name)| {
                let value: rusqlite::types::Value = row.get(index)?;
                let text = match value {
                    rusqlite::types::Value::Null => "NULL".to_owned(),
                    rusqlite::types::Value::Integer(number) => number.to_string(),
                    rusqlite::types::Value::Real(number) => format!("{number:?}"),
                    rusqlite::types::Value::Text(text) => format!("'{text}'"),
                    rusqlite::types::Value::Blob(bytes) => format!("{bytes:02x?}"),
                };
                Ok(format!("{name}={text}"))
            });
            Ok(cells.collect::<rusqlite::Result<Vec<_>>>()?.join(" "))
        });
        // It can leave between the two.
        rows.ok()?.collect::<rusqlite::Result<_>>().ok()
    }

    /// Inserts, updates and deletes applied to a table.
    pub(crate) fn counts(&self, tenant: &str, table: &str) -> (u64, u64, u64) {
        let applied = mirror_sqlite::applied(&self.path(tenant)).unwrap();
        let table = applied.into_iter().find(|applied| applied.table == table).unwrap();
        (table.inserts, table.updates, table.deletes)
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        if let Some(running) = self.running.take()
            && !std::thread::panicking()
        {
            running.stop().unwrap();
        }
    }
}

/// Says when it is dropped, also by a test that fails.
pub(crate) struct Done<'d>(pub(crate) &'d AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
