//! Where records come from: Kafka's topics and the registry's schemas.

pub(crate) mod member;
pub(crate) mod probe;
pub(crate) mod reader;
pub(crate) mod registry;
pub(crate) mod retention;
