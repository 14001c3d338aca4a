//! A mirror seen from outside: what it is doing, whether it is well, and its numbers, by HTTP.

mod health;
mod numbers;
mod serve;
mod state;
mod watch;

pub use self::health::Readiness;
pub use self::serve::{Admin, serve};
pub use self::state::Progress;
pub(crate) use self::state::{Sample, Written};
pub use self::watch::Watch;
