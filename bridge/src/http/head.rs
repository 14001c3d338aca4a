//! A request's head, looked at before hyper reads it.
//!
//! Where a request ends must be the same for us and for a proxy in front: two that disagree can be made to take a part
//! of one caller's request for another's. hyper lets Transfer-Encoding win over a Content-Length beside it and takes
//! the latter out of sight, ends lines at a bare LF, and does not ask for Host. So whatever could be read in two ways
//! is refused here, from the bytes themselves.

use std::io;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt};

const END: &[u8] = b"\r\n\r\n";

/// Why a head is not handed on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum HeadError {
    /// The peer went away before its head was whole.
    Gone,
    /// No end within the limit.
    TooLarge,
    /// It could be read in two ways; the rule is for the log.
    Bad(&'static str),
}

impl From<io::Error> for HeadError {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

impl HeadError {
    /// The whole answer, if there is anybody to answer.
    pub(super) fn answer(&self) -> Option<&'static [u8]> {
        match self {
            Self::Gone => None,
            Self::TooLarge => Some(
                b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            ),
            Self::Bad(_) => {
                Some(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            }
        }
    }
}

/// Reads a whole head, and what came with it of the body.
///
/// # Errors
/// [`HeadError`] when there is none that can be handed on.
pub(super) async fn read(
    from: &mut (impl AsyncRead + Unpin),
    max_bytes: usize,
) -> Result<BytesMut, HeadError> {
    let mut read = BytesMut::with_capacity(4096);
    let mut searched = 0;
    loop {
        if from.read_buf(&mut read).await? == 0 {
            return Err(HeadError::Gone);
        }
        let found = read[searched..].windows(END.len()).position(|bytes| bytes == END);
        match found.map(|place| searched + place) {
            Some(end) if end + END.len() <= max_bytes => {
                check(&read[..end]).map_err(HeadError::Bad)?;
                return Ok(read);
            }
            None if read.len() < max_bytes => searched = read.len().saturating_sub(END.len() - 1),
            _ => return Err(HeadError::TooLarge),
        }
    }
}

/// Checks a head without its last empty line.
fn check(head: &[u8]) -> Result<(), &'static str> {
    let mut lines = Lines(Some(head));
    let request = lines.next().ok_or("no request line")??;
    let mut words = request.split(|&byte| byte == b' ').skip(1);
    if !words.next().is_some_and(|target| target.starts_with(b"/")) {
        return Err("the target is not a path");
    }
    let must_name_host = words.next() == Some(b"HTTP/1.1");
    let (mut hosts, mut lengths, mut encodings) = (0, 0, 0);
    for line in lines {
        let line = line?;
        let colon = line.iter().position(|&byte| byte == b':').ok_or("a header without a colon")?;
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        if name.eq_ignore_ascii_case(b"host") {
            hosts += 1;
        } else if name.eq_ignore_ascii_case(b"content-length") {
            lengths += 1;
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            encodings += 1;
            if !value.trim_ascii().eq_ignore_ascii_case(b"chunked") {
                return Err("a transfer encoding other than chunked");
            }
        }
    }
    match (hosts, lengths + encodings) {
        (0, _) if must_name_host => Err("no Host"),
        (2.., _) => Err("Host stands twice"),
        (_, 2..) => Err("the body's length is told twice"),
        _ => Ok(()),
    }
}

/// Lines that end in CR LF and hold neither elsewhere.
struct Lines<'a>(Option<&'a [u8]>);

impl<'a> Iterator for Lines<'a> {
    type Item = Result<&'a [u8], &'static str>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.0?;
        let end = rest.windows(2).position(|bytes| bytes == b"\r\n");
        let line = &rest[..end.unwrap_or(rest.len())];
        self.0 = end.map(|end| &rest[end + 2..]);
        let is_whole = !line.iter().any(|byte| matches!(byte, b'\r' | b'\n'));
        Some(if is_whole { Ok(line) } else { Err("CR or LF within a line") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn checked(head: &str) -> Result<(), &'static str> {
        check(head.as_bytes())
    }

    #[test]
    fn a_head_that_can_be_read_in_one_way_only_is_handed_on() {
        for head in [
            "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5",
            "POST /x HTTP/1.1\r\nhost:a\r\ntransfer-encoding:  Chunked ",
            "GET /x?wsdl HTTP/1.0",
            "POST /x HTTP/1.0\r\nHost: a\r\ncontent-length: 5\r\nX-Content-Length: 6",
        ] {
            assert_eq!(checked(head), Ok(()), "{head:?}");
        }
    }

    #[test]
    fn a_head_that_can_be_read_in_two_ways_is_not() {
        for head in [
            "",
            "\r\nPOST /x HTTP/1.1\r\nHost: a",
            "POST /x HTTP/1.1",
            "POST http://a/x HTTP/1.1\r\nHost: a",
            "CONNECT a:80 HTTP/1.1\r\nHost: a",
            "POST /x HTTP/1.1\r\nHost: a\r\nHost: b",
            "POST /x HTTP/1.0\r\nHost: a\r\nHost: b",
            "POST /x HTTP/1.1\nHost: a",
            "POST /x HTTP/1.1\r\nHost: a\nContent-Length: 5",
            "POST /x HTTP/1.1\r\nHost: a\rContent-Length: 5",
            "POST /x HTTP/1.1\r\nHost: a\r\nno colon",
            "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5",
            "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked",
            "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nCONTENT-LENGTH: 5",
            "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked",
            "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity",
            "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked",
        ] {
            assert!(checked(head).is_err(), "{head:?}");
        }
    }

    #[tokio::test]
    async fn a_head_is_read_with_what_follows_it_up_to_the_limit_and_not_a_byte_longer() {
        let request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nbody";
        let head_bytes = request.len() - 4;
        assert_eq!(read(&mut &request[..], head_bytes).await.unwrap(), &request[..]);
        assert_eq!(read(&mut &request[..], head_bytes - 1).await, Err(HeadError::TooLarge));
        assert_eq!(read(&mut &request[..5], 100).await, Err(HeadError::Gone));
        assert_eq!(read(&mut &b"GET / HTTP/1.1\r\n\r\n"[..], 100).await, Err(HeadError::Bad("no Host")));
    }

    #[tokio::test]
    async fn a_heads_end_is_found_however_it_is_cut() {
        let request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        for cut in 1..request.len() {
            let mut pieces = (&request[..cut]).chain(&request[cut..]);
            assert_eq!(read(&mut pieces, 100).await.unwrap(), &request[..], "cut at {cut}");
        }
    }
}
