//! POST: from a request to an answer.
//!
//! Until the token is accepted every refusal has the same text and a reference id; what was wrong stands in the log
//! under that id: bad tokens as warnings, what anybody on the network can send only at debug level. Afterwards the caller is told code, tenant, table, row, column and rule, never a value.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;

use super::Receiver;
use super::ahead::{Mark, PositionsEnd};
use super::body::{BodyError, BodyReader, HeldBody};
use super::slots::Slot;
use crate::auth::{self, Application, Claims};
use crate::bus::{Bus, Caller};
use crate::clock::Deadline;
use crate::failpoint;
use crate::metrics::{self, Alarm};
use crate::soap::{
    ACTION_PREFIX, Answer, Call, Envelope, Fault, FaultCode, Operation, Signed, SoapError, TablePosition,
    fault,
};

/// What every caller is told whose token was not accepted.
const NOT_ACCEPTED: &str = "the call was not accepted";

// How a call ended, beside the bus's codes.
const OK: &str = "ok";
const BAD_CONTENT: &str = "BAD_CONTENT";
const INTERNAL: &str = "INTERNAL";

/// A call at the registered path.
pub(super) async fn at_path(State(receiver): State<Arc<Receiver>>, request: Request) -> Response {
    answer(receiver, None, request).await
}

