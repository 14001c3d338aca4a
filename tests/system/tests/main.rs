//! The whole system on real Kafka and a real registry, one claim a test.
//!
//! The tests share one cluster, each with a prefix of its own; those that stop Kafka start their own.
// All of this is test code, also outside of functions marked so.
#![allow(clippy::unwrap_used, clippy::print_stdout, unreachable_pub)]

mod brokers;
mod canaries;
mod check;
mod commit;
mod conformance;
mod content;
mod crash;
mod crm;
mod disk;
mod events;
mod hang_up;
mod input;
mod mirror_crash;
mod mirror_verbs;
mod network;
mod order;
mod outage;
mod pauses;
mod population;
mod properties;
mod registry;
mod rights;
mod schema;
mod stop;
mod support;
mod sweeps;
mod tls;
mod tokens;
mod topics;
mod watch;
