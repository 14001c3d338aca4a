//! Generated CRM data: tables, columns and rows like those of the vendor's customers, as big as one likes and the same
//! for the same seed.
//!
//! Nothing is copied from the vendor but figures: how many tables and columns, of which types, with which defaults.

pub mod blocked;
mod create;
mod extremes;
mod full;
pub(crate) mod generator;
mod plan;
pub(crate) mod reference;
mod tables;
#[cfg(test)]
mod tests;

use std::path::Path;

pub use create::Progress;
pub use plan::{Plan, Schema, Size};

use crate::sql::ColumnError;
use crate::tenant::{Tenant, TenantError};

/// Contacts in a sample by default; all in all it has some 25 times as many rows.
pub const DEFAULT_SIZE: u64 = 100;

/// Why a tenant could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CrmError {
    /// The tenant's database failed.
    #[error(transparent)]
    Tenant(#[from] TenantError),
    /// A table of the schema is written wrongly.
    #[error("the schema's table {table} is written wrongly")]
    Definition {
        /// The table.
        table: &'static str,
        /// What is wrong.
        #[source]
        source: ColumnError,
    },
}

/// Makes a sample tenant in a new file with `size` contacts, and everything else in proportion; see [`Plan::create`].
///
/// # Errors
/// [`CrmError`] when the file exists or cannot be written.
pub fn create(path: &Path, size: u64, seed: u64) -> Result<Tenant, CrmError> {
    Plan { schema: Schema::Sample, size: Size::Contacts(size), seed }.create(path, |_| ())
}
