//! HTTP by hand, for what no HTTP client does: a body that comes slowly, breaks off, or never ends, and headers as the
//! documentation shows them.

mod response;
mod target;

use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::time::{Duration, Instant};

pub(super) use target::Target;
pub use target::UrlError;

use self::response::reply;
use self::target::Connection;
use crate::client::Reply;
use crate::wire::Operation;

/// How a call is addressed, where it is not as the vendor's client does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Quoted SOAPAction, at the registered URL.
    Usual,
    /// The SOAPAction without its quotes.
    UnquotedAction,
    /// The operation's name behind the URL.
    OperationAddress,
}

/// A call whose body is sent as its sender likes.
pub(super) struct Upload {
    connection: Connection,
    read: Vec<u8>,
}

impl Upload {
    /// Connects and sends the head of a call whose body has `length` bytes.
    pub(super) fn begin(
        target: &Target,
        timeout: Duration,
        operation: Operation,
        form: Form,
        length: usize,
    ) -> io::Result<Self> {
        let Target { host, port, path, .. } = target;
        let path = match form {
            Form::OperationAddress => format!("{path}/{operation}"),
            _ => path.clone(),
        };
        let action = match form {
            Form::UnquotedAction => operation.action(),
            _ => format!("\"{}\"", operation.action()),
        };
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: text/xml; charset=utf-8\r\n\
             SOAPAction: {action}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        let mut connection = target.connect(timeout)?;
        connection.write(head.as_bytes())?;
        Ok(Self { connection, read: Vec::new() })
    }

    /// Sends more of the body.
    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.connection.write(bytes)
    }

    /// What is answered within `wait`, if anything is.
    pub(super) fn early_answer(&mut self, wait: Duration) -> io::Result<Option<Reply>> {
        let timeout = self.connection.tcp().read_timeout()?;
        let deadline = Instant::now() + wait;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            self.connection.tcp().set_read_timeout(Some(left))?;
            match self.piece() {
                Ok(true) if reply(&self.read, false).is_none() => {}
                Ok(_) => return Ok(reply(&self.read, true)),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
                Err(error) => return Err(error),
            }
        }
        self.connection.tcp().set_read_timeout(timeout).map(|()| None)
    }

    /// The answer to a call that is sent whole.
    pub(super) fn answer(mut self) -> io::Result<Reply> {
        loop {
            if let Some(reply) = reply(&self.read, false) {
                return Ok(reply);
            }
            if !self.piece()? {
                let error = || {
                    io::Error::new(ErrorKind::UnexpectedEof, "the connection was closed without an answer")
                };
                return reply(&self.read, true).ok_or_else(error);
            }
        }
    }

    /// Goes away in the middle, and stays to see that the receiver has noticed, if it shows that within `wait`.
    pub(super) fn cut(mut self, wait: Duration) -> io::Result<()> {
        self.connection.tcp().shutdown(Shutdown::Write)?;
        self.connection.tcp().set_read_timeout(Some(wait))?;
        while let Ok(true) = self.piece() {}
        Ok(())
    }

    /// Reads a piece; `false` at the end.
    fn piece(&mut self) -> io::Result<bool> {
        let mut piece = [0; 16 * 1024];
        let length = self.connection.read(&mut piece)?;
        self.read.extend_from_slice(piece.get(..length).unwrap_or_default());
        Ok(length > 0)
    }
}
