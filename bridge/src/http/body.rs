//! Bodies, read in two stages: so much as holds the token, from anybody; the rest only for an accepted token,
//! within the memory budget.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Envelope and header of a call fit many times; a caller without a token can make us hold no more.
pub(super) const HEAD_BYTES: usize = 32 * 1024;

/// Why a body was not read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyError {
    /// Larger than the limit.
    TooLarge,
    /// It did not arrive in time.
    Slow,
    /// The connection broke or the framing is wrong.
    Broken,
    /// The memory for bodies is taken.
    Busy,
}

/// A body under way.
pub(super) struct BodyReader {
    chunks: BodyDataStream,
    read: BytesMut,
    ended: bool,
    max_bytes: usize,
    head_until: Instant,
    until: Instant,
}

/// A whole body and its share of the memory budget.
pub(super) struct HeldBody {
    pub(super) bytes: Bytes,
    _share: OwnedSemaphorePermit,
}

impl BodyReader {
    /// `head_timeout` bounds what anybody can make us wait for, `timeout` the whole body of an accepted caller.
    pub(super) fn new(body: Body, max_bytes: usize, head_timeout: Duration, timeout: Duration) -> Self {
        let (now, chunks) = (Instant::now(), body.into_data_stream());
        let (head_until, until) = (now + head_timeout.min(timeout), now + timeout);
        Self { chunks, read: BytesMut::new(), ended: false, max_bytes, head_until, until }
    }

    /// What has been read so far, and whether that is all.
    pub(super) fn so_far(&self) -> (&[u8], bool) {
        (&self.read, self.ended)
    }

    /// Reads until the envelope's header must be there, or the body ends.
    pub(super) async fn read_head(&mut self) -> Result<(), BodyError> {
        while !self.ended && self.read.len() < HEAD_BYTES {
            self.read_chunk(self.head_until).await?;
        }
        Ok(())
    }

    /// Reads the rest. `announced` is the body's length where the caller gave one.
    pub(super) async fn read_rest(
        mut self,
        announced: Option<usize>,
        budget: &Arc<Semaphore>,
    ) -> Result<HeldBody, BodyError> {
        let mut share = take(budget, announced.unwrap_or(0).max(self.read.len()))?;
        self.read.reserve(announced.unwrap_or(0).saturating_sub(self.read.len()));
        while !self.ended {
            self.read_chunk(self.until).await?;
            let held = share.num_permits();
            let needed = kib(self.read.len()) as usize;
            if needed > held {
                share.merge(take(budget, (needed - held) * 1024)?);
            }
        }
        Ok(HeldBody { bytes: self.read.freeze(), _share: share })
    }

    async fn read_chunk(&mut self, until: Instant) -> Result<(), BodyError> {
        match tokio::time::timeout_at(until, self.chunks.next()).await {
            Err(_) => Err(BodyError::Slow),
            Ok(None) => {
                self.ended = true;
                Ok(())
            }
            Ok(Some(Err(_))) => Err(BodyError::Broken),
            Ok(Some(Ok(chunk))) if self.read.len() + chunk.len() > self.max_bytes => Err(BodyError::TooLarge),
            Ok(Some(Ok(chunk))) => {
                self.read.extend_from_slice(&chunk);
                Ok(())
            }
        }
    }
}

fn take(budget: &Arc<Semaphore>, bytes: usize) -> Result<OwnedSemaphorePermit, BodyError> {
    Arc::clone(budget).try_acquire_many_owned(kib(bytes)).map_err(|_| BodyError::Busy)
}

/// Bytes in whole KiB, the budget's unit.
pub(super) fn kib(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn reader(bytes: usize, max_bytes: usize) -> BodyReader {
        BodyReader::new(Body::from(vec![b'x'; bytes]), max_bytes, LONG, LONG)
    }

    #[tokio::test]
    async fn a_body_at_the_limit_is_read_and_one_past_it_is_not() {
        let budget = Arc::new(Semaphore::new(1024));
        let body = reader(1000, 1000).read_rest(Some(1000), &budget).await.map_err(drop).unwrap();
        assert_eq!(body.bytes.len(), 1000);
        let error = reader(1001, 1000).read_rest(None, &budget).await.map(drop).unwrap_err();
        assert_eq!(error, BodyError::TooLarge);
    }

    #[tokio::test]
    async fn bodies_past_the_budget_are_told_to_come_back_and_free_it_when_done() {
        let budget = Arc::new(Semaphore::new(2));
        let held = reader(2048, 4096).read_rest(Some(2048), &budget).await.map_err(drop).unwrap();
        let error = reader(1, 4096).read_rest(None, &budget).await.map(drop).unwrap_err();
        assert_eq!(error, BodyError::Busy);
        drop(held);
        assert!(reader(2048, 4096).read_rest(None, &budget).await.is_ok());
        let lied = reader(2049, 4096).read_rest(Some(1), &budget).await.map(drop).unwrap_err();
        assert_eq!(lied, BodyError::Busy, "what is read counts, not what was announced");
        assert_eq!(budget.available_permits(), 2);
    }

    #[tokio::test]
    async fn a_body_that_stops_coming_is_given_up() {
        let never = futures_util::stream::pending::<Result<bytes::Bytes, std::io::Error>>();
        let mut reader = BodyReader::new(Body::from_stream(never), 1000, Duration::from_millis(20), LONG);
        assert_eq!(reader.read_head().await.unwrap_err(), BodyError::Slow);
    }
}
