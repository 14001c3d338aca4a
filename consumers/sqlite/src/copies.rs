//! Copies of a tenant: what is asked of them, and where they come from.

use std::collections::BTreeMap;
use std::time::Duration;

use mirrorbus_mirror::{Copies, Copy, Destination, DestinationError, Held, Memory, Snapshot};
use mirrorbus_schemas::topic::{Table, Tenant};

use crate::client::copy_path;
use crate::core::Sqlite;
use crate::error::SqliteError;
use crate::held::Hold;
use crate::snapshot::FileSnapshot;
use crate::{beside, kept, read};

impl Copies for Sqlite {
    fn tenants(&mut self) -> Result<Vec<Tenant>, DestinationError> {
        let found = read::tenants(self.files.folder())?.into_iter();
        Ok(found
            .map(|(tenant, _)| Tenant::new(tenant))
            .collect::<Result<_, _>>()
            .map_err(SqliteError::from)?)
    }

    fn inspect(&mut self, tenant: &Tenant, copy: Copy) -> Result<Option<Memory>, DestinationError> {
        let path = copy_path(self.files.folder(), tenant, copy);
        if !path.exists() {
            return Ok(None);
        }
        match FileSnapshot::open(&path) {
            Ok(snapshot) => Ok(Some(snapshot.memory().clone())),
            // A file that is just being made.
            Err(SqliteError::Format { found: 0, .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn snapshot(&mut self, tenant: &Tenant, copy: Copy) -> Result<Box<dyn Snapshot + '_>, DestinationError> {
        Ok(Box::new(FileSnapshot::open(&copy_path(self.files.folder(), tenant, copy))?))
    }

    /// As they were counted while they were applied.
    fn counts(&mut self, tenant: &Tenant, copy: Copy) -> Result<BTreeMap<Table, u64>, DestinationError> {
        let applied = read::applied(&copy_path(self.files.folder(), tenant, copy))?;
        let present = applied.into_iter().filter(|table| table.is_present);
        let counts = present.map(|of| Ok((Table::new(of.table)?, of.inserts.saturating_sub(of.deletes))));
        Ok(counts.collect::<Result<_, SqliteError>>()?)
    }

    /// Makes a live copy where there is none, so that one can be exchanged for it.
    fn hold(&mut self, tenant: &Tenant) -> Result<Box<dyn Held + '_>, DestinationError> {
        Ok(Box::new(Hold::take(self.files.folder(), tenant, &mut self.guards)?))
    }

    fn beside(&mut self, tenant: &Tenant) -> Result<Box<dyn Destination + Send>, DestinationError> {
        self.guards.remove(tenant);
        let guard = beside::make(self.files.folder(), tenant)?;
        self.guards.insert(tenant.clone(), guard);
        Ok(Box::new(Self::of(self.files.folder(), Copy::Beside)?))
    }

    /// What [`Copies::beside`] gave must be dropped first.
    fn discard(&mut self, tenant: &Tenant) -> Result<(), DestinationError> {
        self.guards.remove(tenant);
        Ok(beside::throw_away(self.files.folder(), tenant)?)
    }

    fn drop_kept(&mut self, tenant: &Tenant, older_than: Duration) -> Result<Vec<String>, DestinationError> {
        Ok(kept::drop_older(self.files.folder(), tenant, older_than)?)
    }
}

#[cfg(test)]
#[path = "copies_tests.rs"]
mod tests;
