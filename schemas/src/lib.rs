//! The contracts between the bridge and everything that reads what it wrote: topic names, record headers,
//! record framing, the Avro schemas of tables and events, and the checksum by which two copies of a table
//! are compared.
//!
//! `README.md` beside this crate says the same for readers of other languages.

pub mod checksum;
pub mod event;
pub mod header;
pub mod property;
pub mod topic;
pub mod wire;
