//! The files that are open for writing: never more than a fixed number, but for those in the middle of a transaction.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use mirrorbus_mirror::Copy;
use mirrorbus_schemas::topic::Tenant;
use rusqlite::Connection;

use crate::client::{copy_path, file, open_to_write};
use crate::error::SqliteError;

/// Each takes three descriptors and up to two megabytes of pages.
const OPEN_FILES: usize = 128;

/// One file per tenant, opened as needed.
#[derive(Debug)]
pub(crate) struct OpenFiles {
    folder: PathBuf,
    copy: Copy,
    open: HashMap<Tenant, Open>,
    /// How often any was used.
    uses: u64,
}

#[derive(Debug)]
struct Open {
    connection: Connection,
    last_use: u64,
}

impl OpenFiles {
    pub(crate) fn new(folder: &Path, copy: Copy) -> Result<Self, SqliteError> {
        std::fs::create_dir_all(folder).map_err(file("create folder", folder))?;
        Ok(Self { folder: folder.to_owned(), copy, open: HashMap::new(), uses: 0 })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn path(&self, tenant: &Tenant) -> PathBuf {
        copy_path(&self.folder, tenant, self.copy)
    }

    /// A tenant's file, made where it is missing.
    pub(crate) fn get(&mut self, tenant: &Tenant) -> Result<&mut Connection, SqliteError> {
        if !self.open.contains_key(tenant) {
            self.make_room();
            let connection = open_to_write(&self.path(tenant))?;
            self.open.insert(tenant.clone(), Open { connection, last_use: 0 });
        }
        self.uses += 1;
        match self.open.get_mut(tenant) {
            Some(open) => {
                open.last_use = self.uses;
                Ok(&mut open.connection)
            }
            None => unreachable!("inserted above"),
        }
    }

    /// Closes a tenant's file. A transaction that is open is given up.
    pub(crate) fn close(&mut self, tenant: &Tenant) {
        self.open.remove(tenant);
    }

    fn make_room(&mut self) {
        while self.open.len() >= OPEN_FILES {
            let idle = self.open.iter().filter(|(_, open)| open.connection.is_autocommit());
            let Some((oldest, _)) = idle.min_by_key(|(_, open)| open.last_use) else { return };
            let oldest = oldest.clone();
            self.close(&oldest);
        }
    }
}
