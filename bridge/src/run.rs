//! A running bridge: listeners, idle producers, and an end in order.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::auth::Applications;
use crate::bus::{Bus, BusError};
use crate::clock::Clock;
use crate::config::{Application, Config};
use crate::http::tls::Tls;
use crate::http::{self, ConnectionLimits, Face, Receiver, ReceiverSettings};
use crate::{health, metrics};

/// A tenant's producer is closed after this long without a call.
const IDLE: Duration = Duration::from_secs(15 * 60);
/// How often idle producers are looked for.
const IDLE_CHECK: Duration = Duration::from_secs(60);
/// How often the files of certificates are looked at.
const RENEWAL: Duration = Duration::from_secs(2);
/// How long a body may go on arriving once the bridge was asked to stop.
const UPLOADS: Duration = Duration::from_secs(5);
/// How long the end of a call whose time is over may take: its transaction is aborted.
const ABORT: Duration = Duration::from_secs(5);
/// Connections that the kernel keeps until they are accepted. One more, and a caller tries again only after a second:
/// the usual 128 are full in a moment when many come at once.
const BACKLOG: u32 = 1024;
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
    /// The machine has no thread left.
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
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
    let public = listen("listen", config.listen)?;
    let admin = listen("admin_listen", config.admin_listen)?;
    let (settings, limits) = (receiver_settings(&config), connection_limits(&config));
    // Every call ends by itself in this time: its transaction is committed, or aborted when its own time is over.
    let grace = UPLOADS + config.call_timeout + ABORT + CLOSING;
    let applications = applications(config.applications, &clock)?;
    let receiver = Arc::new(Receiver::new(settings, applications, clock));
    let tls = config.tls.map(Arc::new);
    tracing::info!(listen = %config.listen, admin = %config.admin_listen, tls = tls.is_some(), "serving");
    let sweepers = sweepers(&receiver)?;
    let (acceptor, router) = (tls.as_ref().map(|tls| tls.acceptor()), http::router(Arc::clone(&receiver)));
    let ended = CancellationToken::new();
    let helpers = helpers(&receiver, tls, &ended);
    let operators = http::admin_router(Arc::clone(&receiver));
    let operators = Face { name: "admin", listener: admin, tls: None, router: operators };
    let operators = tokio::spawn(http::serve(operators, limits, ended.clone(), CLOSING));
    let callers = Face { name: "public", listener: public, tls: acceptor, router };
    let callers = tokio::spawn(http::serve(callers, limits, stop.clone(), grace));
    stop.cancelled().await;
    finish(receiver, callers, sweepers, grace).await;
    ended.cancel();
    helpers.close();
    helpers.wait().await;
    if operators.await.is_err() {
        tracing::error!("the admin listener failed");
    }
    tracing::info!("stopped");
    Ok(())
}

/// What runs beside the listeners until `ended`.
fn helpers(receiver: &Arc<Receiver>, tls: Option<Arc<Tls>>, ended: &CancellationToken) -> TaskTracker {
    let helpers = TaskTracker::new();
    for bus in receiver.buses() {
        let watch = health::watch(Arc::clone(receiver.health()), Arc::clone(bus));
        helpers.spawn(ended.clone().run_until_cancelled_owned(watch));
    }
    helpers.spawn(ended.clone().run_until_cancelled_owned(close_idle(Arc::clone(receiver))));
    helpers.spawn(ended.clone().run_until_cancelled_owned(tell_refusals(Arc::clone(receiver))));
    helpers.spawn(ended.clone().run_until_cancelled_owned(renew(Arc::clone(receiver), tls)));
    helpers
}

/// The end in order: balancers are told, bodies may arrive for a while longer, calls and chunks of sweeps under way end,
/// then the producers are closed.
async fn finish(
    receiver: Arc<Receiver>,
    mut callers: tokio::task::JoinHandle<()>,
    sweepers: Vec<JoinHandle<()>>,
    grace: Duration,
) {
    let until = Instant::now() + grace;
    receiver.health().stop();
    receiver.buses().for_each(|bus| bus.stop_sweeps());
    let served = match tokio::time::timeout(UPLOADS, &mut callers).await {
        Ok(served) => served,
        Err(_) => {
            receiver.close();
            callers.await
        }
    };
    if served.is_err() {
        tracing::error!("the public listener failed");
    }
    // Those whose callers hung up.
    if tokio::time::timeout_at(until, receiver.drain()).await.is_err() {
        tracing::error!(
            "calls were still under way at the end of the grace time; the next bridge settles them"
        );
    }
    let closing = tokio::task::spawn_blocking(move || {
        receiver.buses().for_each(|bus| bus.close());
        sweepers.into_iter().all(|sweeper| sweeper.join().is_ok())
    });
    let until = until.max(Instant::now() + CLOSING);
    if !matches!(tokio::time::timeout_at(until, closing).await, Ok(Ok(true))) {
        tracing::error!("a producer could not be closed, or the thread of a sweep panicked");
    }
}

async fn tell_refusals(receiver: Arc<Receiver>) {
    let mut ticks = tokio::time::interval(http::TELLING);
    loop {
        ticks.tick().await;
        receiver.tell_refusals();
    }
}

/// Keeps all certificates up to date with their files: every few seconds, and on SIGHUP at once.
async fn renew(receiver: Arc<Receiver>, tls: Option<Arc<Tls>>) {
    tls.iter().for_each(|tls| tls.tell_expiry());
    let mut asked = match signal(SignalKind::hangup()) {
        Ok(asked) => asked,
        Err(error) => return tracing::error!(%error, "certificates are not renewed"),
    };
    loop {
        tokio::select! {
            () = tokio::time::sleep(RENEWAL) => {}
            _ = asked.recv() => {}
        }
        let (receiver, tls) = (Arc::clone(&receiver), tls.clone());
        let look = move || {
            tls.iter().for_each(|tls| tls.look());
            receiver.renew_certificates();
        };
        if tokio::task::spawn_blocking(look).await.is_err() {
            tracing::error!("the look at the files of certificates failed");
        }
    }
}

fn listen(key: &'static str, address: std::net::SocketAddr) -> Result<TcpListener, RunError> {
    let listen = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // A bridge that starts again must not wait for the connections of the one before it to be forgotten.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    listen().map_err(|source| RunError::Listen { key, address, source })
}

fn receiver_settings(config: &Config) -> ReceiverSettings {
    let limits = &config.limits;
    ReceiverSettings {
        path: config.path.clone(),
        public_url: config.public_url.clone(),
        call_timeout: config.call_timeout,
        refuse_reused_tokens: config.refuse_reused_tokens,
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
        metrics::application(bus.name());
        Ok((trust, Arc::new(bus)))
    };
    configured.into_iter().map(with_bus).collect::<Result<_, _>>().map(Applications::new)
}

/// A thread for each bus that finishes what its calls leave to sweep. Ends with the bus.
fn sweepers(receiver: &Receiver) -> Result<Vec<JoinHandle<()>>, RunError> {
    let sweeper = |bus: &Arc<Bus>| {
        let bus = Arc::clone(bus);
        let thread = std::thread::Builder::new().name("mirrorbus-sweep".to_owned());
        thread.spawn(move || bus.sweep_what_is_left()).map_err(RunError::Thread)
    };
    receiver.buses().map(sweeper).collect()
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
