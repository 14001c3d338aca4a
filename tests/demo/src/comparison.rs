//! Source and mirror side by side: rows and checksum of every table, each computed from its own database alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use mirrorbus_schemas::checksum::TableChecksum;
use operations_center::tenant::Tenant;

/// One table on both sides. The mirror of a table that never had a row does not have it yet, which is equal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableComparison {
    /// The tenant's.
    pub source: TableChecksum,
    /// The mirror's.
    pub mirror: TableChecksum,
    /// Whether the tenant has the table.
    pub is_at_source: bool,
    /// Inserts, updates and deletes applied to the mirror since it was made.
    pub applied: [u64; 3],
}

/// Every table of either side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// By name.
    pub tables: BTreeMap<String, TableComparison>,
}

impl Comparison {
    /// Reads both sides as they are now.
    ///
    /// # Errors
    /// When either database cannot be read.
    pub fn of(source: &Tenant, mirror: &Path) -> anyhow::Result<Self> {
        let mut tables: BTreeMap<String, TableComparison> = BTreeMap::new();
        for table in source.tables()? {
            let sum = source.checksum(&table.name)?;
            tables.insert(
                table.name,
                TableComparison { source: sum, is_at_source: true, ..Default::default() },
            );
        }
        if !mirror.exists() {
            return Ok(Self { tables });
        }
        let present: BTreeSet<String> = mirror_sqlite::tables(mirror)?.into_iter().collect();
        for applied in mirror_sqlite::applied(mirror)? {
            if !present.contains(&applied.table) && !tables.contains_key(&applied.table) {
                continue;
            }
            let table = tables.entry(applied.table.clone()).or_default();
            table.applied = [applied.inserts, applied.updates, applied.deletes];
            if present.contains(&applied.table) {
                table.mirror = mirror_sqlite::checksum(mirror, &applied.table)?;
            }
        }
        Ok(Self { tables })
    }

    /// Whether the mirror is the source.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.tables.values().all(TableComparison::is_equal)
    }

    /// Whether something of each kind was applied to every table that has rows.
    #[must_use]
    pub fn is_exercised(&self) -> bool {
        let mut with_rows = self.tables.values().filter(|table| table.source.rows > 0).peekable();
        with_rows.peek().is_some() && with_rows.all(|table| table.applied.iter().all(|count| *count > 0))
    }

    /// Rows at the source.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.tables.values().map(|table| table.source.rows).sum()
    }
}

impl TableComparison {
    /// Whether both sides are equal.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.is_at_source && self.source == self.mirror
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = |sum: &TableChecksum| sum.to_string().get(..16).map(str::to_owned).unwrap_or_default();
        writeln!(
            f,
            "{:<18} {:>8} {:>8}  {:<16}  {:<16}  {:>8} {:>8} {:>8}",
            "table",
            "source",
            "mirror",
            "source checksum",
            "mirror checksum",
            "inserts",
            "updates",
            "deletes"
        )?;
        for (name, table) in &self.tables {
            let [inserts, updates, deletes] = table.applied;
            let (source, mirror) = (&table.source, &table.mirror);
            writeln!(
                f,
                "{name:<18} {:>8} {:>8}  {:<16}  {:<16}  {inserts:>8} {updates:>8} {deletes:>8}{}",
                source.rows,
                mirror.rows,
                short(source),
                short(mirror),
                if table.is_equal() { "" } else { "  DIFFERENT" }
            )?;
        }
        Ok(())
    }
}
