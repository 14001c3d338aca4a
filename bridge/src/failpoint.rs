//! Moments at which a test stops the bridge, to kill it there or to let something happen first.
//!
//! Only builds with the feature `failpoints` have them, and only where the environment names a folder. A file in it
//! arms the point of its name; a bridge that gets there writes `<name>.reached` and waits until the file is gone.

/// The token has not been looked at.
pub const BEFORE_TOKEN: &str = "before_token";
/// The call is parsed, nothing was asked of Kafka.
pub const PARSED: &str = "parsed";
/// A transaction has begun, nothing is sent.
pub const TRANSACTION_BEGUN: &str = "transaction_begun";
/// A row has been handed to librdkafka.
pub const ROW_SENT: &str = "row_sent";
/// All rows of the transaction are confirmed.
pub const ROWS_CONFIRMED: &str = "rows_confirmed";
/// The positions are confirmed, too; the commit is next.
pub const POSITIONS_CONFIRMED: &str = "positions_confirmed";
/// The transaction is committed, the caller does not know yet.
pub const COMMITTED: &str = "committed";
/// The caller has got a part of the answer.
pub const ANSWER_BEGUN: &str = "answer_begun";
/// A producer is about to fence all others.
pub const BEFORE_FENCE: &str = "before_fence";
/// All others are fenced, the positions have not been read.
pub const FENCED: &str = "fenced";
/// The positions are read.
pub const POSITIONS_READ: &str = "positions_read";

/// A switch, not a point: producers are used again whatever happened to them.
pub const KEEP_SPOILED: &str = "keep_spoiled";
/// A setting: the file holds the transactions' timeout in milliseconds.
pub const TRANSACTION_TIMEOUT_MS: &str = "transaction_timeout_ms";
/// A setting: the file holds how many keys a chunk of a sweep has.
pub const SWEEP_CHUNK_KEYS: &str = "sweep_chunk_keys";

/// The environment variable that names the folder.
pub const FOLDER: &str = "FAILPOINTS";

#[cfg(feature = "failpoints")]
pub use self::armed::{is_on, reach, setting};

#[cfg(feature = "failpoints")]
mod armed {
    use std::path::{Path, PathBuf};
    use std::sync::LazyLock;
    use std::time::Duration;

    /// Between two looks for the file of an armed point: nothing tells when it is gone.
    const PAUSE: Duration = Duration::from_millis(2);

    static ARMED: LazyLock<Option<PathBuf>> =
        LazyLock::new(|| std::env::var_os(super::FOLDER).map(Into::into));

    /// Waits at the point while it is armed.
    pub fn reach(point: &str) {
        if let Some(folder) = ARMED.as_deref() {
            wait(folder, point);
        }
    }

    /// Whether a switch is on.
    #[must_use]
    pub fn is_on(switch: &str) -> bool {
        ARMED.as_deref().is_some_and(|folder| folder.join(switch).exists())
    }

    /// What a setting's file says.
    #[must_use]
    pub fn setting(name: &str) -> Option<String> {
        std::fs::read_to_string(ARMED.as_deref()?.join(name)).ok().map(|text| text.trim().to_owned())
    }

    fn wait(folder: &Path, point: &str) {
        let file = folder.join(point);
        if !file.exists() {
            return;
        }
        if let Err(error) = std::fs::write(folder.join(format!("{point}.reached")), "") {
            tracing::error!(point, %error, "a failpoint cannot say that it was reached");
        }
        while file.exists() {
            std::thread::sleep(PAUSE);
        }
    }
}

/// Waits at the point while it is armed: never, in this build.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub fn reach(_point: &str) {}

/// Whether a switch is on: never, in this build.
#[cfg(not(feature = "failpoints"))]
#[inline]
#[must_use]
pub fn is_on(_switch: &str) -> bool {
    false
}

/// What a setting's file says: nothing, in this build.
#[cfg(not(feature = "failpoints"))]
#[inline]
#[must_use]
pub fn setting(_name: &str) -> Option<String> {
    None
}
