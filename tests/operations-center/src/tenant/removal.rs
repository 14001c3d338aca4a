//! Removing a tenant's file.

use std::fs;

use rusqlite::ErrorCode;

use super::{Tenant, TenantError};

impl Tenant {
    /// Removes the database from the disk.
    ///
    /// A database must not go while somebody has it open: SQLite removes its log by name when it is closed, and would
    /// remove the log of a new database in the same place.
    ///
    /// # Errors
    /// [`TenantError::InUse`] while anybody else has it open, or the failure to remove it.
    pub fn remove(self) -> Result<(), TenantError> {
        // Leaving the write-ahead log works only for the last who has the database open.
        let left =
            self.db.pragma_update_and_check(None, "journal_mode", "DELETE", |row| row.get::<_, String>(0));
        let path = self.path;
        match left {
            Ok(mode) if mode == "delete" => {
                drop(self.db);
                fs::remove_file(&path).map_err(|source| TenantError::Remove { path, source })
            }
            Err(error) if error.sqlite_error_code() != Some(ErrorCode::DatabaseBusy) => {
                Err(TenantError::while_doing("closing it for good")(error))
            }
            _ => Err(TenantError::InUse { path }),
        }
    }
}
