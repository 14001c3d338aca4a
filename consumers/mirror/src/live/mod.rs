//! The loop that mirrors: list topics, read, gather per tenant, apply, move on.

mod caught_up;
mod command;
pub(crate) mod core;
mod event;
mod flush;
mod gathering;
mod listing;
mod observe;
mod prepared;
mod reading;
mod rebuild;
mod share;
mod tally;
mod tenant;
mod tend;
mod watched;
mod whole;
