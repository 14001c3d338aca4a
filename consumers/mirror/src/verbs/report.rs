//! What `verify` found, and what `--repair` did about it.

use mirrorbus_schemas::checksum::TableChecksum;
use mirrorbus_schemas::topic::{Table, Tenant};
use serde::Serialize;
use serde_json::{Map, Value as Json};

/// How a key differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    /// The topic has the row, the copy does not.
    Missing,
    /// The copy has a row that the topic does not have.
    Extra,
    /// Both have the row, with other values.
    Changed,
}

/// A row that differs, by its key.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// How.
    pub kind: DifferenceKind,
    /// Key columns by name.
    pub key: Map<String, Json>,
}

/// Something that is wrong with a table as a whole. Where there is one, rows may not have been compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "finding", rename_all = "snake_case")]
pub enum Finding {
    /// Kafka has no topic of this table any more.
    NoTopic,
    /// The rows came from a topic that was deleted; another has its name now. A mirror that runs reads it anew.
    OtherTopic {
        /// Id of the topic that the rows came from.
        stored: String,
        /// Id of the topic that is there.
        found: String,
    },
    /// The stored position lies outside of the topic. A mirror that runs reads it anew.
    PositionOutside {
        /// The partition.
        partition: i32,
        /// The stored next offset.
        position: i64,
        /// First offset of the partition.
        first: i64,
        /// End of the partition.
        end: i64,
    },
    /// The topic's beginning was cut off, so that it cannot tell the whole table.
    Cut {
        /// The partition.
        partition: i32,
        /// Its first offset.
        first: i64,
    },
    /// The columns are not those of the topic's rows.
    Columns {
        /// What differs.
        detail: String,
    },
    /// The table or its records cannot be read.
    Unreadable {
        /// Why.
        detail: String,
    },
    /// Rows whose key no mirror wrote, which therefore cannot be mended one by one: regenerate the table.
    ForeignKeys {
        /// How many.
        rows: u64,
    },
}

/// What was done about the differences of a table.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Repair {
    /// Rows that were inserted.
    pub inserts: u64,
    /// Rows that were replaced.
    pub updates: u64,
    /// Rows that were deleted.
    pub deletes: u64,
    /// Keys that the mirror itself had written again meanwhile.
    pub left_alone: u64,
}

/// Row count and order-independent checksum of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sum {
    /// Rows.
    pub rows: u64,
    /// 32 hex digits; see `mirrorbus_schemas::checksum`.
    pub checksum: String,
}

impl From<TableChecksum> for Sum {
    fn from(sum: TableChecksum) -> Self {
        Self { rows: sum.rows, checksum: sum.to_string() }
    }
}

/// One table, compared with its topic.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TableReport {
    /// The table.
    pub table: Table,
    /// What the copy has; nothing where it was not compared.
    pub copy: Option<Sum>,
    /// What the topic says it should have.
    pub topic: Option<Sum>,
    /// Rows that differ.
    pub differences: Vec<Difference>,
    /// Rows that differ and that the topic cannot judge at this offset any more, because they were written again since,
    /// or wait for the sweep of an earlier population.
    pub undecided: u64,
    /// What is wrong with the whole table.
    pub findings: Vec<Finding>,
    /// What `--repair` did; `differences` and all numbers are those of afterwards then.
    pub repair: Option<Repair>,
    /// Rows that differed before the repair.
    pub repaired: Vec<Difference>,
}

impl TableReport {
    /// A report of a table of which nothing is known yet.
    pub(crate) fn new(table: &Table) -> Self {
        Self {
            table: table.clone(),
            copy: None,
            topic: None,
            differences: Vec::new(),
            undecided: 0,
            findings: Vec::new(),
            repair: None,
            repaired: Vec::new(),
        }
    }

    /// Whether the table is what its topic says.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.differences.is_empty() && self.findings.is_empty()
    }
}

/// One tenant, compared with its topics.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TenantReport {
    /// The tenant.
    pub tenant: Tenant,
    /// Its tables.
    pub tables: Vec<TableReport>,
}

impl TenantReport {
    /// Whether every table is what its topic says.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.tables.iter().all(TableReport::is_equal)
    }
}
