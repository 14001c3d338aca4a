//! How much users do.

/// Of a hundred ordinary changes so many are inserts, updates and deletes.
const PROPORTIONS: (f64, f64, f64) = (0.35, 0.55, 0.10);
/// Ordinary changes per merge, and per burst.
const CHANGES_PER_MERGE: f64 = 1_000.0;
const CHANGES_PER_BURST: f64 = 20_000.0;
const BURST_ROWS: u64 = 2_000;

/// How much is done in a minute of the schedule's clock. A rate below 0 is 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// Rows inserted per minute.
    pub inserts: f64,
    /// Rows updated per minute.
    pub updates: f64,
    /// Rows deleted per minute.
    pub deletes: f64,
    /// Merges of two contacts per minute. The rows that they move count in no other rate.
    pub merges: f64,
    /// Bursts per minute: imports of many rows, or upgrades that touch every row of a table. Their rows count in no
    /// other rate.
    pub bursts: f64,
    /// Rows of an import.
    pub burst_rows: u64,
}

impl Rates {
    /// `changes` rows inserted, updated or deleted per minute, in the proportions of a CRM, and merges and bursts as
    /// often as they go with that.
    #[must_use]
    pub fn per_minute(changes: f64) -> Self {
        let (inserts, updates, deletes) = PROPORTIONS;
        Self {
            inserts: changes * inserts,
            updates: changes * updates,
            deletes: changes * deletes,
            merges: changes / CHANGES_PER_MERGE,
            bursts: changes / CHANGES_PER_BURST,
            burst_rows: BURST_ROWS,
        }
    }
}
