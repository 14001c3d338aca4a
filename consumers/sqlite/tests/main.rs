//! The mirror on real Kafka and a real registry: what is committed is in the file, and nothing else.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[path = "../../mirror/tests/source/mod.rs"]
mod source;

mod changes;
mod exchange;
mod mirror;
mod power;
mod program;
mod restarts;
mod topics;
mod verbs;
