//! `mirrorbus check`: each broken set-up has a line of its own, and nothing else is found wrong with it.

mod brokers;
mod clock;
mod files;
mod fit;
mod proxy;
mod raw;
mod registry;
mod rights;
mod setup;
mod topics;
