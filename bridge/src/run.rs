//! A running bridge: listeners, idle producers, and an end in order.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use crate::auth::Applications;
use crate::bus::{Bus, BusError};
use crate::clock::Clock;
use crate::config::{Application, Config};
use crate::http::{self, ConnectionLimits, Receiver, ReceiverSettings};

/// A tenant's producer is closed after this long without a call.
const IDLE: Duration = Duration::from_secs(15 * 60);
/// How often idle producers are looked for.
const IDLE_CHECK: Duration = Duration::from_secs(60);
/// How long connections may stay open once no call is under way any more.
const CLOSING: Duration = Duration::from_secs(2);

/// Why the bridge could not run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// An address could not be listened on.
    #[error("cannot listen on {address} ({key}): is another program using it?")]
    Listen {
        /// The configuration's key.
        key: &'static str,
        /// The address.
        address: std::net::SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A client of Kafka or the registry could not be made.
    #[error("application {id}: cannot use the settings for kafka or the registry")]
    Bus {
        /// The application.
        id: String,
        /// Why.
        #[source]
        source: BusError,
    },
}

/// Serves until `stop` is cancelled, then finishes the calls under way.
///
/// # Errors
/// [`RunError`] when it could not begin to serve.
pub async fn run(config: Config, clock: Arc<dyn Clock>, stop: CancellationToken) -> Result<(), RunError> {
    let public = listen("listen", config.listen).await?;
    let admin = listen("admin_listen", config.admin_listen).await?;
    let (settings, limits) = (receiver_settings(&config), connection_limits(&config));
    let grace = config.call_timeout + CLOSING;
    let applications = applications(config.applications, &clock)?;
    let receiver = Arc::new(Receiver::new(settings, applications, clock));
    tracing::info!(listen = %config.listen, admin = %config.admin_listen, "serving");
    let idle = tokio::spawn(close_idle(Arc::clone(&receiver)));
    let operators = tokio::spawn(http::serve(
        admin,
        http::admin_router(Arc::clone(&receiver)),
        limits,
        stop.clone(),
        CLOSING,
    ));
    http::serve(public, http::router(Arc::clone(&receiver)), limits, stop, grace).await;
    if tokio::time::timeout(grace, receiver.drain()).await.is_err() {
        tracing::error!(
            "calls were still under way at the end of the grace time; the next bridge settles them"
        );
    }
    idle.abort();
    if operators.await.is_err() {
        tracing::error!("the admin listener failed");
    }
    let closed = tokio::task::spawn_blocking(move || receiver.buses().for_each(|bus| bus.close()));
    if closed.await.is_err() {
        tracing::error!("a producer could not be closed");
    }
    tracing::info!("stopped");
    Ok(())
}

async fn listen(key: &'static str, address: std::net::SocketAddr) -> Result<TcpListener, RunError> {
    TcpListener::bind(address).await.map_err(|source| RunError::Listen { key, address, source })
}

fn receiver_settings(config: &Config) -> ReceiverSettings {
    let limits = &config.limits;
    ReceiverSettings {
        path: config.path.clone(),
        public_url: config.public_url.clone(),
        call_timeout: config.call_timeout,
        head_timeout: limits.header_timeout,
        body_timeout: limits.body_timeout,
        max_body_bytes: limits.max_body_bytes,
        max_bytes_in_flight: limits.max_bytes_in_flight,
        limits: limits.soap.clone(),
    }
}

fn connection_limits(config: &Config) -> ConnectionLimits {
    ConnectionLimits {
        max_connections: config.limits.max_connections,
        header_timeout: config.limits.header_timeout,
        max_header_bytes: config.limits.max_header_bytes,
    }
}

fn applications(
    configured: Vec<Application>,
    clock: &Arc<dyn Clock>,
) -> Result<Applications<Arc<Bus>>, RunError> {
    let with_bus = |application: Application| {
        let Application { id, trust, bus, registry } = application;
        let bus = Bus::new(bus, registry, Arc::clone(clock), Handle::current())
            .map_err(|source| RunError::Bus { id, source })?;
        Ok((trust, Arc::new(bus)))
    };
    configured.into_iter().map(with_bus).collect::<Result<_, _>>().map(Applications::new)
}

async fn close_idle(receiver: Arc<Receiver>) {
    let mut ticks = tokio::time::interval(IDLE_CHECK);
    loop {
        ticks.tick().await;
        let receiver = Arc::clone(&receiver);
        let closed =
            tokio::task::spawn_blocking(move || receiver.buses().for_each(|bus| bus.close_idle(IDLE)));
        if closed.await.is_err() {
            tracing::error!("idle producers could not be closed");
        }
    }
}
