//! Carries calls to a receiver: SOAP 1.1 over HTTP, as the vendor's client does it.

use std::io::Read;
use std::time::Duration;

use ureq::http::Response;
use ureq::typestate::WithBody;
use ureq::{Agent, Body, RequestBuilder, SendBody};

use crate::answer::{self, Answer, AnswerError};
use crate::token::Token;
use crate::wire::{Operation, Request};

/// How long a call may take by default, connecting included. A first RowData call may create topics.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(120);
/// An answer names every table once; this is far more.
const MAX_ANSWER_BYTES: u64 = 64 * 1024 * 1024;

/// Why a call brought no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// A scripted fault ended the cycle: the call was not sent, or its answer not waited for.
    #[error("{operation} was broken off, as the fault {fault} says")]
    BrokenOff {
        /// The operation.
        operation: Operation,
        /// As it was written.
        fault: String,
    },
    /// The token cannot be signed.
    #[error("cannot sign the token of {operation}")]
    Token {
        /// The operation.
        operation: Operation,
        /// What the RSA library says.
        #[source]
        source: rsa::Error,
    },
    /// The receiver cannot be reached, hung up, or took too long.
    #[error("{operation} got no answer from {url}, check that the receiver is running there")]
    Transport {
        /// The operation.
        operation: Operation,
        /// The receiver.
        url: String,
        /// What the HTTP library says.
        #[source]
        source: ureq::Error,
    },
    /// Neither an answer nor a fault.
    #[error("{operation} was answered with HTTP status {status} and {content_type}, which is no SOAP answer")]
    Status {
        /// The operation.
        operation: Operation,
        /// The HTTP status.
        status: u16,
        /// The Content-Type, as the receiver wrote it.
        content_type: String,
    },
    /// A fault, or an answer that does not keep to the contract.
    #[error("{operation} was answered with what the vendor would not accept")]
    Answer {
        /// The operation.
        operation: Operation,
        /// What is wrong with it.
        #[source]
        source: AnswerError,
    },
}

/// A response before anything was made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The Content-Type; empty where there is none.
    pub content_type: String,
    /// The body, decompressed.
    pub body: Vec<u8>,
}

/// A body that is not sent in one go.
pub(crate) struct Upload<'a> {
    /// Gives the bytes out.
    pub(crate) body: &'a mut dyn Read,
    /// How many they are said to be.
    pub(crate) length: usize,
    /// How long giving them out takes; the client's timeout counts besides.
    pub(crate) duration: Duration,
    /// How long the answer is waited for, if not as long as the client's timeout lets.
    pub(crate) answer_within: Option<Duration>,
}

/// Calls one receiver. Every call has a connection of its own, so that a broken one is the fault of the call that it
/// breaks and of no other.
#[derive(Clone, Debug)]
pub struct Client {
    agent: Agent,
    url: String,
    timeout: Duration,
}

