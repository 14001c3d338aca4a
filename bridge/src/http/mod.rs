//! The public face: one address that takes the vendor's calls by POST and describes itself by GET.
//!
//! A call's way: [`call`] checks the request's head, [`body`] reads as much as the token needs and, once it is
//! accepted, the rest; then the call runs in a task of its own, so that a caller who hangs up takes nothing back
//! from a commit under way. [`mod@serve`] owns connections and their limits, [`admin`] the listener for operators.

mod admin;
mod body;
mod call;
mod describe;
mod serve;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

pub use self::admin::admin_router;
pub use self::serve::{ConnectionLimits, serve};
use crate::auth::Applications;
use crate::bus::Bus;
use crate::clock::Clock;
use crate::soap::Limits;

/// What the public face is configured with.
#[derive(Clone, Debug)]
pub struct ReceiverSettings {
    /// The path that is registered with the vendor, such as `/MirroringClientService.svc`.
    pub path: String,
    /// The whole address by which the vendor reaches `path`; shown in the description.
    pub public_url: String,
    /// How long a call may take from its body's last byte.
    pub call_timeout: Duration,
    /// How long the first bytes of a body, up to the token, may take to arrive.
    pub head_timeout: Duration,
    /// How long a body may take to arrive.
    pub body_timeout: Duration,
    /// Largest body.
    pub max_body_bytes: usize,
    /// Bodies of accepted tokens that may be held at once; more are told to come back.
    pub max_bytes_in_flight: usize,
    /// What one call may hold.
    pub limits: Limits,
}

/// Takes calls for several applications, each with a bus of its own.
pub struct Receiver {
    settings: ReceiverSettings,
    applications: Applications<Arc<Bus>>,
    clock: Arc<dyn Clock>,
    /// In KiB.
    budget: Arc<Semaphore>,
    /// Calls under way, also those whose caller hung up.
    calls: TaskTracker,
}

impl Receiver {
    /// A receiver for `applications`, each served by a bus of its own.
    #[must_use]
    pub fn new(
        settings: ReceiverSettings,
        applications: Applications<Arc<Bus>>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let budget = Arc::new(Semaphore::new(body::kib(settings.max_bytes_in_flight) as usize));
        Self { settings, applications, clock, budget, calls: TaskTracker::new() }
    }

    /// The buses, one per application.
    pub fn buses(&self) -> impl Iterator<Item = &Arc<Bus>> {
        self.applications.iter().map(|application| &application.service)
    }

    /// Waits for the calls that are under way. No new one may come in any more.
    pub async fn drain(&self) {
        self.calls.close();
        self.calls.wait().await;
    }
}

/// The public listener's routes: the registered path, and below it one address per operation.
pub fn router(receiver: Arc<Receiver>) -> Router {
    let path = receiver.settings.path.clone();
    let operation = format!("{}/{{operation}}", path.trim_end_matches('/'));
    Router::new()
        .route(&path, get(describe::describe).post(call::at_path))
        .route(&operation, get(describe::describe).post(call::at_operation))
        .with_state(receiver)
}

#[cfg(test)]
mod tests;
