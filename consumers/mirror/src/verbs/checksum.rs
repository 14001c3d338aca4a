//! Row count and checksum of every table, from a copy alone.

use mirrorbus_schemas::checksum::TableChecksum;
use mirrorbus_schemas::topic::{Table, Tenant};
use serde::Serialize;

use crate::copies::{Copies, Copy};
use crate::pattern::Patterns;
use crate::verbs::compare::hash;
use crate::verbs::error::VerbError;
use crate::verbs::report::Sum;

/// A table's row count and checksum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TableSum {
    /// The tenant.
    pub tenant: Tenant,
    /// The table.
    pub table: Table,
    /// Rows and checksum. A cell that the mirror would not have written enters it as something that no row of a source
    /// can be.
    #[serde(flatten)]
    pub sum: Sum,
}

/// Row count and checksum of those tables of a tenant's live copy that match.
///
/// # Errors
/// [`VerbError::Destination`] when the copy cannot be read.
pub fn checksums(
    destination: &mut dyn Copies,
    tenant: &Tenant,
    tables: &Patterns,
) -> Result<Vec<TableSum>, VerbError> {
    let mut snapshot = destination.snapshot(tenant, Copy::Live)?;
    let memories = snapshot.memory().tables.clone();
    let mut sums = Vec::new();
    for (table, memory) in memories.into_iter().filter(|(table, _)| tables.matches(table.as_str())) {
        let Some(columns) = memory.columns else { continue };
        let mut sum = TableChecksum::default();
        snapshot.rows(&table, &mut |cells| sum.add_hash(hash(&columns, cells)))?;
        sums.push(TableSum { tenant: tenant.clone(), table, sum: sum.into() });
    }
    Ok(sums)
}