impl Client {
    /// A client for the receiver at `url`, the application's Mirroring URL.
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self::with_timeout(url, DEFAULT_TIMEOUT)
    }

    /// A client whose calls may take `timeout` each.
    #[must_use]
    pub fn with_timeout(url: &str, timeout: Duration) -> Self {
        let config = Agent::config_builder()
            .timeout_global(Some(timeout))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_idle_connections(0)
            .proxy(None)
            .build();
        Self { agent: config.into(), url: url.to_owned(), timeout }
    }

    /// The receiver.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Makes one call. A failure that the receiver reports is an answer, not an error.
    ///
    /// # Errors
    /// [`CallError`] when there is no answer, or none that keeps to the contract.
    pub fn call(&self, request: &Request, token: &Token) -> Result<Answer, CallError> {
        let operation = request.operation();
        let token = token.sign().map_err(|source| CallError::Token { operation, source })?;
        self.send(operation, &request.envelope(&token))
    }

    /// Sends a whole body, such as [`Request::envelope`] made it: the very same call can so be sent again.
    ///
    /// # Errors
    /// [`CallError`] when there is no answer, or none that keeps to the contract.
    pub fn send(&self, operation: Operation, body: &[u8]) -> Result<Answer, CallError> {
        understand(operation, self.exchange(operation, body)?)
    }

    /// Sends a whole body and takes whatever comes back.
    ///
    /// # Errors
    /// [`CallError::Transport`].
    pub fn exchange(&self, operation: Operation, body: &[u8]) -> Result<Reply, CallError> {
        let response = self.post(operation).send(body);
        response.and_then(reply).map_err(|source| self.failed(operation, source))
    }

    /// Sends a body piece by piece. When it fails before its end, the connection ends there.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub(crate) fn upload(&self, operation: Operation, upload: Upload<'_>) -> Result<Answer, CallError> {
        let Upload { body, length, duration, answer_within } = upload;
        let request = self
            .post(operation)
            .header("Content-Length", length)
            .config()
            .timeout_global(Some(self.timeout.saturating_add(duration)))
            .timeout_recv_response(answer_within)
            .build();
        let response = request.send(SendBody::from_reader(body));
        understand(operation, response.and_then(reply).map_err(|source| self.failed(operation, source))?)
    }

    fn post(&self, operation: Operation) -> RequestBuilder<WithBody> {
        self.agent
            .post(&self.url)
            .header("Content-Type", "text/xml; charset=utf-8")
            .header("SOAPAction", format!("\"{}\"", operation.action()))
            .header("Accept-Encoding", "gzip, deflate")
    }

    fn failed(&self, operation: Operation, source: ureq::Error) -> CallError {
        CallError::Transport { operation, url: self.url.clone(), source }
    }
}

/// Reads the whole of what came back.
fn reply(response: Response<Body>) -> Result<Reply, ureq::Error> {
    let content_type = header(&response, "Content-Type");
    let status = response.status().as_u16();
    let body = response.into_body().with_config().limit(MAX_ANSWER_BYTES).read_to_vec()?;
    Ok(Reply { status, content_type, body })
}

fn understand(operation: Operation, reply: Reply) -> Result<Answer, CallError> {
    let Reply { status, content_type, body } = reply;
    // A fault comes with 500, everything else with 200.
    if !matches!(status, 200 | 500) || !is_soap(&content_type) {
        return Err(CallError::Status { operation, status, content_type });
    }
    match answer::parse(operation, &body) {
        Ok(answer) if status == 200 => Ok(answer),
        Ok(_) => Err(CallError::Status { operation, status, content_type }),
        Err(source) => Err(CallError::Answer { operation, source }),
    }
}

fn header<T>(response: &Response<T>, name: &str) -> String {
    let value = response.headers().get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().to_owned()
}

/// `text/xml` in UTF-8, which is also what an absent charset means for the vendor's client.
pub(crate) fn is_soap(content_type: &str) -> bool {
    let lower = content_type.to_ascii_lowercase();
    let mut parts = lower.split(';').map(str::trim_ascii);
    parts.next() == Some("text/xml")
        && parts.all(|part| match part.strip_prefix("charset=") {
            Some(charset) => charset.trim_matches('"') == "utf-8",
            None => true,
        })
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_receiver_that_never_answers_is_not_waited_for_longer_than_the_timeout() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", silent.local_addr().unwrap());
        let client = Client::with_timeout(&url, Duration::from_millis(50));
        let error = client.send(Operation::Wipe, b"<x/>").unwrap_err();
        assert!(matches!(error, CallError::Transport { source: ureq::Error::Timeout(_), .. }), "{error}");
    }

    #[test]
    fn only_xml_in_utf_8_is_soap() {
        for fits in ["text/xml; charset=utf-8", "text/xml;charset=\"UTF-8\"", "Text/XML"] {
            assert!(is_soap(fits), "{fits}");
        }
        for other in ["", "text/html", "application/soap+xml; charset=utf-8", "text/xml; charset=utf-16"] {
            assert!(!is_soap(other), "{other}");
        }
    }
}
