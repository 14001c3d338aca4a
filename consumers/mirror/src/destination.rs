//! What a mirror is written to.

use std::collections::{BTreeMap, BTreeSet};

use mirrorbus_schemas::topic::{Table, Tenant};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::table::schema::Column;
use crate::table::state::Marks;
use crate::table::value::Value;

/// A place that keeps the tables of many tenants.
///
/// **Order.** Batches of a tenant come one at a time, in the order of their topics. Within a batch the tables'
/// changes may be applied in any order: no key occurs twice in a table's rows.
///
/// **Duplicates.** A batch that was applied never comes again; one whose outcome was not learnt may. The positions'
/// conditional move tells the two apart: a destination must not apply a batch whose `from` is not what it holds.
///
/// **Owner.** [`Destination::load`] takes the tenant over. From then on, whatever an earlier owner applies is refused
/// as [`DestinationError::Fenced`], also when it holds a transaction open.
///
/// **Durable.** When [`Destination::apply`] returns `Ok` for a batch that [ends](Batch::ends), rows, columns, marks and
/// positions of it and of all batches since the last one that ended survive a power cut, all of them. Before that
/// nobody who reads the destination sees any of it. When it returns an error, either all or none do, and the next
/// [`Destination::load`] tells which.
///
/// **Threads.** Never more than one call at a time; [`Destination::apply`] may come on another thread than the rest, so
/// that the next batch can be read meanwhile.
pub trait Destination: Send {
    /// Takes a tenant over and tells what is durable of it; makes room for a tenant that was never seen. Gives up
    /// whatever batches did not end.
    ///
    /// # Errors
    /// [`DestinationError::Fault`] when it cannot be read.
    fn load(&mut self, tenant: &Tenant) -> Result<Memory, DestinationError>;

    /// Applies a batch, and commits if it ends.
    ///
    /// # Errors
    /// [`DestinationError::Fenced`] when another owner has the tenant or a position is not where the batch begins.
    /// [`DestinationError::Replaced`] when nobody has it since the copy was exchanged. [`DestinationError::Fault`] for
    /// everything else.
    fn apply(&mut self, tenant: &Tenant, batch: &Batch<'_>) -> Result<Applied, DestinationError>;

    /// A cycle of the source is whole in the destination: indexes and derived data can be brought up to date. Called
    /// after the commit, at least once for the newest cycle; one that another overtook may be left out.
    ///
    /// # Errors
    /// [`DestinationError::Fault`]; the tenant is read again from its stored positions after a pause, and the cycle told
    /// again.
    fn after_cycle(&mut self, _tenant: &Tenant, _cycle: &Cycle) -> Result<(), DestinationError> {
        Ok(())
    }

    /// The tenant is let go: its topics are gone, another process has it from now on, or it waits after a fault. Gives
    /// up whatever batches did not end and closes what is open for it. Nothing that is durable changes.
    fn release(&mut self, _tenant: &Tenant) {}

    /// Whether the place of a tenant that was loaded answers, also in the middle of a transaction. Asked about one
    /// tenant after the other, about once a second; costs little, and changes nothing.
    ///
    /// # Errors
    /// As for [`Destination::apply`].
    fn check(&mut self, _tenant: &Tenant) -> Result<(), DestinationError> {
        Ok(())
    }
}

impl<D: Destination + ?Sized> Destination for Box<D> {
    fn load(&mut self, tenant: &Tenant) -> Result<Memory, DestinationError> {
        (**self).load(tenant)
    }

    fn apply(&mut self, tenant: &Tenant, batch: &Batch<'_>) -> Result<Applied, DestinationError> {
        (**self).apply(tenant, batch)
    }

    fn after_cycle(&mut self, tenant: &Tenant, cycle: &Cycle) -> Result<(), DestinationError> {
        (**self).after_cycle(tenant, cycle)
    }

    fn release(&mut self, tenant: &Tenant) {
        (**self).release(tenant);
    }

