//! What a ledger sent and what it was told: the other side of every check.

use std::fmt;

/// A call is over once it was answered or given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Answered with success: every row must be there.
    Acknowledged,
    /// Answered with a failure whose code says that nothing was written.
    Refused(String),
    /// Under way, not answered, or answered "unknown": all of it may be there, or nothing.
    Unknown,
}

/// A call with rows. Numbers rise in the order in which one tenant's calls were made.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) number: u64,
    pub(crate) rows: Vec<Row>,
    pub(crate) outcome: Outcome,
}

/// A row as it was sent. No value is ever sent twice; a deleted row has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) table: String,
    pub(crate) key: i32,
    pub(crate) value: Option<Written>,
}

/// The value of a row: by which call, and the how manieth of its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Written {
    pub(crate) call: u64,
    pub(crate) row: usize,
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{}r{}", self.call, self.row)
    }
}

impl Written {
    /// Reads what `Display` wrote.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let (call, row) = text.strip_prefix('c')?.split_once('r')?;
        Some(Self { call: call.parse().ok()?, row: row.parse().ok()? })
    }
}

/// A record of a ledger's table as a read_committed reader saw it; `None` is a tombstone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) offset: i64,
    pub(crate) key: i32,
    pub(crate) value: Option<String>,
}

/// Everything a reader saw of a tenant's tables, in the order of offsets.
pub(crate) type Tables = std::collections::BTreeMap<String, Vec<Seen>>;
