//! The mirror of the honest receiver, which is in memory.

use super::{MirrorError, MirrorRow, MirrorView, shown};
use crate::receiver::{Cells, Store};
use crate::sql::SqlType;

impl MirrorView for Store {
    fn rows(&self, tenant: &str, table: &str) -> Result<Vec<MirrorRow>, MirrorError> {
        let row = |cells: Cells| {
            let cell = |(name, (kind, value)): (String, (Option<SqlType>, _))| {
                (name, shown(kind.unwrap_or(SqlType::NText), &value))
            };
            cells.into_iter().map(cell).collect()
        };
        Ok(Self::rows(self, tenant, table).into_iter().map(row).collect())
    }
}
