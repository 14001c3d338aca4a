//! What a [`Watch`](super::Watch) holds: one state for the process, one for each tenant.

use std::collections::BTreeMap;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use mirrorbus_schemas::topic::Tenant;
use serde::Serialize;

use super::health::Side;
use crate::destination::Cycle;

/// All of it.
#[derive(Default)]
pub(super) struct State {
    /// Those that are mirrored here: live, or set aside.
    pub(super) tenants: BTreeMap<Tenant, Standing>,
    /// Those that the group gave to this process; `None` without a group.
    pub(super) dealt: Option<usize>,
    pub(super) kafka: Side,
    pub(super) registry: Side,
    pub(super) group: Side,
    /// Why topics could not be listed.
    pub(super) listing: Side,
    /// Whose call of the destination is under way, and since when.
    pub(super) busy: Option<(Tenant, Instant)>,
    pub(super) has_ended: bool,
}

/// One tenant.
#[derive(Default)]
pub(super) struct Standing {
    pub(super) progress: Progress,
    pub(super) topics: usize,
    pub(super) is_held: bool,
    pub(super) aside: Option<Aside>,
    /// Time of the oldest record that is not durable; where that is not known, of the newest that is.
    pub(super) oldest_ms: Option<i64>,
    pub(super) newest_ms: Option<i64>,
    pub(super) behind_since: Option<Instant>,
}

/// Why a tenant waits.
pub(super) struct Aside {
    pub(super) reason: String,
    pub(super) since: Instant,
    /// Its records are at fault, not what the mirror stands on.
    pub(super) is_data: bool,
}

/// How far a tenant is. Counts are of this process, since it took the tenant over.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Progress {
    /// Records that were read and are durable in the destination.
    pub records: u64,
    /// Their keys and values in bytes, as they lay in the topics.
    pub bytes: u64,
    /// Rows that were inserted or replaced: of several records of one key in a batch, one.
    pub upserts: u64,
    /// Rows that were deleted.
    pub deletes: u64,
    /// Offsets that were passed. More than `records`: compaction leaves gaps, and ends of transactions take offsets.
    pub passed: u64,
    /// Offsets from the stored positions to the topics' ends. `None` until they were compared for the first time; then
    /// compared about every second.
    pub to_go: Option<u64>,
    /// When the mirror last was where the topics ended, in milliseconds since 1970 UTC.
    pub caught_up_ms: Option<i64>,
    /// The newest cycle that is whole in the destination.
    pub cycle: Option<Cycle>,
}

/// A tenant as the loop sees it once in a while.
pub(crate) struct Sample {
    pub(crate) topics: usize,
    pub(crate) to_go: Option<u64>,
    pub(crate) oldest_ms: Option<i64>,
    pub(crate) caught_up_ms: Option<i64>,
    pub(crate) cycle: Option<Cycle>,
    /// Whatever it was set aside for is over.
    pub(crate) is_well: bool,
}

/// What was written to the destination since it last was durable.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Written {
    pub(crate) records: u64,
    pub(crate) bytes: u64,
    pub(crate) upserts: u64,
    pub(crate) deletes: u64,
    pub(crate) passed: u64,
    pub(crate) newest_ms: Option<i64>,
}

impl Standing {
    /// Age of the oldest record that is not durable, or of the newest one that is, before which none is left; where no
    /// record was seen, how long the tenant has been behind. `None` until it was compared.
    pub(super) fn lag_seconds(&self) -> Option<f64> {
        if self.progress.to_go? == 0 {
            return Some(0.0);
        }
        let known = self.oldest_ms.or(self.newest_ms);
        let behind = || self.behind_since.map(|since| since.elapsed().as_secs_f64());
        // Below 2^53 milliseconds nothing is lost.
        #[allow(clippy::cast_precision_loss)]
        known.map(|ms| (now_ms() - ms).max(0) as f64 / 1000.0).or_else(behind)
    }
}

pub(super) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
