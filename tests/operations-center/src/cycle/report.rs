//! What a cycle did.

use std::collections::BTreeMap;

use crate::tenant::Change;
use crate::wire::Summary;

/// What was sent of one table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableReport {
    /// Rows sent as `I`.
    pub inserts: u64,
    /// Rows sent as `U`.
    pub updates: u64,
    /// Rows sent as `D`.
    pub deletes: u64,
    /// Whether the table was begun anew.
    pub wiped: bool,
    /// Calls that were about it: its Wipe, and every RowData with rows of it.
    pub calls: u64,
    /// The bytes of its rows.
    pub bytes: u64,
}

impl TableReport {
    /// All rows sent.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.inserts + self.updates + self.deletes
    }

    pub(super) fn add(&mut self, other: Self) {
        self.inserts += other.inserts;
        self.updates += other.updates;
        self.deletes += other.deletes;
        self.wiped |= other.wiped;
        self.calls += other.calls;
        self.bytes += other.bytes;
    }

    pub(super) fn count(&mut self, change: Change, bytes: usize) {
        match change {
            Change::Insert => self.inserts += 1,
            Change::Update => self.updates += 1,
            Change::Delete => self.deletes += 1,
        }
        self.bytes += u64::try_from(bytes).unwrap_or_default();
    }
}

/// What a cycle did, table by table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The receiver asked not to be replicated to; nothing was sent then.
    pub skipped: bool,
    /// Every table that was looked at, also without changes.
    pub tables: BTreeMap<String, TableReport>,
    /// All calls of the cycle.
    pub calls: u64,
    /// The bytes of their bodies.
    pub bytes: u64,
}

impl Report {
    /// All rows sent.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.tables.values().map(TableReport::rows).sum()
    }

    /// How many tables were begun anew.
    #[must_use]
    pub fn wiped(&self) -> usize {
        self.tables.values().filter(|table| table.wiped).count()
    }

    /// What ReplicationCompleted says: the tables of which rows were sent.
    #[must_use]
    pub fn summaries(&self) -> Vec<Summary> {
        let count = |number: u64| i32::try_from(number).unwrap_or(i32::MAX);
        let changed = self.tables.iter().filter(|(_, report)| report.rows() > 0);
        changed
            .map(|(table, report)| Summary {
                deletes: count(report.deletes),
                inserts: count(report.inserts),
                table: table.clone(),
                updates: count(report.updates),
            })
            .collect()
    }
}
