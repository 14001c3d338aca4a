//! The operators' listener: whether the process lives, whether it can take calls, and its numbers. It answers until
//! the very end, so that a stopping bridge can be watched.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::Receiver;
use crate::metrics;

/// `/livez`, `/readyz` and `/metrics`.
pub fn admin_router(receiver: Arc<Receiver>) -> Router {
    Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(scrape))
        .with_state(receiver)
}

/// Ready while every application's cluster answers. The text is for people.
async fn ready(State(receiver): State<Arc<Receiver>>) -> (StatusCode, String) {
    let (is_ready, report) = receiver.health.report();
    (if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, report)
}

async fn scrape(State(receiver): State<Arc<Receiver>>) -> Response {
    let (held, limit) = receiver.bytes_in_flight();
    metrics::bodies(held, limit);
    receiver.buses().for_each(|bus| metrics::tenants(bus.name(), bus.tenant_count()));
    match metrics::render() {
        Ok(text) => ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "the metrics could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
