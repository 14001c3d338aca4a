//! Connections: how one is made, what is set on it, and how many are kept.

pub(crate) mod address;
mod password;
mod pool;
mod service;
mod session;
mod tls;

pub(crate) use pool::Pool;
pub(crate) use session::Session;
