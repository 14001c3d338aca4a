//! Rows of a batch, still in their records' bytes.

use std::sync::Arc;

use crate::table::decode::Plan;
use crate::table::schema::Column;

/// A row to be written or deleted, still in its record's bytes.
pub(crate) struct Operation<'r> {
    pub(crate) at: (i32, i64),
    /// Index of how it is read.
    pub(crate) reading: usize,
    pub(crate) key: &'r [u8],
    pub(crate) value: Option<&'r [u8]>,
}

/// How records of one key schema and one value schema are read; tombstones have no value schema.
pub(crate) struct Reading {
    pub(crate) ids: (u32, Option<u32>),
    pub(crate) key: Arc<Plan>,
    pub(crate) value: Option<Arc<Plan>>,
}

impl Reading {
    /// The plan of what is decoded: the value, or a tombstone's key.
    pub(crate) fn plan(&self) -> &Plan {
        self.value.as_ref().unwrap_or(&self.key)
    }
}

/// Whether `key` names exactly the key columns of `columns`, of the same kinds.
pub(crate) fn is_key_of(key: &[Column], columns: &[Column]) -> bool {
    let keys = columns.iter().filter(|column| column.is_key);
    keys.clone().count() == key.len()
        && keys
            .into_iter()
            .all(|column| key.iter().any(|field| field.name == column.name && field.kind == column.kind))
}
