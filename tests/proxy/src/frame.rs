//! What is read of Kafka's frames: four bytes of length, then, of a request, API key, version and correlation id, and
//! of a response the correlation id. Of EndTxn also whom it ends and how.

use std::io::{self, ErrorKind, Read};
use std::net::TcpStream;

/// API keys of the requests that tests speak of.
pub mod api {
    /// Records on their way.
    pub const PRODUCE: i16 = 0;
    /// A producer opens: fences all others of its id.
    pub const INIT_PRODUCER_ID: i16 = 22;
    /// A partition joins a transaction.
    pub const ADD_PARTITIONS_TO_TXN: i16 = 24;
    /// Commit or abort.
    pub const END_TXN: i16 = 26;
}

/// Larger is no frame: the client speaks something else.
const MAX_FRAME_BYTES: usize = 256 * 1024 * 1024;

/// A request's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Which kind of request.
    pub api_key: i16,
    /// In which version.
    pub version: i16,
    /// What its response will carry.
    pub correlation: i32,
    /// What an EndTxn says.
    pub end: Option<EndTxn>,
}

/// The end of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndTxn {
    /// Whose.
    pub transactional_id: String,
    /// By which of its producers.
    pub epoch: i16,
    /// A commit, or else an abort.
    pub commits: bool,
}

impl Request {
    /// The head of a whole frame; `None` where it is too short for one.
    pub(crate) fn parse(frame: &[u8]) -> Option<Request> {
        let mut fields = Fields(frame.get(4..)?);
        let (api_key, version, correlation) = (fields.i16()?, fields.i16()?, fields.i32()?);
        let end = (api_key == api::END_TXN).then(|| end_txn(fields)).flatten();
        Some(Request { api_key, version, correlation, end })
    }

    /// Whether this is a commit.
    #[must_use]
    pub fn commits(&self) -> bool {
        self.end.as_ref().is_some_and(|end| end.commits)
    }

    /// Whether this is an abort.
    #[must_use]
    pub fn aborts(&self) -> bool {
        self.end.as_ref().is_some_and(|end| !end.commits)
    }
}

/// Versions 0 to 2, whose texts have two bytes of length: what librdkafka sends.
fn end_txn(mut fields: Fields<'_>) -> Option<EndTxn> {
    let _client = fields.text()?;
    let transactional_id = fields.text()?;
    let _producer = fields.take(8)?;
    Some(EndTxn { transactional_id, epoch: fields.i16()?, commits: *fields.take(1)?.first()? != 0 })
}

/// A response's correlation id, and of an EndTxn's the error code.
pub(crate) fn response(frame: &[u8]) -> Option<(i32, Option<i16>)> {
    let mut fields = Fields(frame.get(4..)?);
    let correlation = fields.i32()?;
    let error = fields.take(4).and_then(|_throttle| fields.i16());
    Some((correlation, error))
}

struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn i16(&mut self) -> Option<i16> {
        Some(i16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    fn i32(&mut self) -> Option<i32> {
        Some(i32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    /// A text that may be absent.
    fn text(&mut self) -> Option<String> {
        let bytes = match usize::try_from(self.i16()?) {
            Ok(length) => self.take(length)?,
            Err(_) => &[],
        };
        Some(String::from_utf8_lossy(bytes).into_owned())
    }
}

/// One whole frame, its length included; `None` at the connection's end.
pub(crate) fn read_frame(mut stream: &TcpStream) -> io::Result<Option<Vec<u8>>> {
    let mut frame = vec![0; 4];
    if stream.read(&mut frame[..1])? == 0 {
        return Ok(None);
    }
    stream.read_exact(&mut frame[1..])?;
    let length = frame.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes)) as usize;
    if length > MAX_FRAME_BYTES {
        return Err(io::Error::new(ErrorKind::InvalidData, "not a frame of kafka's"));
    }
    frame.resize(4 + length, 0);
    stream.read_exact(&mut frame[4..])?;
    Ok(Some(frame))
}

/// Whatever has arrived; `None` at the connection's end.
pub(crate) fn read_bytes(mut stream: &TcpStream) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = vec![0; 16 * 1024];
    let count = stream.read(&mut bytes)?;
    bytes.truncate(count);
    Ok((count > 0).then_some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An EndTxn of version 1 as librdkafka writes it.
    const END_TXN: &[u8] =
        b"\0\0\0\x28\0\x1a\0\x01\0\0\0\x07\0\x07rdkafka\0\x07t.Cust1\0\0\0\0\0\0\0\x05\0\x03\x01";

    #[test]
    fn an_end_of_a_transaction_says_whose_it_is_and_how_it_ends() {
        let request = Request::parse(END_TXN).unwrap();
        assert_eq!((request.api_key, request.version, request.correlation), (26, 1, 7));
        let end = EndTxn { transactional_id: "t.Cust1".into(), epoch: 3, commits: true };
        assert_eq!(request.end, Some(end));
        assert!(request.commits() && !request.aborts());
    }

    #[test]
    fn a_frame_that_breaks_off_is_no_panic() {
        for length in 0..END_TXN.len() {
            let parsed = Request::parse(&END_TXN[..length]);
            assert_eq!(parsed.is_some(), length >= 12);
            assert!(parsed.is_none_or(|request| request.end.is_none()), "{length}");
        }
    }

    #[test]
    fn a_response_has_its_correlation_id_and_the_error_behind_the_throttle_time() {
        assert_eq!(response(b"\0\0\0\x0a\0\0\0\x07\0\0\0\0\0\x2f"), Some((7, Some(47))));
        assert_eq!(response(b"\0\0\0\x04\0\0\0\x07"), Some((7, None)));
        assert_eq!(response(b"\0\0\0"), None);
    }
}
