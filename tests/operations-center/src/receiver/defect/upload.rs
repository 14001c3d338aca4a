//! Uploads that are read wrongly.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

use super::Defect;
use crate::receiver::store::held;

/// What some frameworks take by default, about.
const SMALL_BODY_BYTES: usize = 3 * 1024 * 1024 / 2;
const PATIENCE: Duration = Duration::from_millis(300);
/// As the vendor writes it.
const TOKEN_END: &[u8] = b"</h:SignedToken>";
const BATCH_END: &str = "</a:RowDataBatch>";
/// What closes a RowData call in the vendor's form after its last batch.
const CALL_END: &str = "</DataBatches></RowDataRequest></s:Body></s:Envelope>";

/// Locks of those who take one call at a time, by the name of what they lock.
pub(in crate::receiver) type Alone = Mutex<BTreeMap<String, Arc<AsyncMutex<()>>>>;

impl Defect {
    /// What must be waited for before more of a body is read of which `body` has come: nothing but for those who take
    /// one call at a time.
    pub(in crate::receiver) async fn wait_alone(
        self,
        alone: &Alone,
        tenant: Option<&str>,
    ) -> Option<OwnedMutexGuard<()>> {
        let name = match (self, tenant) {
            (Self::NotReentrant, _) => "",
            (Self::NotReentrantWithinTenant, Some(tenant)) => tenant,
            _ => return None,
        };
        let lock = Arc::clone(held(alone).entry(name.to_owned()).or_default());
        Some(lock.lock_owned().await)
    }

    /// How long the end of a body is waited for of which `come` bytes of `announced` have come, before the call is
    /// answered without it.
    pub(in crate::receiver) fn patience(self, come: usize, announced: usize) -> Option<Duration> {
        let is_most = come > announced / 4 * 3 && come < announced;
        (self == Self::AnswerBeforeTheEnd && is_most).then_some(PATIENCE)
    }

    /// Whether a body is refused for its length.
    pub(in crate::receiver) fn is_too_long(self, body: &[u8]) -> bool {
        self == Self::SmallBodiesOnly && body.len() > SMALL_BODY_BYTES
    }

    /// A call that broke off as a whole one, of its whole batches.
    pub(in crate::receiver) fn mended(self, body: &str) -> Option<String> {
        let end = body.rfind(BATCH_END).filter(|_| self == Self::PositionMovedByBrokenCall)?;
        Some(format!("{}{CALL_END}", body.get(..end + BATCH_END.len())?))
    }
}

/// Whether the token has come whole.
pub(in crate::receiver) fn has_token(body: &[u8]) -> bool {
    memchr::memmem::find(body, TOKEN_END).is_some()
}
