//! Which tenant approved which application, and when.
//!
//! All approvals stand in one file, because a schedule asks for all of them again and again.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::error::CenterError;
use super::{Center, disk};

/// A tenant's consent: the Mirroring Task may call the application for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Approval {
    /// The tenant's name.
    pub tenant: String,
    /// The application's id.
    pub application: String,
    /// When it was given, in milliseconds since 1970 UTC. Revoked and given again it is a new one.
    pub approved_ms: i64,
}

impl Center {
    /// All approvals, in the order of tenants and ids.
    ///
    /// # Errors
    /// [`CenterError`] when they cannot be read.
    pub fn approvals(&self) -> Result<Vec<Approval>, CenterError> {
        disk::read_json(&self.approvals_path())
    }

    /// A tenant approves an application. What is approved already stays as it is.
    ///
    /// # Errors
    /// [`CenterError::NoTenant`], [`CenterError::NoApplication`], or what cannot be written.
    pub fn approve(&self, tenant: &str, id_or_name: &str) -> Result<Approval, CenterError> {
        let _lock = disk::lock(&self.folder)?;
        self.tenant_file(tenant)?;
        let application = self.application(id_or_name)?.id;
        let mut approvals = self.approvals()?;
        if let Some(given) = approvals.iter().find(|given| given.is_of(tenant, &application)) {
            return Ok(given.clone());
        }
        let tenant = tenant.to_owned();
        let approval = Approval { tenant, application, approved_ms: self.clock.now_ms() };
        approvals.push(approval.clone());
        approvals.sort();
        self.write_approvals(&approvals)?;
        Ok(approval)
    }

    /// Takes an approval back: no cycle begins any more.
    ///
    /// # Errors
    /// [`CenterError::NotApproved`], or what cannot be written.
    pub fn revoke(&self, tenant: &str, id_or_name: &str) -> Result<(), CenterError> {
        let _lock = disk::lock(&self.folder)?;
        let application = match self.application(id_or_name) {
            // Its folder was removed by hand; its approvals can still be taken back by its id.
            Err(CenterError::NoApplication { name }) => name,
            found => found?.id,
        };
        let mut approvals = self.approvals()?;
        let before = approvals.len();
        approvals.retain(|given| !given.is_of(tenant, &application));
        if approvals.len() == before {
            return Err(CenterError::NotApproved { tenant: tenant.to_owned(), application });
        }
        self.write_approvals(&approvals)
    }

    /// Takes back all approvals of a tenant, and returns all approvals as they were. Whoever calls holds the lock.
    pub(super) fn revoke_all(&self, tenant: &str) -> Result<Vec<Approval>, CenterError> {
        let before = self.approvals()?;
        let mut left = before.clone();
        left.retain(|given| given.tenant != tenant);
        if left != before {
            self.write_approvals(&left)?;
        }
        Ok(before)
    }

    /// Whoever calls holds the lock.
    pub(super) fn write_approvals(&self, approvals: &[Approval]) -> Result<(), CenterError> {
        disk::write_json(&self.approvals_path(), &approvals)
    }

    fn approvals_path(&self) -> PathBuf {
        self.folder.join("approvals.json")
    }
}

impl Approval {
    /// Whether it is this tenant's for the application with this id.
    #[must_use]
    pub fn is_of(&self, tenant: &str, application: &str) -> bool {
        self.tenant == tenant && self.application == application
    }
}
