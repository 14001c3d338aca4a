//! The destination on real PostgreSQL, and the mirror on real Kafka.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[path = "../../mirror/tests/source/mod.rs"]
mod source;

mod changes;
mod connections;
mod copies;
mod cutter;
mod database;
mod faults;
mod feed;
mod mirror;
mod owners;
mod program;
mod server;
mod types;
mod verbs;
