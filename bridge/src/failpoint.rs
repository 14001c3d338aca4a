//! Moments at which a test stops the bridge, to kill it there or to let something happen first. Only builds with the
//! feature `failpoints` have them.

pub use mirrorbus_failpoint::{FOLDER, is_on, reach, setting};

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
