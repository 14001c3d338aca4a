//! What a mirror is written to.

use std::collections::BTreeMap;

use mirrorbus_schemas::topic::{Table, Tenant};
use thiserror::Error;

use crate::schema::Column;
use crate::state::Marks;
use crate::value::Value;

/// A place that keeps the tables of many tenants.
///
/// **Order.** Batches of a tenant come one at a time, in the order of their topics. Within a batch the tables'
/// changes may be applied in any order: no key occurs twice in a table's rows.
///
/// **Duplicates.** A batch that was applied never comes again; one whose outcome was not learnt may. The positions'
/// conditional move tells the two apart: a destination must not apply a batch whose `from` is not what it holds.
///
/// **Durable.** When [`Destination::apply`] returns `Ok`, rows, columns, marks and positions of the batch survive a
/// power cut, all of them. When it returns an error, either all or none do, and the next [`Destination::load`] tells
/// which.
pub trait Destination {
    /// What is durable of a tenant; makes room for a tenant that was never seen.
    ///
    /// # Errors
    /// [`DestinationError::Fault`] when it cannot be read.
    fn load(&mut self, tenant: &Tenant) -> Result<Memory, DestinationError>;

    /// Applies a batch in one transaction.
    ///
    /// # Errors
    /// [`DestinationError::Fenced`] when a position is not where the batch begins: somebody else writes here.
    /// [`DestinationError::Fault`] for everything else.
    fn apply(&mut self, tenant: &Tenant, batch: &Batch<'_>) -> Result<Applied, DestinationError>;
}

/// A batch that was not applied, or memory that could not be read.
#[derive(Debug, Error)]
pub enum DestinationError {
    /// Another mirror has written since this one read its positions. This one must stop.
    #[error("another mirror has moved {topic}, partition {partition}; only one may write to a destination")]
    Fenced {
        /// The topic whose position moved.
        topic: String,
        /// Its partition.
        partition: i32,
    },
    /// The destination's own failure; the tenant is read again from its stored positions after a pause.
    #[error(transparent)]
    Fault(#[from] Box<dyn std::error::Error + Send + Sync>),
}

/// Everything that a destination keeps of a tenant beside the rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// By topic and partition.
    pub positions: BTreeMap<(String, i32), Position>,
    /// By table.
    pub tables: BTreeMap<Table, TableMemory>,
}

/// How far a partition is applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The very topic that was read: one made anew under the same name has another id.
    pub topic_id: String,
    /// The next offset to be read. Everything below it is applied.
    pub next_offset: i64,
}

/// What is kept of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableMemory {
    /// The columns of the table as it stands there; `None` where there is no table.
    pub columns: Option<Vec<Column>>,
    /// The library's own marks, to be kept as they are.
    pub marks: Marks,
}

/// What is applied in one transaction.
#[derive(Debug, Default)]
pub struct Batch<'b> {
    /// Changes of tables, each table at most once.
    pub tables: Vec<TableChange<'b>>,
    /// Moves of positions, each partition at most once.
    pub moves: Vec<Move>,
}

/// A position and where it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// What the destination must hold; `None` for no position at all.
    pub from: Option<Position>,
    /// What it holds afterwards.
    pub to: Position,
}

/// What happens to one table, in this order: its present rows go or stay, its columns change, rows are applied.
#[derive(Debug)]
pub struct TableChange<'b> {
    /// The table.
    pub table: Table,
    /// The columns as the destination keeps them; `None` where it has no such table.
    pub before: Option<Vec<Column>>,
    /// The columns from now on; `None` when the table leaves.
    pub after: Option<Vec<Column>>,
    /// Whether rows that are there stay. Where not, columns may change in ways that rows could not follow.
    pub keeps_rows: bool,
    /// Inserts, updates and deletes, each key at most once.
    pub rows: Vec<Row<'b>>,
    /// To be kept with the table.
    pub marks: Marks,
}

/// One row's change.
#[derive(Clone, Debug, PartialEq)]
pub enum Row<'b> {
    /// Insert it, or replace all of the row with this key. One value per column of the table, in their order.
    Upsert(Vec<Value<'b>>),
    /// Delete the row with this key, if it is there. One value per key column, in the order of the table's columns.
    Delete(Vec<Value<'b>>),
}

/// What a batch changed in the destination.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Rows that were not there before.
    pub inserts: u64,
    /// Rows that were there and were replaced.
    pub updates: u64,
    /// Rows that were there and are gone.
    pub deletes: u64,
}
