//! The library against a destination in memory that fails when it is told to, on real Kafka and a real registry.
#![allow(clippy::unwrap_used)]

mod admin;
mod ahead;
mod contested;
mod cycles;
mod destination;
mod example;
mod faults;
mod process;
mod rebuilds;
mod shared;
mod source;
mod transactions;
mod verbs;
mod whole;
