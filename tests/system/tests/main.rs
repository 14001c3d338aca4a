//! The whole system on real Kafka and a real registry, one claim a test.
//!
//! The tests share one cluster, each with a prefix of its own; those that stop Kafka start their own.
// All of this is test code, also outside of functions marked so.
#![allow(clippy::unwrap_used, clippy::print_stdout, unreachable_pub)]

mod commit;
mod crm;
mod order;
mod outage;
mod population;
mod schema;
mod support;
mod topics;
