#![doc = include_str!("../README.md")]

mod core;
mod decode;
mod destination;
mod error;
mod event;
mod flush;
mod gathering;
mod listing;
mod reader;
mod registry;
mod running;
mod schema;
mod settings;
mod state;
mod stop;
mod table;
mod tenant;
mod value;

pub use decode::{DecodeError, Plan};
pub use destination::{
    Applied, Batch, Destination, DestinationError, Memory, Move, Position, Row, TableChange, TableMemory,
};
pub use error::MirrorError;
pub use running::{Running, run, spawn};
pub use schema::{Column, SchemaError};
pub use settings::Settings;
pub use state::Marks;
pub use stop::Stop;
pub use value::{Kind, Value};
