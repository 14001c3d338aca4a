//! The verbs against a destination in memory that has copies, on real Kafka.

mod copies;
mod memory;
mod regenerate;
mod status;
mod verify;
