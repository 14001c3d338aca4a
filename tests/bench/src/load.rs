//! A client that costs little: calls are made before the clock starts, and sending one is a connection and a write.

use std::io::{IoSlice, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use operations_center::wire::{Operation, Request};

/// Longer than the bridge lets any call take.
const TIMEOUT: Duration = Duration::from_secs(90);
const PLACEHOLDER: &str = "THE-TOKEN";

/// A body without its token. Bodies of a megabyte are shared by all calls that send them.
#[derive(Clone)]
pub(crate) struct Body {
    operation: Operation,
    before: Arc<[u8]>,
    after: Arc<[u8]>,
}

impl Body {
    pub(crate) fn new(request: &Request) -> anyhow::Result<Self> {
        let envelope = String::from_utf8(request.envelope(PLACEHOLDER))?;
        let (before, after) = envelope.split_once(PLACEHOLDER).context("the envelope holds no token")?;
        let (before, after) = (before.as_bytes().into(), after.as_bytes().into());
        Ok(Self { operation: request.operation(), before, after })
    }

    /// The whole body, for who parses it without HTTP.
    pub(crate) fn with_token(&self, token: &str) -> Vec<u8> {
        [&self.before, token.as_bytes(), &self.after].concat()
    }

    /// A request that can be sent once.
    pub(crate) fn signed(&self, token: &str) -> Call {
        let length = self.before.len() + token.len() + self.after.len();
        let action = self.operation.action();
        let mut head = format!(
            "POST /MirroringClientService.svc HTTP/1.1\r\nHost: bridge\r\nContent-Type: text/xml; charset=utf-8\r\n\
             SOAPAction: \"{action}\"\r\nAccept-Encoding: gzip, deflate\r\nContent-Length: {length}\r\n\r\n"
        )
        .into_bytes();
        head.extend_from_slice(&self.before);
        head.extend_from_slice(token.as_bytes());
        Call { head, rest: Arc::clone(&self.after) }
    }
}

/// A signed request, ready to be written.
pub(crate) struct Call {
    head: Vec<u8>,
    rest: Arc<[u8]>,
}

impl Call {
    pub(crate) fn bytes(&self) -> usize {
        self.head.len() + self.rest.len()
    }
}

/// Calls the bridge, which takes one request a connection.
pub(crate) struct Client {
    address: SocketAddr,
    answer: Vec<u8>,
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, answer: Vec::new() }
    }

    /// Sends the call and demands success. From the connection's beginning to the answer's last byte.
    pub(crate) fn send(&mut self, call: &Call) -> anyhow::Result<Duration> {
        let began = Instant::now();
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        let written = stream.write_vectored(&[IoSlice::new(&call.head), IoSlice::new(&call.rest)])?;
        let head_left = call.head.get(written..).unwrap_or_default();
        stream.write_all(head_left)?;
        let rest_written = written.saturating_sub(call.head.len());
        stream.write_all(call.rest.get(rest_written..).unwrap_or_default())?;
        self.read_answer(&mut stream)?;
        let took = began.elapsed();
        let text = String::from_utf8_lossy(&self.answer);
        anyhow::ensure!(text.contains("IsSuccessful>true<"), "a call failed: {text}");
        Ok(took)
    }

    /// The body of the last answer with its head.
    pub(crate) fn answer(&self) -> String {
        String::from_utf8_lossy(&self.answer).into_owned()
    }

    fn read_answer(&mut self, stream: &mut TcpStream) -> anyhow::Result<()> {
        self.answer.clear();
        let mut chunk = [0; 64 * 1024];
        loop {
            let read = stream.read(&mut chunk)?;
            anyhow::ensure!(read > 0, "the bridge hung up after {}", self.answer());
            self.answer.extend_from_slice(&chunk[..read]);
            if self.is_whole() {
                return Ok(());
            }
        }
    }

    fn is_whole(&self) -> bool {
        let Some(head) = self.answer.windows(4).position(|window| window == b"\r\n\r\n") else {
            return false;
        };
        let text = String::from_utf8_lossy(&self.answer[..head]).to_ascii_lowercase();
        let length =
            text.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse::<usize>().ok());
        length.is_some_and(|length| self.answer.len() >= head + 4 + length)
    }
}
