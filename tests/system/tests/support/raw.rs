//! HTTP by hand: exactly the bytes that a test wants on the wire, and whatever comes back.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Longer than anything that a test waits for.
const LONG: Duration = Duration::from_secs(30);

pub const PATH: &str = "/MirroringClientService.svc";

/// A response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    /// Status line and headers, in lower case.
    pub head: String,
    pub body: String,
}

/// A request in the making: a POST as the vendor's client writes it, until a test changes it.
#[derive(Clone, Debug)]
pub struct Post {
    line: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Post {
    pub fn new(body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let length = body.len().to_string();
        let line = format!("POST {PATH} HTTP/1.1");
        Self { line, headers: Vec::new(), body }
            .header("Host", "mirror.example.com")
            .header("Content-Type", "text/xml; charset=utf-8")
            .header("Content-Length", &length)
    }

    pub fn line(mut self, line: &str) -> Self {
        self.line = line.to_owned();
        self
    }

    /// One header more, also where there is one of that name.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(other, _)| other != name);
        self
    }

    pub fn with(self, name: &str, value: &str) -> Self {
        self.without(name).header(name, value)
    }

    /// The body as chunks of at most `size` bytes instead of with its length.
    pub fn chunked(mut self, size: usize) -> Self {
        let mut chunks = Vec::new();
        for chunk in self.body.chunks(size) {
            chunks.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            chunks.extend_from_slice(chunk);
            chunks.extend_from_slice(b"\r\n");
        }
        chunks.extend_from_slice(b"0\r\n\r\n");
        self.body = chunks;
        self.without("Content-Length").header("Transfer-Encoding", "chunked")
    }

    pub fn head(&self) -> Vec<u8> {
        let headers = self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
        format!("{}\r\n{}\r\n", self.line, headers.collect::<String>()).into_bytes()
    }

    pub fn bytes(&self) -> Vec<u8> {
        [self.head(), self.body.clone()].concat()
    }
}

/// A connection.
pub struct Raw {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Raw {
    pub fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream.set_write_timeout(Some(LONG)).unwrap();
        Self { stream, read: Vec::new() }
    }

    /// Whether the peer still takes bytes.
    pub fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Sends `drop` every `pause` until the peer ends the connection; then everything that came.
    pub fn trickle(mut self, drop: &[u8], pause: Duration) -> Vec<Reply> {
        let began = Instant::now();
        self.stream.set_read_timeout(Some(pause)).unwrap();
        while began.elapsed() < LONG {
            let _ = self.stream.write_all(drop);
            let mut piece = [0; 4096];
            match self.stream.read(&mut piece) {
                Ok(0) => break,
                Ok(length) => self.read.extend_from_slice(&piece[..length]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(_) => break,
            }
        }
        replies(&self.read)
    }

    /// The next response that is whole by its Content-Length; what follows it is kept.
    pub fn reply(&mut self) -> Reply {
        let mut piece = [0; 4096];
        loop {
            if let Some((reply, length)) = first(&self.read) {
                self.read.drain(..length);
                return reply;
            }
            let length = self.stream.read(&mut piece).unwrap();
            assert!(length > 0, "closed after {:?}", String::from_utf8_lossy(&self.read));
            self.read.extend_from_slice(&piece[..length]);
        }
    }

    /// Everything up to the end of the connection, which the peer must bring about, and in order.
    pub fn rest(mut self) -> Vec<Reply> {
        self.stream.read_to_end(&mut self.read).unwrap_or_else(|error| {
            panic!(
                "the connection was not closed in order: {error}, {:?}",
                String::from_utf8_lossy(&self.read)
            )
        });
        replies(&self.read)
    }

    /// The same where the peer may hang up on who still writes.
    fn cut_rest(mut self) -> Vec<Reply> {
        if let Err(error) = self.stream.read_to_end(&mut self.read) {
            assert_eq!(error.kind(), ErrorKind::ConnectionReset, "the connection was not closed: {error}");
        }
        replies(&self.read)
    }
}

/// Sends all bytes, and reads at the same time: who is refused early sees the answer before it is done writing.
pub fn exchange(address: &str, bytes: &[u8]) -> Vec<Reply> {
    exchanged(address, bytes, Raw::rest)
}

/// The same with more bytes than the peer has to read.
pub fn exchange_cut(address: &str, bytes: &[u8]) -> Vec<Reply> {
    exchanged(address, bytes, Raw::cut_rest)
}

fn exchanged(address: &str, bytes: &[u8], read: impl FnOnce(Raw) -> Vec<Reply>) -> Vec<Reply> {
    let raw = Raw::connect(address);
    let mut writer = raw.stream.try_clone().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || writer.write_all(bytes).is_ok());
        read(raw)
    })
}

fn replies(mut bytes: &[u8]) -> Vec<Reply> {
    let mut replies = Vec::new();
    while !bytes.is_empty() {
        let (reply, length) = first(bytes).unwrap_or_else(|| {
            let text = String::from_utf8_lossy(bytes);
            let is_head_only = text.ends_with("\r\n\r\n");
            assert!(is_head_only, "no whole response: {text:?}");
            let head = text.to_ascii_lowercase();
            (Reply { status: status(&head), head, body: String::new() }, bytes.len())
        });
        replies.push(reply);
        bytes = &bytes[length..];
    }
    replies
}

/// The first response in `bytes`, and its length.
fn first(bytes: &[u8]) -> Option<(Reply, usize)> {
    let end = bytes.windows(4).position(|bytes| bytes == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length = length.map_or(0, |length| length.parse().unwrap());
    let body = bytes.get(end..end + length)?;
    Some((
        Reply { status: status(&head), head, body: String::from_utf8_lossy(body).into_owned() },
        end + length,
    ))
}

fn status(head: &str) -> u16 {
    let status = head.strip_prefix("http/1.").and_then(|rest| rest.get(2..5));
    status.unwrap_or_else(|| panic!("no status line: {head}")).parse().unwrap()
}