    fn check(&mut self, tenant: &Tenant) -> Result<(), DestinationError> {
        (**self).check(tenant)
    }
}

/// A batch that was not applied, or memory that could not be read.
#[derive(Debug, Error)]
pub enum DestinationError {
    /// Another mirror has written since this one read its positions. This one must stop.
    #[error("another mirror writes to this destination: {what}")]
    Fenced {
        /// What gave it away.
        what: String,
    },
    /// The copy was exchanged, by `regenerate` or by hand, and nobody has it now: it may be loaded again.
    #[error("the copy was exchanged")]
    Replaced,
    /// The destination's own failure; the tenant is read again from its stored positions after a pause.
    #[error(transparent)]
    Fault(#[from] Box<dyn std::error::Error + Send + Sync>),
}

/// Everything that a destination keeps of a tenant beside the rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// By topic and partition.
    #[serde(with = "positions")]
    pub positions: BTreeMap<(String, i32), Position>,
    /// By table.
    pub tables: BTreeMap<Table, TableMemory>,
    /// Tables that hold another number of rows than were applied: somebody changed them by hand, or restored them
    /// without their positions. They are read anew.
    pub damaged: BTreeSet<Table>,
    /// When everything that the tenant's topics had was last applied, in milliseconds since 1970 UTC.
    pub caught_up_ms: Option<i64>,
    /// The newest cycle that is whole in the destination.
    pub cycle: Option<Cycle>,
}

impl Memory {
    /// Takes over what a batch says, for destinations that keep their memory as a whole.
    ///
    /// # Errors
    /// [`DestinationError::Fenced`] when a position is not where the batch begins; the memory is of no use then.
    pub fn advance(&mut self, batch: &Batch<'_>) -> Result<(), DestinationError> {
        for Move { topic, partition, from, to } in &batch.moves {
            if self.positions.insert((topic.clone(), *partition), to.clone()) != *from {
                return Err(DestinationError::Fenced {
                    what: format!("{topic}, partition {partition}, was moved"),
                });
            }
        }
        for change in &batch.tables {
            let known = TableMemory { columns: change.after.clone(), marks: change.marks.clone() };
            self.tables.insert(change.table.clone(), known);
        }
        self.caught_up_ms = batch.caught_up_ms.or(self.caught_up_ms);
        self.cycle = batch.cycle.clone().or(self.cycle.take());
        Ok(())
    }
}

/// As a list: a key of JSON is one text.
mod positions {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer};

    use super::Position;

    type Positions = BTreeMap<(String, i32), Position>;

    pub(super) fn serialize<S: Serializer>(positions: &Positions, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(positions)
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(deserializer: D) -> Result<Positions, D::Error> {
        let list = Vec::<((String, i32), Position)>::deserialize(deserializer)?;
        Ok(list.into_iter().collect())
    }
}

/// A cycle of the source that ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cycle {
    /// Its name, as the bridge gave it; empty where the vendor echoed none.
    pub id: String,
    /// When it ended, by the bridge's clock, in milliseconds since 1970 UTC.
    pub completed_ms: i64,
}

/// How far a partition is applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The very topic that was read: one made anew under the same name has another id.
    pub topic_id: String,
    /// The next offset to be read. Everything below it is applied.
    pub next_offset: i64,
}

/// What is kept of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableMemory {
    /// The columns of the table as it stands there; `None` where there is no table.
    pub columns: Option<Vec<Column>>,
    /// The library's own marks, to be kept as they are.
    pub marks: Marks,
}

/// What is applied at once.
#[derive(Debug, Default)]
pub struct Batch<'b> {
    /// Whether the transaction ends with it. Where not, it stays open for the batches to come.
    pub ends: bool,
    /// Changes of tables, each table at most once.
    pub tables: Vec<TableChange<'b>>,
    /// Moves of positions, each partition at most once.
    pub moves: Vec<Move>,
    /// To be kept, where it is said: see [`Memory::caught_up_ms`].
    pub caught_up_ms: Option<i64>,
    /// To be kept, where it is said: see [`Memory::cycle`].
    pub cycle: Option<Cycle>,
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
