//! POST: from a request to an answer.
//!
//! Until the token is accepted every refusal has the same text and a reference id; what was wrong stands in the log
//! under that id: bad tokens as warnings, what anybody on the network can send only at debug level. Afterwards the caller is told code, tenant, table, row, column and rule, never a value.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::Receiver;
use super::body::{BodyError, BodyReader, HeldBody};
use crate::auth::{self, Application, Claims};
use crate::bus::order::CallMark;
use crate::bus::{Bus, Caller};
use crate::clock::Deadline;
use crate::soap::{
    ACTION_PREFIX, Answer, Call, Envelope, Fault, FaultCode, Operation, Signed, SoapError, TablePosition,
    fault,
};

/// What every caller is told whose token was not accepted.
const NOT_ACCEPTED: &str = "the call was not accepted";

/// A call at the registered path.
pub(super) async fn at_path(State(receiver): State<Arc<Receiver>>, request: Request) -> Response {
    answer(receiver, None, request).await
}

/// A call at an operation's own address.
pub(super) async fn at_operation(
    State(receiver): State<Arc<Receiver>>,
    Path(operation): Path<String>,
    request: Request,
) -> Response {
    answer(receiver, Some(operation), request).await
}

/// Names a call in logs and answers.
#[derive(Clone, Copy, Debug)]
struct Reference(u64);

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A request whose token was accepted.
struct Accepted {
    claims: Claims,
    operation: Operation,
    application: Arc<Application<Arc<Bus>>>,
}

/// Why a request is not answered by an operation.
enum Refusal {
    /// Not a call in HTTP's own terms.
    Status(StatusCode, &'static str),
    /// Not a SOAP call of ours.
    Fault(Fault),
    /// A call of ours by somebody we do not trust.
    Token(Operation, String),
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge => Self::Status(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large"),
            BodyError::Slow => Self::Status(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time"),
            BodyError::Broken => Self::Status(StatusCode::BAD_REQUEST, "the body broke off"),
            BodyError::Busy => Self::Status(StatusCode::SERVICE_UNAVAILABLE, "too many bodies at once"),
        }
    }
}

async fn answer(receiver: Arc<Receiver>, path: Option<String>, request: Request) -> Response {
    let reference = Reference(rand::random());
    match take(&receiver, path.as_deref(), request).await {
        Ok((accepted, body)) => carry_out(receiver, accepted, body, reference).await,
        Err(refusal) => refuse(refusal, reference),
    }
}

/// Everything up to a whole body with an accepted token.
async fn take(
    receiver: &Receiver,
    path: Option<&str>,
    request: Request,
) -> Result<(Accepted, HeldBody), Refusal> {
    let settings = &receiver.settings;
    let (head, body) = request.into_parts();
    check_media_type(&head.headers)?;
    let announced = announced_length(&head.headers);
    if announced.is_some_and(|length| length > settings.max_body_bytes) {
        return Err(BodyError::TooLarge.into());
    }
    let mut body =
        BodyReader::new(body, settings.max_body_bytes, settings.head_timeout, settings.body_timeout);
    body.read_head().await?;
    let accepted = accept(receiver, path, &head.headers, body.so_far())?;
    Ok((accepted, body.read_rest(announced, &receiver.budget).await?))
}

fn check_media_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let unsupported = |rule| Err(Refusal::Status(StatusCode::UNSUPPORTED_MEDIA_TYPE, rule));
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut parts = value.split(';').map(str::trim);
    if !parts.next().is_some_and(|media_type| media_type.eq_ignore_ascii_case("text/xml")) {
        return unsupported("the content type is not text/xml");
    }
    for part in parts {
        let Some((name, charset)) = part.split_once('=') else { continue };
        let is_utf8 = charset.trim().trim_matches('"').eq_ignore_ascii_case("utf-8");
        if name.trim().eq_ignore_ascii_case("charset") && !is_utf8 {
            return unsupported("the charset is not utf-8");
        }
    }
    let encoding = headers.get(header::CONTENT_ENCODING).map(HeaderValue::as_bytes).unwrap_or(b"identity");
    if encoding.eq_ignore_ascii_case(b"identity") { Ok(()) } else { unsupported("the body is encoded") }
}

