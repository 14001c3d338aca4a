//! What is set about a tenant: whether it is in maintenance, and its preferences.
//!
//! The preferences are the vendor's: `BatchSize` and `SkipTable`, texts that a customer types in. They stand in the
//! tenant's database but are no data of its: a restored backup does not bring older ones back.

use std::fmt;

use rusqlite::params;

use super::{Tenant, TenantError};
use crate::crm::blocked;

const CREATE: &str =
    r#"CREATE TABLE IF NOT EXISTS "sys.settings" (name TEXT PRIMARY KEY, value TEXT NOT NULL)"#;
const MAINTENANCE: &str = "maintenance";
const BATCH_SIZE: &str = "batch_size";
const SKIP_TABLES: &str = "skip_tables";

/// A tenant's settings as they are at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Whether the tenant is being upgraded or restored: no cycle begins.
    pub maintenance: bool,
    /// About how many bytes of rows one call carries, where the customer has set it (`BatchSize`).
    pub batch_bytes: Option<usize>,
    /// Tables that the customer keeps from being mirrored (`SkipTable`), as they were typed in.
    pub skip_tables: Vec<String>,
}

impl Settings {
    /// Whether a table is mirrored: it is neither blocked for everybody nor skipped by the customer.
    #[must_use]
    pub fn mirrors(&self, table: &str) -> bool {
        !self.skips(table) && !blocked::is_blocked(table)
    }

    /// Whether the customer keeps a table from being mirrored. Capital letters make no difference.
    #[must_use]
    pub fn skips(&self, table: &str) -> bool {
        self.skip_tables.iter().any(|skipped| skipped.eq_ignore_ascii_case(table))
    }
}

/// Preferences that a customer can set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preference {
    /// About how many bytes of rows one call carries.
    BatchSize,
    /// Tables not to be mirrored, separated by commas.
    SkipTable,
}

impl Preference {
    /// By its name: `BatchSize`, `SkipTable` or `SkipTables`, whose capital letters make no difference.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "batchsize" => Some(Self::BatchSize),
            "skiptable" | "skiptables" => Some(Self::SkipTable),
            _ => None,
        }
    }

    fn setting(self) -> &'static str {
        match self {
            Self::BatchSize => BATCH_SIZE,
            Self::SkipTable => SKIP_TABLES,
        }
    }
}

impl fmt::Display for Preference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BatchSize => "BatchSize",
            Self::SkipTable => "SkipTable",
        })
    }
}

