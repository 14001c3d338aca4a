//! SQLite: `mirror-sqlite`, and prepared upserts in transactions of the mirror's size, with the mirror's pragmas.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::Database;
use super::process::Target;
use super::source::{KEY, Source, TABLE, TENANT, UPDATED};
use crate::stage::Stage;

/// The mirror's folder, and a file that is written without it.
pub(crate) struct Sqlite {
    folder: PathBuf,
    plain: PathBuf,
    rows: Vec<Vec<Value>>,
}

impl Sqlite {
    pub(crate) fn new(stage: &Stage) -> anyhow::Result<Self> {
        let (folder, plain) = (stage.folder.join("mirror-sqlite"), stage.folder.join("plain-sqlite"));
        Ok(Self { folder, plain, rows: Vec::new() })
    }

    fn mirror(&self) -> PathBuf {
        self.folder.join(format!("{TENANT}.sqlite"))
    }

    /// The file to write, as the mirror opens its own, with the mirror's table.
    fn open(&self, into_empty: bool) -> anyhow::Result<Connection> {
        if into_empty {
            remove(&self.plain)?;
            std::fs::create_dir_all(&self.plain)?;
        }
        let connection = Connection::open(self.plain.join("plain.sqlite"))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        if into_empty {
            let sql = "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?";
            let create: String =
                Connection::open(self.mirror())?.query_row(sql, [TABLE], |row| row.get(0))?;
            connection.execute_batch(&create)?;
        }
        Ok(connection)
    }
}

impl Target for Sqlite {
    const PROGRAM: &'static str = "mirror-sqlite";
    const HAS_SERVER: bool = false;

    fn point(&self, command: &mut Command) -> anyhow::Result<()> {
        command.arg("--folder").arg(&self.folder);
        Ok(())
    }

    fn settle(&mut self) -> anyhow::Result<()> {
        Ok(())
    }

    fn next_offset(&mut self, topic: &str) -> anyhow::Result<Option<i64>> {
        let file = self.mirror();
        // A file that is just being made is no mirror yet, which is no error here.
        let progress =
            if file.exists() { mirror_sqlite::progress(&file).unwrap_or_default() } else { Vec::new() };
        Ok(progress.iter().find(|partition| partition.topic == topic).map(|partition| partition.next_offset))
    }

    fn server_cpu(&self) -> anyhow::Result<Duration> {
        Ok(Duration::ZERO)
    }
}

impl Database for Sqlite {
    const NAME: &'static str = "sqlite";
    /// The mirror's own default: both have as many commits.
    const BATCHES: &'static [usize] = &[50_000];

    fn clear(&mut self) -> anyhow::Result<()> {
        remove(&self.folder)
    }

    fn take(&mut self, since: Option<&str>) -> anyhow::Result<usize> {
        let connection = Connection::open(self.mirror())?;
        let rows = match since {
            None => format!("SELECT * FROM {TABLE} ORDER BY {KEY}"),
            Some(since) => {
                format!("SELECT * FROM {TABLE} WHERE {UPDATED} >= '{since}' ORDER BY {UPDATED}, {KEY}")
            }
        };
        let mut select = connection.prepare(&rows)?;
        let width = select.column_count();
        let read = select.query_map([], |row| (0..width).map(|index| row.get(index)).collect())?;
        self.rows = read.collect::<Result<_, _>>()?;
        Ok(self.rows.len())
    }

    fn write(&mut self, into_empty: bool, batch: usize) -> anyhow::Result<Duration> {
        let mut connection = self.open(into_empty)?;
        let upsert = upsert(&connection)?;
        let began = Instant::now();
        for rows in self.rows.chunks(batch) {
            let transaction = connection.transaction()?;
            let mut statement = transaction.prepare_cached(&upsert)?;
            for row in rows {
                statement.execute(params_from_iter(row))?;
            }
            drop(statement);
            transaction.commit()?;
        }
        Ok(began.elapsed())
    }

    fn check(&self, source: &Source) -> anyhow::Result<()> {
        let (ours, theirs) = (mirror_sqlite::checksum(&self.mirror(), TABLE)?, source.checksum()?);
        anyhow::ensure!(ours == theirs, "SQLite's mirror is not its source");
        Ok(())
    }
}

fn upsert(connection: &Connection) -> anyhow::Result<String> {
    let mut names = connection.prepare("SELECT name FROM pragma_table_info(?)")?;
    let names: Vec<String> = names.query_map([TABLE], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let places = vec!["?"; names.len()].join(", ");
    Ok(format!("INSERT INTO {TABLE} VALUES ({places}) ON CONFLICT ({KEY}) DO UPDATE SET {}", set(&names)))
}

/// Every column but the key becomes what would have been inserted.
pub(super) fn set(names: &[String]) -> String {
    let others = names.iter().filter(|name| *name != KEY);
    others.map(|name| format!("{name} = excluded.{name}")).collect::<Vec<_>>().join(", ")
}

fn remove(folder: &Path) -> anyhow::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use mirrorbus_mirror::Settings;
    use mirrorbus_schemas::topic::Prefix;

    use super::*;

    #[test]
    fn both_sides_have_as_many_commits() {
        let settings = Settings::new("", "", Prefix::new("bench").unwrap());
        assert_eq!(Sqlite::BATCHES, [settings.batch_records]);
    }
}
