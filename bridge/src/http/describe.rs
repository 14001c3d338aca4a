//! GET: a page for people, and the description for machines.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::Receiver;
use crate::soap;

/// The service's page, `?wsdl` with its parts, or `?singleWsdl`.
pub(super) async fn describe(State(receiver): State<Arc<Receiver>>, RawQuery(query): RawQuery) -> Response {
    let address = &receiver.settings.public_url;
    let query = query.unwrap_or_default();
    if query.is_empty() {
        return ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], soap::service_page(address))
            .into_response();
    }
    let document = if query.eq_ignore_ascii_case("singlewsdl") {
        Some(soap::single(address))
    } else {
        soap::multi_part(address, &query)
    };
    match document {
        Some(document) => ([(header::CONTENT_TYPE, "text/xml; charset=utf-8")], document).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
