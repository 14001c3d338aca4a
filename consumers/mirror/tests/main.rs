//! The library against a destination in memory that fails when it is told to, on real Kafka and a real registry.
#![allow(clippy::unwrap_used)]

mod destination;
mod faults;
mod source;
