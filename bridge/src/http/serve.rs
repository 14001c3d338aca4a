//! Connections: an accept loop of our own, because a limit on their number and a deadline for a request's head are
//! not to be had from axum's.
//!
//! A connection carries one request. Nobody holds one open between calls, what stands behind a request is never taken
//! for the next one, and a proxy does not send a call into a connection that is just being closed.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use bytes::BytesMut;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::head::{self, HeadError};
use super::slots::{Slot, Slots};
use super::stream::Stream;
use crate::metrics;

/// A pause after a failed accept: the usual cause is that no file descriptor is free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What connections may cost.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// Connections at once. When there are as many, those without an accepted token give way to new ones.
    pub max_connections: usize,
    /// How long a request's head may take.
    pub header_timeout: Duration,
    /// Largest head of a request.
    pub max_header_bytes: usize,
}

/// A listener with what stands before and behind it.
pub struct Face {
    /// What metrics call it.
    pub name: &'static str,
    /// Where connections come in.
    pub listener: TcpListener,
    /// Makes TLS of them; without it they are plain.
    pub tls: Option<TlsAcceptor>,
    /// What answers their requests.
    pub router: Router,
}

/// Serves a router until `stop` is cancelled, then lets requests under way finish for at most `grace`. A failed accept
/// is logged and tried again.
pub async fn serve(
    Face { name, listener, tls, router }: Face,
    limits: ConnectionLimits,
    stop: CancellationToken,
    grace: Duration,
) {
    let slots = Slots::new(limits.max_connections);
    let graceful = GracefulShutdown::new();
    while let Some(accepted) = next(&listener, &slots, &stop).await {
        match accepted {
            Ok((socket, slot)) => {
                let (router, tls, stop) = (router.clone(), tls.clone(), stop.clone());
                let connection = Connection { router, tls, limits, slot: Arc::new(slot), stop };
                let (counted, watcher) = (metrics::connection(name), graceful.watcher());
                tokio::spawn(async move {
                    connection.run(socket, watcher).await;
                    drop(counted);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "accept failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(grace, graceful.shutdown()).await.is_err() {
        tracing::warn!("connections were still open at the end of the grace time");
    }
}

/// The next connection with a place; `None` when it is time to stop.
async fn next(
    listener: &TcpListener,
    slots: &Arc<Slots>,
    stop: &CancellationToken,
) -> Option<io::Result<(TcpStream, Slot)>> {
    let accept = async {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        Ok((socket, slots.take().await))
    };
    tokio::select! {
        () = stop.cancelled() => None,
        accepted = accept => Some(accepted),
    }
}

/// A connection's two directions, plain or TLS.
trait Socket: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Socket for S {}

struct Connection {
    router: Router,
    tls: Option<TlsAcceptor>,
    limits: ConnectionLimits,
    slot: Arc<Slot>,
    stop: CancellationToken,
}

impl Connection {
    async fn run(self, socket: TcpStream, watcher: Watcher) {
        let slot = Arc::clone(&self.slot);
        tokio::select! {
            () = slot.given_up() => tracing::debug!("a connection without an accepted token gave way"),
            () = self.begin(socket, watcher) => {}
        }
    }

    async fn begin(self, socket: TcpStream, watcher: Watcher) {
        match &self.tls {
            None => self.serve(socket, watcher).await,
            Some(tls) => {
                if let Some(socket) = self.shake_hands(tls, socket).await {
                    self.serve(socket, watcher).await;
                }
            }
        }
    }

    /// TLS on the connection; `None` when that failed, took longer than a request's head may, or nobody is served any
    /// more.
    async fn shake_hands(&self, tls: &TlsAcceptor, socket: TcpStream) -> Option<TlsStream<TcpStream>> {
        let shaken = tokio::select! {
            shaken = tokio::time::timeout(self.limits.header_timeout, tls.accept(socket)) => shaken,
            () = self.stop.cancelled() => return None,
        };
        let socket = shaken.unwrap_or_else(|late| Err(late.into()));
        socket
            .inspect_err(|error| {
                metrics::tls_handshake_failed();
                tracing::debug!(%error, "tls handshake failed");
            })
            .ok()
    }

    async fn serve(self, mut socket: impl Socket, watcher: Watcher) {
        let head = head::read(&mut socket, self.limits.max_header_bytes);
        let head = tokio::select! {
            () = self.stop.cancelled() => return,
            head = tokio::time::timeout(self.limits.header_timeout, head) => head,
        };
        match head {
            Ok(Ok(read)) => self.answer(Stream::new(read, socket), watcher).await,
            Ok(Err(error)) => refuse(Stream::new(BytesMut::new(), socket), &error).await,
            Err(_) => tracing::debug!("no request within the time for its head"),
        }
    }

    async fn answer(self, stream: Stream<impl Socket>, watcher: Watcher) {
        let Self { router, limits, slot, .. } = self;
        let service = router.map_request(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(Arc::clone(&slot));
            request
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.header_timeout)
            .keep_alive(false)
            .max_buf_size(limits.max_header_bytes.max(8 * 1024))
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        if let Err(error) = watcher.watch(connection).await {
            tracing::debug!(%error, "connection ended");
        }
    }
}

async fn refuse(mut stream: Stream<impl Socket>, error: &HeadError) {
    tracing::debug!(?error, "request refused");
    let Some(answer) = error.answer() else { return };
    let answered = async {
        stream.write_all(answer).await?;
        stream.shutdown().await
    };
    if let Err(error) = answered.await {
        tracing::debug!(%error, "connection ended");
    }
}