/// A call at an operation's own address.
pub(super) async fn at_operation(
    operation: Operation,
    State(receiver): State<Arc<Receiver>>,
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

/// A whole call with an accepted token.
struct Taken {
    accepted: Accepted,
    body: HeldBody,
    mark: Mark,
    positions_end: PositionsEnd,
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

async fn answer(receiver: Arc<Receiver>, address: Option<Operation>, request: Request) -> Response {
    let reference = Reference(rand::random());
    let taken = tokio::select! {
        taken = take(&receiver, address, request) => taken,
        () = receiver.closed.cancelled() => {
            Err(Refusal::Status(StatusCode::SERVICE_UNAVAILABLE, "the bridge is stopping"))
        }
    };
    match taken {
        Ok(taken) => carry_out(receiver, taken, reference).await,
        Err(refusal) => refuse(&receiver, refusal, reference),
    }
}

/// Everything up to a whole body with an accepted token.
async fn take(receiver: &Receiver, address: Option<Operation>, request: Request) -> Result<Taken, Refusal> {
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
    failpoint::reach(failpoint::BEFORE_TOKEN);
    let accepted = accept(receiver, address, &head.headers, body.so_far())?;
    if let Some(slot) = head.extensions.get::<Arc<Slot>>() {
        slot.keep();
    }
    let is_whole = body.so_far().1;
    let length = if is_whole { body.so_far().0.len() } else { announced.unwrap_or(usize::MAX) };
    let positions_end = PositionsEnd::ask(&accepted.application.service, &accepted.claims.tenant, length);
    let body = body.read_rest(announced, &receiver.budget).await?;
    let mark = Mark::of(&accepted.claims, &body.bytes);
    Ok(Taken { accepted, body, mark, positions_end })
}

fn check_media_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let unsupported = |rule| Err(Refusal::Status(StatusCode::UNSUPPORTED_MEDIA_TYPE, rule));
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let value = match (types.next(), types.next()) {
        (Some(value), None) => value.to_str().unwrap_or_default(),
        _ => return unsupported("there is not one content type"),
    };
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
    let mut encodings = headers.get_all(header::CONTENT_ENCODING).iter().map(HeaderValue::as_bytes);
    if encodings.all(|encoding| encoding.eq_ignore_ascii_case(b"identity")) {
        Ok(())
    } else {
        unsupported("the body is encoded")
    }
}

fn announced_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Reads what stands before the contents, and decides about the token.
fn accept(
    receiver: &Receiver,
    address: Option<Operation>,
    headers: &HeaderMap,
    (head, is_all): (&[u8], bool),
) -> Result<Accepted, Refusal> {
    let head = if is_all { head } else { whole_characters(head) };
    let envelope = Envelope::open(head, &receiver.settings.limits)?;
    let operation = envelope.operation();
    check_action(headers, operation)?;
    if address.is_some_and(|address| address != operation) {
        return Err(Fault { code: FaultCode::Client, rule: "the address names another operation" }.into());
    }
    let token = envelope.token().ok_or(Refusal::Token(operation, "no single token".to_owned()))?;
    let now = receiver.clock.now_ms().div_euclid(1000);
    match receiver.applications.accept(token, now) {
        Ok(auth::Accepted { application, claims }) => {
            receiver.health.token_seen(claims.not_before);
            Ok(Accepted { claims, operation, application })
        }
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

fn refuse(receiver: &Receiver, refusal: Refusal, reference: Reference) -> Response {
    let text = format!("{NOT_ACCEPTED} (ref {reference})");
    match refusal {
        Refusal::Status(status, rule) => {
            metrics::refused("status");
            tracing::debug!(%reference, %status, rule, "request refused");
            let mut response = (status, text).into_response();
            if status == StatusCode::SERVICE_UNAVAILABLE {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
            }
            response
        }
        Refusal::Fault(Fault { code, rule }) => {
            metrics::refused("fault");
            tracing::debug!(%reference, rule, "request refused");
            faulted(code, &text)
        }
        Refusal::Token(operation, rule) => {
            metrics::refused("token");
            if receiver.refusals.count(&rule) {
                tracing::warn!(%reference, %operation, rule, "token refused");
            }
            xml(StatusCode::OK, Answer::Failed { operation, message: text }.to_xml())
        }
    }
}

/// Runs the call in a task of its own: it is finished even when nobody waits for its answer any more.
async fn carry_out(receiver: Arc<Receiver>, taken: Taken, reference: Reference) -> Response {
    let deadline = Deadline::start(receiver.settings.call_timeout);
    let Taken { accepted, body, mark, positions_end } = taken;
    let operation = accepted.operation;
    let (tracker, application) = (receiver.calls.clone(), accepted.application.service.name().to_owned());
    let (began, bytes) = (Instant::now(), body.bytes.len());
    let work = move || {
        let Accepted { claims, operation, .. } = &accepted;
        let span = tracing::info_span!("call", tenant = %claims.tenant, %operation, %reference);
        let _entered = span.enter();
        let known = Known { mark, positions_end, deadline };
        let (done, outcome) = run(&receiver, &accepted, &body.bytes, known, reference);
        metrics::call(accepted.application.service.name(), operation.name(), outcome, bytes, began.elapsed());
        tell_data(&receiver, &accepted, outcome);
        done
    };
    match tracker.spawn_blocking(work).await {
        Ok(Done::Answer(answer)) => xml(StatusCode::OK, answer.to_xml()),
        Ok(Done::Fault(code, text)) => faulted(code, &text),
        Err(error) => {
            metrics::call(&application, operation.name(), INTERNAL, bytes, began.elapsed());
            tracing::error!(%reference, %operation, %error, "a call's thread failed");
            let message = format!("{INTERNAL}: the call failed; nothing is acknowledged (ref {reference})");
            xml(StatusCode::OK, Answer::Failed { operation, message }.to_xml())
        }
    }
}

/// Tells the operator of data that is refused for what it holds, until the tenant completes a cycle again.
fn tell_data(receiver: &Receiver, accepted: &Accepted, outcome: &'static str) {
    let (application, tenant) = (accepted.application.service.name(), &accepted.claims.tenant);
    match (outcome, accepted.operation) {
        (BAD_CONTENT | "BAD_ROW" | "BAD_TABLE", _) => {
            receiver.health.data(application, tenant, Some(outcome));
        }
        (OK, Operation::ReplicationCompleted) => {
            let now = receiver.clock.now_ms().div_euclid(1000);
            metrics::cycle_completed(application, tenant.as_str(), now);
            receiver.health.data(application, tenant, None);
        }
        _ => {}
    }
}

enum Done {
    Answer(Answer),
    Fault(FaultCode, String),
}

/// What is known of a call besides its body.
struct Known {
    mark: Mark,
    positions_end: PositionsEnd,
    deadline: Deadline,
}

fn run(
    receiver: &Receiver,
    accepted: &Accepted,
    body: &[u8],
    known: Known,
    reference: Reference,
) -> (Done, &'static str) {
    let began = Instant::now();
    let Accepted { claims, operation, application } = accepted;
    let failed = |code: &'static str, text: String| {
        let message = format!("{code}: tenant {}, {text} (ref {reference})", claims.tenant);
        (Done::Answer(Answer::Failed { operation: *operation, message }), code)
    };
    let bus = &application.service;
    let call = Envelope::open(body, &receiver.settings.limits)
        .map_err(SoapError::from)
        .and_then(|envelope| envelope.read_call(bus.ignored_tables()));
    let Known { mark, positions_end, deadline } = known;
    let (mark, positions_end) = (mark.finish(), positions_end.answer());
    let caller = Caller { tenant: claims.tenant.clone(), mark, deadline, positions_end };
    let answered = match call {
        Ok(call) => {
            failpoint::reach(failpoint::PARSED);
            perform(receiver, accepted, &caller, call)
        }
        Err(SoapError::Fault(Fault { code, rule })) => {
            tracing::warn!(rule, "call refused");
            return (Done::Fault(code, format!("{rule} (ref {reference})")), "FAULT");
        }
        Err(SoapError::Content(error)) => {
            tracing::warn!(%error, "call refused");
            if *operation == Operation::RowData
                && let Err(error) = bus.rows_refused(&caller, &error.to_string())
            {
                tracing::warn!(%error, "refused rows could not be told of");
            }
            return failed(BAD_CONTENT, error.to_string());
        }
    };
    let (bytes, ms) = (body.len(), began.elapsed().as_millis());
    match answered {
        Ok(answer) => {
            tracing::info!(bytes, ms, "call done");
            (Done::Answer(answer), OK)
        }
        Err(CallError::Bus(error)) => {
            tracing::warn!(bytes, ms, code = error.code(), %error, "call failed");
            failed(error.code(), error.public_text())
        }
        Err(CallError::Sign(error)) => {
            tracing::error!(%error, "the answer could not be signed");
            failed(INTERNAL, "the answer could not be signed".to_owned())
        }
        Err(CallError::Token(error)) => {
            tracing::warn!(%error, "token refused");
            metrics::refused("token");
            let message = format!("{NOT_ACCEPTED} (ref {reference})");
            (Done::Answer(Answer::Failed { operation: *operation, message }), "TOKEN")
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum CallError {
    #[error(transparent)]
    Bus(#[from] crate::bus::BusError),
    #[error(transparent)]
    Sign(#[from] crate::auth::SignError),
    #[error(transparent)]
    Token(#[from] crate::auth::TokenError),
}

fn perform(
    receiver: &Receiver,
    accepted: &Accepted,
    caller: &Caller,
    call: Call<'_>,
) -> Result<Answer, CallError> {
    let bus = &accepted.application.service;
    check_first_use(receiver, accepted, caller)?;
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

/// A token that comes with a second call was stolen, or the vendor does what it never did.
fn check_first_use(receiver: &Receiver, accepted: &Accepted, caller: &Caller) -> Result<(), CallError> {
    let now = receiver.clock.now_ms().div_euclid(1000);
    let Err(error) = receiver.nonces.bind(&accepted.claims.nonce, &caller.mark.digest, now) else {
        return Ok(());
    };
    tracing::error!(%error, refused = receiver.settings.refuse_reused_tokens, "a token came with two calls");
    metrics::alarm(accepted.application.service.name(), Alarm::ReusedToken);
    if receiver.settings.refuse_reused_tokens { Err(error.into()) } else { Ok(()) }
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
    let headers = [(header::CONTENT_TYPE, "text/xml; charset=utf-8")];
    if failpoint::is_on(failpoint::ANSWER_BEGUN) {
        return (status, headers, in_two_parts(document)).into_response();
    }
    (status, headers, document).into_response()
}

/// The answer, with the failpoint in its middle.
fn in_two_parts(mut document: String) -> Body {
    let rest = document.split_off(document.len() / 2);
    let later = async {
        if tokio::task::spawn_blocking(|| failpoint::reach(failpoint::ANSWER_BEGUN)).await.is_err() {
            tracing::error!("a failpoint failed");
        }
        Ok(rest)
    };
    let parts = futures_util::stream::iter([Ok::<_, Infallible>(document)]);
    Body::from_stream(parts.chain(futures_util::stream::once(later)))
}
