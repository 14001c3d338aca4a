#![doc = include_str!("../README.md")]

pub mod activity;
pub mod answer;
pub mod application;
pub mod caller;
pub mod causes;
pub mod center;
pub mod client;
pub mod clock;
pub mod conformance;
pub mod crm;
pub mod cycle;
pub mod fault;
#[cfg(test)]
mod fixture;
pub mod journal;
pub mod mail;
pub mod receiver;
pub mod schedule;
pub mod sql;
pub mod tenant;
pub mod token;
pub mod transport;
pub mod truth;
pub mod wire;
mod xml;
