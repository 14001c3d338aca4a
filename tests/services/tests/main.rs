//! The tool against real Kafka and a real registry: one binary, so that everything links once.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod client;
mod compose;
mod lifetime;
mod postgres;
mod tool;
