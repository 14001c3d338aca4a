//! One table: what its columns are, how its records are read, and what a batch of them changes.

pub(crate) mod changes;
pub(crate) mod decode;
mod default;
mod nullable;
pub(crate) mod places;
pub(crate) mod rows;
pub(crate) mod schema;
pub(crate) mod state;
pub(crate) mod text;
pub(crate) mod value;
