//! Source and mirror side by side: rows and checksum of every table, each computed from its own database alone.

use std::collections::BTreeMap;
use std::fmt;

use mirrorbus_mirror::verbs::Sum;
use mirrorbus_schemas::checksum::TableChecksum;
use operations_center::tenant::Tenant;

use crate::mirrored::Mirrored;

/// One table on both sides. The mirror of a table that never had a row does not have it yet, which is equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableComparison {
    /// The tenant's.
    pub source: Sum,
    /// The mirror's.
    pub mirror: Sum,
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
    /// The source as it is now, and what was read of a mirror.
    ///
    /// # Errors
    /// When the source cannot be read.
    pub fn of(source: &Tenant, mirror: BTreeMap<String, Mirrored>) -> anyhow::Result<Self> {
        let nothing = || Sum::from(TableChecksum::default());
        let mut tables: BTreeMap<String, TableComparison> = BTreeMap::new();
        for table in source.tables()? {
            let sum = source.checksum(&table.name)?.into();
            let (mirror, applied) = (nothing(), [0; 3]);
            tables.insert(table.name, TableComparison { source: sum, mirror, is_at_source: true, applied });
        }
        for (name, Mirrored { sum, applied }) in mirror {
            if let Some(table) = tables.get_mut(&name) {
                table.applied = applied;
                table.mirror = sum.unwrap_or_else(nothing);
            } else if let Some(mirror) = sum {
                let source = nothing();
                tables.insert(name, TableComparison { source, mirror, is_at_source: false, applied });
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
        let short = |sum: &Sum| sum.checksum.get(..16).map(str::to_owned).unwrap_or_default();
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
