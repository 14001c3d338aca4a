//! What was done.

use std::collections::BTreeMap;

/// What was done to one table. A mirror may be told less: of each row only its final state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// Rows inserted.
    pub inserts: u64,
    /// Updates made.
    pub updates: u64,
    /// Rows deleted.
    pub deletes: u64,
}

impl Changed {
    /// Inserts, updates and deletes.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.inserts + self.updates + self.deletes
    }

    /// Adds what was done elsewhere or later.
    pub fn add(&mut self, other: Self) {
        self.inserts += other.inserts;
        self.updates += other.updates;
        self.deletes += other.deletes;
    }
}

/// What was done in one or more transactions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// By table; none without a change.
    pub tables: BTreeMap<String, Changed>,
    /// Transactions of a few changes each.
    pub saves: u64,
    /// Contacts merged into others.
    pub merges: u64,
    /// Imports and upgrades.
    pub bursts: u64,
}

impl Work {
    /// The changes of all tables together.
    #[must_use]
    pub fn changed(&self) -> Changed {
        let mut sum = Changed::default();
        for changed in self.tables.values() {
            sum.add(*changed);
        }
        sum
    }

    /// Adds what was done elsewhere or later.
    pub fn add(&mut self, other: Self) {
        for (table, changed) in other.tables {
            self.tables.entry(table).or_default().add(changed);
        }
        self.saves += other.saves;
        self.merges += other.merges;
        self.bursts += other.bursts;
    }

    pub(super) fn note(&mut self, table: &str, count: impl FnOnce(&mut Changed)) {
        count(self.tables.entry(table.to_owned()).or_default());
    }
}
