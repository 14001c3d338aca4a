//! Backup and restore, as operations do them to a source behind a mirror's back.

use std::path::Path;

use rusqlite::Connection;

use super::catalogue::quoted;
use super::error::TenantError;
use super::{Tenant, commit};

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
    /// their source. Only the last token time stays, for it is the Mirroring Task's, not the database's.
    ///
    /// # Errors
    /// [`TenantError`] when there is no such backup or the database fails.
    pub fn restore(&self, backup: &Path) -> Result<(), TenantError> {
        let tables = Self::open(backup)?.tables()?;
        let failed = || TenantError::while_doing("restoring a backup");
        for table in self.tables()? {
            self.drop_table(&table.name)?;
        }
        for table in &tables {
            self.add_table(table)?;
        }
        self.db.execute("ATTACH ? AS backup", [backup.to_string_lossy()]).map_err(failed())?;
        let copied = self.begin().and_then(|transaction| {
            for table in &tables {
                copy(&transaction, &table.name, &table.column_list("")).map_err(failed())?;
            }
            for own in ["sys.tables", "sys.changes"] {
                transaction.execute(&format!("DELETE FROM {}", quoted(own)), []).map_err(failed())?;
                copy(&transaction, own, "*").map_err(failed())?;
            }
            transaction
                .execute(r#"UPDATE "sys.tenant" SET version = (SELECT version FROM backup."sys.tenant")"#, [])
                .map_err(failed())?;
            commit(transaction)
        });
        self.db.execute("DETACH backup", []).map_err(failed())?;
        copied
    }
}

fn copy(db: &Connection, table: &str, columns: &str) -> rusqlite::Result<()> {
    let table = quoted(table);
    let names = if columns == "*" { String::new() } else { format!("({columns})") };
    db.execute(&format!("INSERT INTO main.{table} {names} SELECT {columns} FROM backup.{table}"), [])
        .map(|_| ())
}
