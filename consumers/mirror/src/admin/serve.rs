//! `/livez`, `/readyz` and `/metrics`.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::thread::JoinHandle;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::sync::oneshot;

use super::watch::Watch;

const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A listener for operators, in a thread of its own. It ends with the value.
#[derive(Debug)]
pub struct Admin {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Answers at this address from now on, without encryption and to everybody: an address for operators alone.
///
/// # Errors
/// When the address cannot be had, or no thread.
pub fn serve(listen: SocketAddr, watch: Watch) -> io::Result<Admin> {
    let listener = TcpListener::bind(listen)?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (stop, stopped) = oneshot::channel();
    let thread = std::thread::Builder::new().name("mirror-admin".to_owned()).spawn(move || {
        if let Err(error) = runtime.block_on(answer(listener, watch, stopped)) {
            tracing::error!(%error, "the admin listener failed");
        }
    })?;
    tracing::info!(%address, "answering operators");
    Ok(Admin { address, stop: Some(stop), thread: Some(thread) })
}

async fn answer(listener: TcpListener, watch: Watch, stopped: oneshot::Receiver<()>) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    tokio::select! {
        ended = async { axum::serve(listener, router(watch)).await } => ended,
        // Sent, or dropped with its value. Whoever is asking just then is let down.
        _ = stopped => Ok(()),
    }
}

fn router(watch: Watch) -> Router {
    Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(scrape))
        .with_state(watch)
}

async fn ready(State(watch): State<Watch>) -> (StatusCode, String) {
    let readiness = watch.readiness();
    let status = if readiness.is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, readiness.report)
}

async fn scrape(State(watch): State<Watch>) -> Response {
    match watch.metrics() {
        Ok(text) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "the metrics could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

impl Admin {
    /// Where it listens: with port 0 the operating system chose one.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().map(JoinHandle::join);
        debug_assert!(!matches!(ended, Some(Err(_))), "the listener does not panic");
    }
}
