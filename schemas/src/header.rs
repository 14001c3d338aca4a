//! Names of the Kafka record headers on every row record. All values are UTF-8 text.
//!
//! Headers are metadata: the rows of a table can be read without looking at any of them.

/// The tenant's context identifier, such as `Cust24709`.
pub const TENANT: &str = "tenant";
/// The table's name at the source.
pub const TABLE: &str = "table";
/// What happened: `I` insert, `U` update, `D` delete as the source said it, `S` a tombstone written by a sweep.
pub const OP: &str = "op";
/// The Log Sequence Number of the batch in decimal; absent where the batch had no valid one.
pub const LSN: &str = "lsn";
/// The cycle in which the row came, the same text as in the `cycles` events.
pub const CYCLE: &str = "cycle";
/// The population of the table to which the row belongs, in decimal. It only ever rises.
pub const EPOCH: &str = "epoch";
