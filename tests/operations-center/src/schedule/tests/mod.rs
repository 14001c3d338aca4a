//! The schedule carried out: by tasks that only take notes, and by the Mirroring Task against a receiver on a socket.

mod against_a_receiver;
mod with_notes;

use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::application::Application;
use crate::clock::Clock;
use crate::fixture::{HandClock, application};

/// 2026-01-01 00:00 UTC, as the receiver of the fixture stamps it.
const NOW: i64 = 1_767_225_600;
const STAMP: &str = "202601010000";
/// 07:00 of that day.
const MORNING_MS: i64 = NOW * 1000 + 7 * HOUR_MS;

/// A register whose assignments stay and whose maintenance follows the schedule's clock.
struct Book {
    assignments: Vec<Arc<Assignment>>,
    /// Tenant, from when, until when.
    maintenance: Vec<(&'static str, i64, i64)>,
}

impl Book {
    /// Every one of `tenants` approves every one of `applications`; their databases are in `folder`.
    fn new(folder: &Path, url: &str, tenants: &[&str], applications: &[&str]) -> Self {
        let registered = |id: &&str| {
            let mut application = application().clone();
            application.id = (*id).to_owned();
            application.details.name = format!("the application {id}");
            application.details.technical_contact = "tech@example.com".to_owned();
            Arc::new(application)
        };
        let applications: Vec<_> = applications.iter().map(registered).collect();
        let assign = |tenant: &&str, application: &Arc<Application>| Assignment {
            tenant: (*tenant).to_owned(),
            tenant_file: folder.join(format!("{tenant}.db")),
            application: Arc::clone(application),
            url: url.to_owned(),
        };
        let of_tenant = |tenant| applications.iter().map(move |app| Arc::new(assign(tenant, app)));
        Self { assignments: tenants.iter().flat_map(of_tenant).collect(), maintenance: Vec::new() }
    }
}

impl Register for Book {
    fn assignments(&self, _now_ms: i64) -> Result<Vec<Arc<Assignment>>, RegisterError> {
        Ok(self.assignments.clone())
    }

    fn is_in_maintenance(&self, tenant: &str, now_ms: i64) -> Result<bool, RegisterError> {
        let is_now = |from_ms: i64, until_ms| (from_ms..until_ms).contains(&now_ms);
        let mut of_tenant = self.maintenance.iter().filter(|(name, ..)| *name == tenant);
        Ok(of_tenant.any(|(_, from_ms, until_ms)| is_now(*from_ms, *until_ms)))
    }
}

/// A real clock that moves only when it is waited for.
fn hand_clock() -> Arc<dyn Clock> {
    Arc::new(HandClock::at_seconds(NOW))
}
