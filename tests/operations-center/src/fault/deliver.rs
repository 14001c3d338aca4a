//! Faults of the way to the receiver.

use std::io::{Error, Read};
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use super::{Outcome, Point};
use crate::answer::Answer;
use crate::client::{CallError, Client, Upload};
use crate::wire::Operation;

/// Long enough for the last bytes to leave, too short for a receiver that does something before it answers. (An
/// answer that comes all the same is not looked at.)
const HANG_UP_AFTER: Duration = Duration::from_millis(1);
/// A slow body goes off in so many pieces per second.
const PIECES_PER_SECOND: u32 = 20;

/// How a call travels.
#[derive(Debug, Default)]
pub(super) struct Way {
    /// Bytes per second.
    pub(super) rate: Option<NonZeroU32>,
    /// The first time that the call is sent, the connection ends here.
    pub(super) hang_up: Option<Point>,
    /// Sent before, its answer "lost".
    pub(super) before: Option<Vec<u8>>,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Delivered {
    /// The answer that the vendor got; none where it hung up.
    pub(super) result: Option<Result<Answer, CallError>>,
    /// All answers that were read.
    pub(super) outcomes: Vec<Outcome>,
}

/// Sends a call, once or twice.
pub(super) fn deliver(client: &Client, operation: Operation, body: &[u8], way: &Way) -> Delivered {
    let mut outcomes = Vec::new();
    let mut send = |body: &[u8], hang_up: Option<Point>| {
        let result = send(client, operation, body, way.rate, hang_up);
        outcomes.extend(result.as_ref().map(Outcome::from));
        result
    };
    let result = match &way.before {
        Some(before) => {
            send(before, way.hang_up);
            send(body, None)
        }
        None => send(body, way.hang_up),
    };
    Delivered { result, outcomes }
}

fn send(
    client: &Client,
    operation: Operation,
    body: &[u8],
    rate: Option<NonZeroU32>,
    hang_up: Option<Point>,
) -> Option<Result<Answer, CallError>> {
    if rate.is_none() && hang_up.is_none() {
        return Some(client.send(operation, body));
    }
    let end = hang_up.map_or(body.len(), |point| end(point, body.len()));
    let mut pieces = Pieces { body, given: 0, end, rate, began: Instant::now() };
    let upload = Upload {
        length: body.len(),
        duration: rate.map_or(Duration::ZERO, |rate| time_for(body.len(), rate)),
        answer_within: hang_up.map(|_| HANG_UP_AFTER),
        body: &mut pieces,
    };
    let result = client.upload(operation, upload);
    hang_up.is_none().then_some(result)
}

/// How many bytes are sent before the connection ends.
pub(super) fn end(point: Point, length: usize) -> usize {
    match point {
        Point::AfterUpload => length,
        Point::Percent(percent) => {
            length / 100 * usize::from(percent) + length % 100 * usize::from(percent) / 100
        }
        Point::Bytes(bytes) => bytes.min(length),
    }
}

fn time_for(bytes: usize, rate: NonZeroU32) -> Duration {
    let nanos =
        u64::try_from(bytes).unwrap_or(u64::MAX).saturating_mul(1_000_000_000) / u64::from(rate.get());
    Duration::from_nanos(nanos)
}

/// Gives a body out at a rate, and fails where it is to end.
struct Pieces<'a> {
    body: &'a [u8],
    given: usize,
    end: usize,
    rate: Option<NonZeroU32>,
    began: Instant,
}

impl Read for Pieces<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if self.given == self.end && self.end < self.body.len() {
            return Err(Error::other("the connection ends here, as the script says"));
        }
        let mut length = out.len().min(self.end - self.given);
        if let Some(rate) = self.rate {
            let piece = usize::try_from(rate.get().div_ceil(PIECES_PER_SECOND)).unwrap_or(length);
            length = length.min(piece);
            let due = self.began + time_for(self.given + length, rate);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        let piece = self.body.get(self.given..self.given + length).unwrap_or_default();
        out.iter_mut().zip(piece).for_each(|(to, from)| *to = *from);
        self.given += piece.len();
        Ok(piece.len())
    }
}
