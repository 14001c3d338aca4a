//! HTTP: POST is a call, GET is a question about the service.
//!
//! A body is read whole before anything is done with it, and whatever takes time runs on a thread of its own: so a slow
//! upload holds up nobody.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::StreamExt;
use tokio::time::timeout;

use super::defect::{Alone, Defect, has_token};
use super::describe;
use super::service::{Reply, Service};

/// The path that receivers are usually registered with.
pub(super) const PATH: &str = "/MirroringClientService.svc";
/// What the vendor's own receiver allows.
const MAX_BODY_BYTES: usize = 2 * 1024 * 1024 * 1024;

pub(super) struct Http {
    pub(super) service: Service,
    pub(super) defect: Option<Defect>,
    pub(super) alone: Alone,
}

/// The service at its path, and at an address of its own per operation.
pub(super) fn router(http: Arc<Http>) -> Router {
    let routes = get(describe_service).post(call);
    Router::new().route(PATH, routes.clone()).route(&format!("{PATH}/{{operation}}"), routes).with_state(http)
}

async fn describe_service(
    State(http): State<Arc<Http>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    if http.defect == Some(Defect::NoDescription) {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let (media_type, document) = match query.unwrap_or_default().to_ascii_lowercase().as_str() {
        "" => ("text/html; charset=utf-8", describe::page()),
        "wsdl" | "singlewsdl" => ("text/xml; charset=utf-8", describe::wsdl(&format!("http://{host}{PATH}"))),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    ([(header::CONTENT_TYPE, media_type)], document).into_response()
}

async fn call(State(http): State<Arc<Http>>, uri: Uri, headers: HeaderMap, body: Body) -> Response {
    if let Some(defect) = http.defect {
        let action = headers.get("SOAPAction").and_then(|action| action.to_str().ok()).unwrap_or_default();
        if defect.refuses_address(action, uri.path() != PATH) {
            return StatusCode::NOT_FOUND.into_response();
        }
        return wrong_call(defect, http, announced(&headers), body).await;
    }
    match to_bytes(body, MAX_BODY_BYTES).await {
        Ok(body) => work(http, move |service| service.answer(&body)).await,
        Err(_) => (StatusCode::BAD_REQUEST, "the body broke off or is too long").into_response(),
    }
}

fn announced(headers: &HeaderMap) -> usize {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    length.unwrap_or_default()
}

/// Reads piece by piece, to do what must not be done before the whole is there.
async fn wrong_call(defect: Defect, http: Arc<Http>, announced: usize, body: Body) -> Response {
    let mut pieces = body.into_data_stream();
    let mut alone = defect.wait_alone(&http.alone, None).await;
    let mut body = Vec::new();
    loop {
        let next = match defect.patience(body.len(), announced) {
            None => pieces.next().await,
            Some(patience) => match (timeout(patience, pieces.next()).await, http.service.success(&body)) {
                (Ok(next), _) => next,
                (Err(_), Some(reply)) => return respond(reply),
                (Err(_), None) => pieces.next().await,
            },
        };
        match next {
            Some(Ok(piece)) => body.extend_from_slice(&piece),
            Some(Err(_)) => {
                http.service.broken_off(&body);
                return StatusCode::BAD_REQUEST.into_response();
            }
            None => break,
        }
        if defect.is_too_long(&body) {
            return (StatusCode::PAYLOAD_TOO_LARGE, "the body is too long").into_response();
        }
        if alone.is_none() && has_token(&body) {
            let tenant = http.service.tenant(&body);
            alone = defect.wait_alone(&http.alone, tenant.as_deref()).await;
        }
    }
    let response = work(http, move |service| service.answer(&body)).await;
    drop(alone);
    response
}

async fn work(http: Arc<Http>, work: impl FnOnce(&Service) -> Reply + Send + 'static) -> Response {
    match tokio::task::spawn_blocking(move || work(&http.service)).await {
        Ok(reply) => respond(reply),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn respond(reply: Reply) -> Response {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, reply.media_type)], reply.body).into_response()
}