impl Tenant {
    /// The settings as they are now, also where another process has set them.
    ///
    /// # Errors
    /// [`TenantError`] when the database fails.
    pub fn settings(&self) -> Result<Settings, TenantError> {
        let failed = || TenantError::while_doing("reading the settings");
        self.db.execute_batch(CREATE).map_err(failed())?;
        let mut statement =
            self.db.prepare_cached(r#"SELECT name, value FROM "sys.settings""#).map_err(failed())?;
        let mut rows = statement.query([]).map_err(failed())?;
        let mut settings = Settings::default();
        while let Some(row) = rows.next().map_err(failed())? {
            let (name, value): (String, String) = row.try_into().map_err(failed())?;
            match name.as_str() {
                MAINTENANCE => settings.maintenance = true,
                BATCH_SIZE => settings.batch_bytes = value.parse().ok(),
                SKIP_TABLES => settings.skip_tables = names(&value),
                _ => {}
            }
        }
        Ok(settings)
    }

    /// Puts the tenant into maintenance or takes it out. Maintenance ends no cycle that runs, it lets none begin.
    ///
    /// # Errors
    /// [`TenantError`] when the database fails.
    pub fn set_maintenance(&self, on: bool) -> Result<(), TenantError> {
        if on { self.set(MAINTENANCE, "on") } else { self.unset(MAINTENANCE) }
    }

    /// Sets a preference, or takes it away where the value is empty.
    ///
    /// # Errors
    /// [`TenantError::Preference`] for a value that it cannot have, or the database's failure.
    pub fn set_preference(&self, preference: Preference, value: &str) -> Result<(), TenantError> {
        let value = value.trim();
        if value.is_empty() {
            return self.unset(preference.setting());
        }
        if preference == Preference::BatchSize && !value.parse::<usize>().is_ok_and(|bytes| bytes > 0) {
            let value = value.to_owned();
            return Err(TenantError::Preference { preference, value, rule: "a number of bytes above 0" });
        }
        self.set(preference.setting(), value)
    }

    fn set(&self, name: &str, value: &str) -> Result<(), TenantError> {
        let failed = || TenantError::while_doing("writing a setting");
        self.db.execute_batch(CREATE).map_err(failed())?;
        let sql = r#"INSERT INTO "sys.settings" VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"#;
        self.db.execute(sql, params![name, value]).map(|_| ()).map_err(failed())
    }

    fn unset(&self, name: &str) -> Result<(), TenantError> {
        let failed = || TenantError::while_doing("removing a setting");
        self.db.execute_batch(CREATE).map_err(failed())?;
        self.db.execute(r#"DELETE FROM "sys.settings" WHERE name = ?"#, [name]).map(|_| ()).map_err(failed())
    }
}

/// The names in a list with commas between them.
fn names(list: &str) -> Vec<String> {
    list.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant() -> (tempfile::TempDir, Tenant) {
        let folder = tempfile::tempdir().unwrap();
        let tenant = Tenant::create(&folder.path().join("Cust1.db")).unwrap();
        (folder, tenant)
    }

    #[test]
    fn settings_are_seen_by_whoever_has_the_tenant_open() {
        let (_folder, tenant) = tenant();
        let other = Tenant::open(tenant.path()).unwrap();
        assert_eq!(other.settings().unwrap(), Settings::default());
        tenant.set_maintenance(true).unwrap();
        tenant.set_preference(Preference::BatchSize, " 20000 ").unwrap();
        tenant.set_preference(Preference::SkipTable, "sale, Text,,y_booking ").unwrap();
        let settings = other.settings().unwrap();
        assert_eq!((settings.maintenance, settings.batch_bytes), (true, Some(20_000)));
        let tables = ["sale", "text", "Y_BOOKING", "contact", ""];
        assert_eq!(tables.map(|table| settings.skips(table)), [true, true, true, false, false]);
        other.set_maintenance(false).unwrap();
        other.set_preference(Preference::BatchSize, "").unwrap();
        other.set_preference(Preference::SkipTable, " ").unwrap();
        assert_eq!(tenant.settings().unwrap(), Settings::default());
    }

    #[test]
    fn a_batch_size_is_a_number_of_bytes() {
        let (_folder, tenant) = tenant();
        tenant.set_preference(Preference::BatchSize, "7").unwrap();
        for value in ["0", "-1", "1 MB", "1e6", "99999999999999999999999"] {
            let error = tenant.set_preference(Preference::BatchSize, value).unwrap_err().to_string();
            assert_eq!(error, format!("BatchSize cannot be '{value}', only a number of bytes above 0"));
        }
        assert_eq!(tenant.settings().unwrap().batch_bytes, Some(7));
    }

    #[test]
    fn a_restore_leaves_the_settings_as_they_are() {
        let (folder, tenant) = tenant();
        let backup = folder.path().join("backup.db");
        tenant.set_preference(Preference::SkipTable, "old").unwrap();
        tenant.backup(&backup).unwrap();
        tenant.set_preference(Preference::SkipTable, "new").unwrap();
        tenant.set_maintenance(true).unwrap();
        tenant.restore(&backup).unwrap();
        let settings = tenant.settings().unwrap();
        assert!(settings.maintenance && settings.skips("new"), "{settings:?}");
    }

    #[test]
    fn preferences_are_found_by_their_names() {
        for name in ["SkipTable", "SkipTables", "skiptables"] {
            assert_eq!(Preference::named(name), Some(Preference::SkipTable));
        }
        assert_eq!(Preference::named("BatchSize"), Some(Preference::BatchSize));
        assert_eq!(Preference::named("Colour"), None);
    }
}
