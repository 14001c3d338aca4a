//! The proxy between a client and servers that are scripted here.
// All of this is test code, also outside of functions marked so.
#![allow(clippy::unwrap_used, unreachable_pub)]

mod bytes;
mod requests;
mod server;