fn announced_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Reads what stands before the contents, and decides about the token.
fn accept(
    receiver: &Receiver,
    path: Option<&str>,
    headers: &HeaderMap,
    (head, is_all): (&[u8], bool),
) -> Result<Accepted, Refusal> {
    let head = if is_all { head } else { whole_characters(head) };
    let envelope = Envelope::open(head, &receiver.settings.limits)?;
    let operation = envelope.operation();
    check_action(headers, operation)?;
    if path.is_some_and(|path| path != operation.to_string()) {
        return Err(Fault { code: FaultCode::Client, rule: "the address names another operation" }.into());
    }
    let token = envelope.token().ok_or(Refusal::Token(operation, "no single token".to_owned()))?;
    let now = receiver.clock.now_ms().div_euclid(1000);
    match receiver.applications.accept(token, now) {
        Ok(auth::Accepted { application, claims }) => Ok(Accepted { claims, operation, application }),
        Err(error) => Err(Refusal::Token(operation, error.to_string())),
    }
}

/// The first bytes of a body may end within a character.
fn whole_characters(head: &[u8]) -> &[u8] {
    match std::str::from_utf8(head) {
        Err(error) if error.error_len().is_none() => head.get(..error.valid_up_to()).unwrap_or(head),
        _ => head,
    }
}

/// SOAPAction may be quoted, bare, empty or absent; where it names something, that is the body's operation.
fn check_action(headers: &HeaderMap, operation: Operation) -> Result<(), Fault> {
    let mismatch = Fault { code: FaultCode::Client, rule: "SOAPAction and body name different operations" };
    let mut actions = headers.get_all("SOAPAction").iter();
    let action = match (actions.next(), actions.next()) {
        (None, _) => return Ok(()),
        (Some(action), None) => action.to_str().unwrap_or("not text").trim(),
        (Some(_), Some(_)) => return Err(Fault { code: FaultCode::Client, rule: "SOAPAction stands twice" }),
    };
    let bare = action.strip_prefix('"').and_then(|action| action.strip_suffix('"')).unwrap_or(action).trim();
    let agrees = bare.strip_prefix(ACTION_PREFIX).is_some_and(|name| name == operation.to_string());
    if bare.is_empty() || agrees { Ok(()) } else { Err(mismatch) }
}

fn refuse(refusal: Refusal, reference: Reference) -> Response {
    let text = format!("{NOT_ACCEPTED} (ref {reference})");
    match refusal {
        Refusal::Status(status, rule) => {
            tracing::debug!(%reference, %status, rule, "request refused");
            // The rest of the body was not read: the connection cannot go on.
            let mut response = (status, [(header::CONNECTION, "close")], text).into_response();
            if status == StatusCode::SERVICE_UNAVAILABLE {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
            }
            response
        }
        Refusal::Fault(Fault { code, rule }) => {
            tracing::debug!(%reference, rule, "request refused");
            closing(faulted(code, &text))
        }
        Refusal::Token(operation, rule) => {
            tracing::warn!(%reference, %operation, rule, "token refused");
            closing(xml(StatusCode::OK, Answer::Failed { operation, message: text }.to_xml()))
        }
    }
}

/// Runs the call in a task of its own: it is finished even when nobody waits for its answer any more.
async fn carry_out(
    receiver: Arc<Receiver>,
    accepted: Accepted,
    body: HeldBody,
    reference: Reference,
) -> Response {
    let deadline = Deadline::start(receiver.settings.call_timeout);
    let operation = accepted.operation;
    let tracker = receiver.calls.clone();
    let work = move || {
        let Accepted { claims, operation, .. } = &accepted;
        let span = tracing::info_span!("call", tenant = %claims.tenant, %operation, %reference);
        let _entered = span.enter();
        run(&receiver, &accepted, &body.bytes, deadline, reference)
    };
    match tracker.spawn_blocking(work).await {
        Ok(Done::Answer(answer)) => xml(StatusCode::OK, answer.to_xml()),
        Ok(Done::Fault(code, text)) => faulted(code, &text),
        Err(error) => {
            tracing::error!(%reference, %operation, %error, "a call's thread failed");
            let message = format!("INTERNAL: the call failed; nothing is acknowledged (ref {reference})");
            xml(StatusCode::OK, Answer::Failed { operation, message }.to_xml())
        }
    }
}

enum Done {
    Answer(Answer),
    Fault(FaultCode, String),
}

