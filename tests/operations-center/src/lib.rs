#![doc = include_str!("../README.md")]

pub mod answer;
pub mod application;
pub mod caller;
pub mod change;
pub mod client;
pub mod clock;
pub mod cycle;
#[cfg(test)]
mod fixture;
pub mod sample;
pub mod sql;
pub mod tenant;
pub mod token;
pub mod wire;
