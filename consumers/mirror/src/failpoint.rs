//! Moments at which a test stops a mirror, to kill it there. Only builds with the feature `failpoints` have them.

pub use mirrorbus_failpoint::{FOLDER, reach};

/// C0: a batch is gathered, and nothing was asked of the destination.
pub const FETCHED: &str = "fetched";
/// C1: the destination's transaction has begun.
pub const BEGUN: &str = "begun";
/// C3, which comes first here: positions are moved in the transaction, no row is applied.
pub const POSITIONS_MOVED: &str = "positions_moved";
/// C2: the rows are applied too, and the commit is next.
pub const ROWS_APPLIED: &str = "rows_applied";
/// C4: committed; the mirror does not know yet.
pub const COMMITTED: &str = "committed";
