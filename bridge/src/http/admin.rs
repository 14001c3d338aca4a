//! The operators' listener: whether the process lives, and whether it can take calls.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;

use super::Receiver;

/// `/livez` and `/readyz`.
pub fn admin_router(receiver: Arc<Receiver>) -> Router {
    Router::new().route("/livez", get(async || "ok\n")).route("/readyz", get(ready)).with_state(receiver)
}

/// Ready while every application's cluster answers.
async fn ready(State(receiver): State<Arc<Receiver>>) -> (StatusCode, &'static str) {
    let asked = tokio::task::spawn_blocking(move || receiver.buses().try_for_each(|bus| bus.check_cluster()));
    match asked.await {
        Ok(Ok(())) => (StatusCode::OK, "ready\n"),
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "not ready: kafka does not answer\n")
        }
        Err(error) => {
            tracing::error!(%error, "the check of the cluster failed");
            (StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
        }
    }
}
