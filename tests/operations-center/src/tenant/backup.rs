//! Backup and restore, as operations do them to a source behind a mirror's back.

use std::path::Path;

use rusqlite::Connection;

use super::catalogue::{self, quoted};
use super::error::TenantError;
use super::{Tenant, commit, tracking};

impl Tenant {
    /// Writes a copy of the whole database to a new file.
    ///
    /// # Errors
    /// [`TenantError`] when the file exists or cannot be written.
    pub fn backup(&self, to: &Path) -> Result<(), TenantError> {
        if to.exists() {
            return Err(TenantError::FileExists { path: to.to_owned() });
        }
        self.db
            .execute("VACUUM INTO ?", [to.to_string_lossy()])
            .map(|_| ())
            .map_err(TenantError::while_doing("writing a backup"))
    }

    /// Takes everything back to what `backup` holds, the version of change tracking too: mirrors are then ahead of
    /// their source. What belongs to the Mirroring Task and not to the database stays: the last token time and the
    /// tenant's settings. Tables that get a dropped column back are not tracked afterwards.
    ///
    /// # Errors
    /// [`TenantError`] when there is no such backup or the database fails; then nothing is changed.
    pub fn restore(&self, backup: &Path) -> Result<(), TenantError> {
        // It is opened once on its own, since SQLite would make a missing file.
        drop(Self::open(backup)?);
        let failed = || TenantError::while_doing("restoring a backup");
        self.db.execute("ATTACH ? AS backup", [backup.to_string_lossy()]).map_err(failed())?;
        let restored = self.begin().and_then(|transaction| {
            restore(&transaction).map_err(failed())?;
            distrust(&transaction)?;
            commit(transaction)
        });
        self.db.execute_batch("DETACH backup").map_err(failed())?;
        restored
    }

    /// Lets `work` change the tenant until its version has passed `version`, and returns where it stands then. After a
    /// restore, and up to a mirror's position, this hides the restore: the vendor then takes the mirror for one that is
    /// behind, and only throwing it away makes it equal again. The vendor documents that as very rare.
    ///
    /// # Errors
    /// What `work` returns, or [`TenantError::NoVersion`] where it goes on without taking one.
    pub fn overtake<E: From<TenantError>>(
        &self,
        version: i64,
        mut work: impl FnMut(&Self) -> Result<(), E>,
    ) -> Result<i64, E> {
        let (mut now, mut idle) = (self.version()?, 0);
        while now <= version {
            work(self)?;
            let then = std::mem::replace(&mut now, self.version()?);
            idle = if now > then { 0 } else { idle + 1 };
            if idle == IDLE_ROUNDS {
                return Err(TenantError::NoVersion { version: now }.into());
            }
        }
        Ok(now)
    }
}

/// So much work may change nothing that is tracked.
const IDLE_ROUNDS: u32 = 100;

/// Replaces tables and tracking by those of the attached backup.
fn restore(db: &Connection) -> rusqlite::Result<()> {
    for name in names(db, r#"SELECT name FROM main."sys.tables""#)? {
        db.execute_batch(&format!("DROP TABLE main.{}", quoted(&name)))?;
    }
    let definitions = r#"SELECT sql FROM backup.sqlite_schema
                         WHERE type = 'table' AND name IN (SELECT name FROM backup."sys.tables")"#;
    for definition in names(db, definitions)? {
        db.execute_batch(&definition)?;
    }
    for name in names(db, r#"SELECT name FROM backup."sys.tables""#)? {
        copy(db, &name)?;
    }
    for own in ["sys.tables", "sys.columns", "sys.changes", "sys.versions"] {
        db.execute_batch(&format!("DELETE FROM main.{}", quoted(own)))?;
        copy(db, own)?;
    }
    db.execute_batch(r#"UPDATE main."sys.tenant" SET version = (SELECT version FROM backup."sys.tenant")"#)
}

/// Switches tracking off where a column is back that was gone, or was of another type, since the backup or before: a
/// mirror may have lost its values without any change of its position.
fn distrust(db: &Connection) -> Result<(), TenantError> {
    for table in catalogue::tables(db)? {
        if catalogue::has_former(db, &table.name, &table.columns)? {
            tracking::end(db, &table.name)?;
        }
    }
    Ok(())
}

fn names(db: &Connection, sql: &str) -> rusqlite::Result<Vec<String>> {
    db.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
}

/// Columns stand in the same order on both sides, which lets SQLite copy rows without looking into them.
fn copy(db: &Connection, table: &str) -> rusqlite::Result<()> {
    let table = quoted(table);
    db.execute_batch(&format!("INSERT INTO main.{table} SELECT * FROM backup.{table}"))
}
