//! Tenants by their names: each a file.

use std::path::{Path, PathBuf};

use super::error::CenterError;
use super::{Center, disk};
use crate::tenant::Tenant;

const NAME_RULE: &str = "letters, digits, - and _ only, 100 bytes at most, not - first, as in Cust10001";

impl Center {
    /// The names of all tenants, in order.
    ///
    /// # Errors
    /// [`CenterError::Disk`] when the folder cannot be read.
    pub fn tenants(&self) -> Result<Vec<String>, CenterError> {
        let files = disk::list(&self.tenants_folder())?;
        let databases =
            files.iter().filter(|path| path.extension().is_some_and(|extension| extension == "db"));
        Ok(databases.filter_map(|path| path.file_stem()?.to_str().map(str::to_owned)).collect())
    }

    /// Opens a tenant's database.
    ///
    /// # Errors
    /// [`CenterError::NoTenant`], or the database's failure.
    pub fn tenant(&self, name: &str) -> Result<Tenant, CenterError> {
        Ok(Tenant::open(&self.tenant_file(name)?)?)
    }

    /// Where a tenant's database is, or would be.
    #[must_use]
    pub fn tenant_path(&self, name: &str) -> PathBuf {
        self.tenants_folder().join(format!("{name}.db"))
    }

    /// Makes a tenant. `make` writes its database to the path that it is given, the stem of which is the tenant's name,
    /// and closes it; it appears among the tenants once it is complete, or not at all.
    ///
    /// # Errors
    /// What `make` returns, [`CenterError::Name`] and [`CenterError::TenantExists`], or what cannot be written.
    pub fn create_tenant<E: From<CenterError>>(
        &self,
        name: &str,
        make: impl FnOnce(&Path) -> Result<(), E>,
    ) -> Result<Tenant, E> {
        check_name(name)?;
        let draft = self.tenant_draft(name)?;
        let made = draft.path().join(format!("{name}.db"));
        make(&made)?;
        let _lock = disk::lock(&self.folder)?;
        self.check_unused_tenant(name)?;
        // Of a tenant of that name whose file was removed by hand.
        self.revoke_all(name)?;
        disk::rename(&made, &self.tenant_path(name))?;
        Ok(self.tenant(name)?)
    }

    /// Removes a tenant with its approvals. Copies of it that were backed up stay.
    ///
    /// # Errors
    /// [`CenterError::NoTenant`], or the failure to remove it, also while somebody has it open.
    pub fn drop_tenant(&self, name: &str) -> Result<(), CenterError> {
        let _lock = disk::lock(&self.folder)?;
        let tenant = self.tenant(name)?;
        // First, so that no schedule looks for a tenant that is gone.
        let approvals = self.revoke_all(name)?;
        tenant.remove().or_else(|error| {
            self.write_approvals(&approvals)?;
            Err(error.into())
        })
    }

    /// Copies a tenant's database to `to`, or else to a new file in the folder's `backups`. Returns the file.
    ///
    /// # Errors
    /// [`CenterError::NoTenant`], or the failure to write, also where the file exists.
    pub fn backup_tenant(&self, name: &str, to: Option<&Path>) -> Result<PathBuf, CenterError> {
        let tenant = self.tenant(name)?;
        let to = match to {
            Some(to) => to.to_owned(),
            None => {
                let folder = self.folder.join("backups");
                disk::make_folder(&folder)?;
                folder.join(format!("{name}-{}.db", self.clock.now_ms()))
            }
        };
        tenant.backup(&to)?;
        Ok(to)
    }

    /// The file of a tenant that exists.
    pub(super) fn tenant_file(&self, name: &str) -> Result<PathBuf, CenterError> {
        let file = self.tenant_path(name);
        if is_name(name) && file.exists() {
            Ok(file)
        } else {
            Err(CenterError::NoTenant { name: name.to_owned() })
        }
    }

    fn tenants_folder(&self) -> PathBuf {
        self.folder.join("tenants")
    }

    fn tenant_draft(&self, name: &str) -> Result<disk::Draft, CenterError> {
        let lock = disk::lock(&self.folder)?;
        self.check_unused_tenant(name)?;
        disk::draft(&self.tenants_folder(), &lock)
    }

    fn check_unused_tenant(&self, name: &str) -> Result<(), CenterError> {
        match self.tenant_path(name).exists() {
            true => Err(CenterError::TenantExists { name: name.to_owned() }),
            false => Ok(()),
        }
    }
}

fn check_name(name: &str) -> Result<(), CenterError> {
    match is_name(name) {
        true => Ok(()),
        false => Err(CenterError::Name { name: name.to_owned(), what: "a tenant's name", rule: NAME_RULE }),
    }
}

/// A name is also a file's.
fn is_name(name: &str) -> bool {
    let is_fit = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    !name.is_empty() && name.len() <= 100 && !name.starts_with('-') && name.chars().all(is_fit)
}