fn run(
    receiver: &Receiver,
    accepted: &Accepted,
    body: &[u8],
    deadline: Deadline,
    reference: Reference,
) -> Done {
    let began = Instant::now();
    let Accepted { claims, operation, application } = accepted;
    let failed = |code: &str, text: String| {
        let message = format!("{code}: tenant {}, {text} (ref {reference})", claims.tenant);
        Done::Answer(Answer::Failed { operation: *operation, message })
    };
    let bus = &application.service;
    let caller = Caller { tenant: claims.tenant.clone(), mark: mark(claims, body), deadline };
    let call = Envelope::open(body, &receiver.settings.limits)
        .map_err(SoapError::from)
        .and_then(|envelope| envelope.read_call(bus.ignored_tables()));
    let answered = match call {
        Ok(call) => perform(receiver, accepted, &caller, call),
        Err(SoapError::Fault(Fault { code, rule })) => {
            tracing::warn!(rule, "call refused");
            return Done::Fault(code, format!("{rule} (ref {reference})"));
        }
        Err(SoapError::Content(error)) => {
            tracing::warn!(%error, "call refused");
            return failed("BAD_CONTENT", error.to_string());
        }
    };
    let (bytes, ms) = (body.len(), began.elapsed().as_millis());
    match answered {
        Ok(answer) => {
            tracing::info!(bytes, ms, "call done");
            Done::Answer(answer)
        }
        Err(CallError::Bus(error)) => {
            tracing::warn!(bytes, ms, code = error.code(), %error, "call failed");
            failed(error.code(), error.public_text())
        }
        Err(CallError::Sign(error)) => {
            tracing::error!(%error, "the answer could not be signed");
            failed("INTERNAL", "the answer could not be signed".to_owned())
        }
    }
}

/// What a call is known by: its token's time, and a digest of nonce and body.
fn mark(claims: &Claims, body: &[u8]) -> CallMark {
    let digest = Sha256::new().chain_update(&claims.nonce).chain_update(body).finalize();
    let digest = digest.iter().fold(String::with_capacity(64), |mut text, byte| {
        use fmt::Write;
        let written = write!(text, "{byte:02x}");
        debug_assert!(written.is_ok(), "writing to a string does not fail");
        text
    });
    CallMark { token_time: claims.not_before, digest }
}

#[derive(Debug, thiserror::Error)]
enum CallError {
    #[error(transparent)]
    Bus(#[from] crate::bus::BusError),
    #[error(transparent)]
    Sign(#[from] crate::auth::SignError),
}

fn perform(
    receiver: &Receiver,
    accepted: &Accepted,
    caller: &Caller,
    call: Call<'_>,
) -> Result<Answer, CallError> {
    let bus = &accepted.application.service;
    match call {
        Call::Authenticate => authenticate(receiver, accepted, caller),
        Call::TableSchema(tables) => {
            let positions = bus.table_schema(caller, tables)?;
            let positions = positions.into_iter().map(|(table, lsn)| TablePosition { table, lsn });
            Ok(Answer::Positions(positions.collect()))
        }
        Call::Wipe { table } => {
            bus.wipe(caller, &table).map(|()| Answer::Done(Operation::Wipe)).map_err(Into::into)
        }
        Call::RowData(batches) => {
            bus.row_data(caller, &batches)?;
            Ok(Answer::Done(Operation::RowData))
        }
        Call::ReplicationCompleted(counts) => {
            bus.completed(caller, &counts)?;
            Ok(Answer::Done(Operation::ReplicationCompleted))
        }
    }
}

fn authenticate(receiver: &Receiver, accepted: &Accepted, caller: &Caller) -> Result<Answer, CallError> {
    let Application { trust, service: bus } = &*accepted.application;
    let authenticated = bus.authenticate(caller)?;
    let now = receiver.clock.now_ms().div_euclid(1000);
    let token = trust.signer.sign(&accepted.claims.nonce, now)?;
    Ok(Answer::Authenticated(Signed {
        token,
        client_state: authenticated.cycle,
        do_not_replicate: authenticated.do_not_replicate,
    }))
}

fn faulted(code: FaultCode, text: &str) -> Response {
    xml(StatusCode::INTERNAL_SERVER_ERROR, fault(code, text))
}

fn xml(status: StatusCode, document: String) -> Response {
    (status, [(header::CONTENT_TYPE, "text/xml; charset=utf-8")], document).into_response()
}

fn closing(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
