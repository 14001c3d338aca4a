#![doc = include_str!("../README.md")]

mod admin;
pub mod cli;
mod copies;
mod destination;
mod error;
pub mod failpoint;
mod live;
mod pattern;
mod running;
mod settings;
mod source;
mod stop;
mod table;
mod template;
pub mod verbs;

pub use admin::{Admin, Progress, Readiness, Watch, serve};
pub use copies::{Copies, Copy, Held, Scope, Snapshot};
pub use destination::{
    Applied, Batch, Cycle, Destination, DestinationError, Memory, Move, Position, Row, TableChange,
    TableMemory,
};
pub use error::MirrorError;
pub use pattern::Patterns;
pub use running::{Running, run, run_watched, spawn};
pub use settings::Settings;
pub use stop::Stop;
pub use table::decode::{DecodeError, Plan};
pub use table::schema::{Column, SchemaError};
pub use table::state::Marks;
pub use table::value::{Kind, Value};
pub use template::Template;
