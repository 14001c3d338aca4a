//! The receiver of SuperOffice's database mirroring: every acknowledged row is committed on Kafka.
//!
//! A call flows through these modules in this order: [`http`] takes it off the wire, [`soap`] reads its envelope,
//! [`auth`] decides who calls, [`soap`] turns the body into [`batch`]es, [`bus`] commits them.

pub mod auth;
pub mod batch;
pub mod bus;
pub mod check;
pub mod clock;
pub mod config;
pub mod failpoint;
pub mod health;
pub mod http;
pub mod metrics;
pub mod run;
pub mod soap;
