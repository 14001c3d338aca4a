//! The Operations Center's folder as the schedule's register.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::register::{Assignment, Register, RegisterError};
use crate::application::Application;
use crate::center::{Center, CenterError};

/// How old what was read may be. A clock without waiting would else read the same files a thousand times a second.
const FRESH: Duration = Duration::from_millis(900);

type Read = (Instant, Vec<Arc<Assignment>>);

/// Approvals, Mirroring URLs and keys as they are on disk, whoever changes them while the schedule runs.
pub struct CenterRegister {
    center: Center,
    last: Mutex<Option<Read>>,
}

impl CenterRegister {
    /// The register of this center.
    #[must_use]
    pub fn new(center: Center) -> Self {
        Self { center, last: Mutex::new(None) }
    }

    fn read(&self) -> Result<Vec<Arc<Assignment>>, CenterError> {
        let mut applications: BTreeMap<String, Arc<Application>> = BTreeMap::new();
        let mut assignments = Vec::new();
        for approval in self.center.approvals()? {
            let application = match applications.get(&approval.application) {
                Some(application) => Arc::clone(application),
                None => Arc::new(self.center.application(&approval.application)?),
            };
            applications.insert(approval.application, Arc::clone(&application));
            if let Some(url) = application.details.mirroring.url() {
                let url = url.to_string();
                let (tenant_file, tenant) = (self.center.tenant_path(&approval.tenant), approval.tenant);
                assignments.push(Arc::new(Assignment { tenant, tenant_file, application, url }));
            }
        }
        Ok(assignments)
    }
}

impl Register for CenterRegister {
    fn assignments(&self, _now_ms: i64) -> Result<Vec<Arc<Assignment>>, RegisterError> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, assignments)) = last.as_ref().filter(|(read, _)| read.elapsed() < FRESH) {
            return Ok(assignments.clone());
        }
        let assignments = self.read().map_err(|error| RegisterError(error.into()))?;
        *last = Some((Instant::now(), assignments.clone()));
        Ok(assignments)
    }

    fn is_in_maintenance(&self, tenant: &str, _now_ms: i64) -> Result<bool, RegisterError> {
        let tenant = self.center.tenant(tenant).map_err(|error| RegisterError(error.into()))?;
        Ok(tenant.settings().map_err(|error| RegisterError(error.into()))?.maintenance)
    }
}
