//! The public face: one address that takes the vendor's calls by POST and describes itself by GET.
//!
//! A call's way: [`call`] checks the request's head, [`body`] reads as much as the token needs and, once it is
//! accepted, the rest; then the call runs in a task of its own, so that a caller who hangs up takes nothing back
//! from a commit under way. [`mod@serve`] owns connections and their limits, with [`head`], [`slots`] and [`stream`], [`admin`] the listener for operators.

mod admin;
mod ahead;
mod body;
mod call;
mod describe;
mod head;
mod refusals;
mod serve;
mod slots;
mod stream;
pub mod tls;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::admin::admin_router;
use self::refusals::Refusals;
pub(crate) use self::refusals::TELLING;
pub use self::serve::{ConnectionLimits, Face, serve};
use crate::auth::{Application, Applications, Nonces};
use crate::bus::Bus;
use crate::clock::Clock;
use crate::health::Health;
use crate::metrics;
use crate::soap::{Limits, Operation};

/// What the public face is configured with.
#[derive(Clone, Debug)]
pub struct ReceiverSettings {
    /// The path that is registered with the vendor, such as `/MirroringClientService.svc`.
    pub path: String,
    /// The whole address by which the vendor reaches `path`; shown in the description.
    pub public_url: String,
    /// How long a call may take from its body's last byte.
    pub call_timeout: Duration,
    /// Whether a token that comes with another call is refused, or only told of.
    pub refuse_reused_tokens: bool,
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
    nonces: Nonces,
    /// In KiB.
    budget: Arc<Semaphore>,
    /// Calls under way, also those whose caller hung up.
    calls: TaskTracker,
    health: Arc<Health>,
    refusals: Refusals,
    /// Cancelled when nothing more is taken, not even the rest of a body under way.
    closed: CancellationToken,
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
        Self {
            settings,
            applications,
            health: Arc::new(Health::new(Arc::clone(&clock))),
            clock,
            nonces: Nonces::default(),
            budget,
            calls: TaskTracker::new(),
            refusals: Refusals::default(),
            closed: CancellationToken::new(),
        }
    }

    /// What is known of the process's health.
    #[must_use]
    pub fn health(&self) -> &Arc<Health> {
        &self.health
    }

    /// Refuses every request that is not a whole call by now.
    pub fn close(&self) {
        self.closed.cancel();
    }

    /// Logs how many refusals were not logged one by one; once a minute.
    pub fn tell_refusals(&self) {
        self.refusals.tell();
    }

    /// Takes over the vendor's certificates from files that have changed. Blocks.
    pub fn renew_certificates(&self) {
        let now = self.clock.now_ms().div_euclid(1000);
        for Application { trust, service } in self.applications.iter() {
            let (application, trusted) = (service.name(), trust.verifier.trusted());
            match trusted.look() {
                Ok(false) => {}
                Ok(true) => {
                    metrics::certificate_reload("vendor", true);
                    let certificates = trusted.certificates();
                    tracing::info!(
                        application,
                        count = certificates.len(),
                        "the vendor's certificates were taken over"
                    );
                    for warning in certificates.iter().flat_map(|certificate| certificate.warnings(now)) {
                        tracing::warn!(application, %warning);
                    }
                }
                Err(errors) => {
                    metrics::certificate_reload("vendor", false);
                    for error in errors {
                        let cause = std::error::Error::source(&error.reason).map(ToString::to_string);
                        tracing::error!(application, %error, cause, "the vendor's certificates stay as they were");
                    }
                }
            }
        }
    }

    /// Bytes of bodies that are held, and that may be.
    fn bytes_in_flight(&self) -> (usize, usize) {
        let limit = body::kib(self.settings.max_bytes_in_flight) as usize;
        ((limit - self.budget.available_permits()) * 1024, limit * 1024)
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
    let mut router = Router::new().route(&path, get(describe::describe).post(call::at_path));
    for operation in Operation::ALL {
        let address = format!("{}/{operation}", path.trim_end_matches('/'));
        let call = move |state, request| call::at_operation(operation, state, request);
        router = router.route(&address, get(describe::describe).post(call));
    }
    router.with_state(receiver)
}

#[cfg(test)]
mod tests;
