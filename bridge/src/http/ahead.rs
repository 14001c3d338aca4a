//! What is done on other threads while a large body comes or is read: its digest, and a question to Kafka.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use mirrorbus_schemas::topic::Tenant;
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;

use crate::auth::Claims;
use crate::bus::Bus;
use crate::bus::order::CallMark;

/// With a smaller body it takes less time than another thread.
const LARGE_BYTES: usize = 64 * 1024;
/// For so long an answer is as good as one that is asked for now: whoever takes the tenant over meanwhile fences it.
const FRESH: Duration = Duration::from_secs(1);

/// Where the tenant's positions end, asked of Kafka.
pub(super) struct PositionsEnd(Option<(Instant, Meanwhile<Option<i64>>)>);

impl PositionsEnd {
    /// Asks if a body of `length` bytes is large.
    pub(super) fn ask(bus: &Arc<Bus>, tenant: &Tenant, length: usize) -> Self {
        if length < LARGE_BYTES {
            return Self(None);
        }
        let (bus, tenant) = (Arc::clone(bus), tenant.clone());
        Self(Some((Instant::now(), Meanwhile::start(move || bus.positions_end(&tenant)))))
    }

    /// Waits for the answer; none where it was not asked, or is old because the body came slowly. Blocks.
    pub(super) fn answer(self) -> Option<i64> {
        let (_, asked) = self.0.filter(|(began, _)| began.elapsed() < FRESH)?;
        asked.wait().flatten()
    }
}

/// What a call is known by: its token's time, and a digest of nonce and body.
pub(super) struct Mark {
    claims: Claims,
    body: Bytes,
    digest: Option<Meanwhile<String>>,
}

impl Mark {
    /// Begins to make it if the body is large.
    pub(super) fn of(claims: &Claims, body: &Bytes) -> Self {
        let (claims, body) = (claims.clone(), body.clone());
        let digest = (body.len() >= LARGE_BYTES).then(|| {
            let (nonce, body) = (claims.nonce.clone(), body.clone());
            Meanwhile::start(move || digest(&nonce, &body))
        });
        Self { claims, body, digest }
    }

    /// Waits for it, or makes it. Blocks.
    pub(super) fn finish(self) -> CallMark {
        let Self { claims, body, digest: made } = self;
        let made = made.and_then(Meanwhile::wait);
        CallMark {
            token_time: claims.not_before,
            digest: made.unwrap_or_else(|| digest(&claims.nonce, &body)),
        }
    }
}

fn digest(nonce: &str, body: &[u8]) -> String {
    let digest = Sha256::new().chain_update(nonce).chain_update(body).finalize();
    digest.iter().fold(String::with_capacity(64), |mut text, byte| {
        let written = write!(text, "{byte:02x}");
        debug_assert!(written.is_ok(), "writing to a string does not fail");
        text
    })
}

/// Work on one of the threads for what blocks. Whoever waits for it on such a thread must have started it before that
/// thread was asked for: they are given out in that order.
struct Meanwhile<T>(oneshot::Receiver<T>);

impl<T: Send + 'static> Meanwhile<T> {
    fn start(work: impl FnOnce() -> T + Send + 'static) -> Self {
        let (done, waiting) = oneshot::channel();
        tokio::task::spawn_blocking(move || {
            // Nobody listens any more where the call was refused.
            let _ = done.send(work());
        });
        Self(waiting)
    }

    /// `None` where it panicked.
    fn wait(self) -> Option<T> {
        self.0.blocking_recv().ok()
    }
}
