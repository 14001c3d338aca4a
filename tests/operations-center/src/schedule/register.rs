//! Who is to be mirrored: what the schedule asks the Operations Center again and again.

use std::path::PathBuf;
use std::sync::Arc;

use super::plan::Pair;
use crate::application::Application;

/// A tenant, an application that it approved, and where to call it.
#[derive(Clone, Debug)]
pub struct Assignment {
    /// The tenant's context identifier.
    pub tenant: String,
    /// The tenant's database.
    pub tenant_file: PathBuf,
    /// The application, with its keys.
    pub application: Arc<Application>,
    /// Its Mirroring URL.
    pub url: String,
}

impl Assignment {
    /// The schedule's name for it.
    #[must_use]
    pub fn pair(&self) -> Pair {
        Pair { tenant: self.tenant.clone(), application: self.application.id.clone() }
    }
}

/// Why the register could not be read. The schedule goes on with what it knew, and says so.
#[derive(Debug, thiserror::Error)]
#[error("cannot read who is to be mirrored")]
pub struct RegisterError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Knows who is to be mirrored. The moments that it is asked about are milliseconds since 1970 UTC of the schedule's
/// clock.
pub trait Register: Sync {
    /// Every approval, at `now_ms`, of an application with mirroring switched on.
    ///
    /// It is asked for about once per real second; at [`super::Speed::Max`] at least once per minute of the schedule's
    /// clock, and only while no cycle runs. So it is also a place where a test may move the world.
    ///
    /// # Errors
    /// [`RegisterError`] when it cannot tell now.
    fn assignments(&self, now_ms: i64) -> Result<Vec<Arc<Assignment>>, RegisterError>;

    /// Whether the tenant is in maintenance at `now_ms`. It is asked for just before a cycle would start, and then as
    /// often as [`Register::assignments`] until the answer is no.
    ///
    /// # Errors
    /// [`RegisterError`] when it cannot tell now. The cycle starts then, to fail of the same cause and say so.
    fn is_in_maintenance(&self, tenant: &str, now_ms: i64) -> Result<bool, RegisterError>;
}
