//! SQL Server's types and values, as far as the vendor's tables use them.

mod column;
mod sql_type;
pub(crate) mod text;
mod value;
mod value_ref;

pub use column::{Column, ColumnError};
pub use sql_type::{SqlType, UnknownType};
pub use value::Value;
pub use value_ref::ValueRef;
