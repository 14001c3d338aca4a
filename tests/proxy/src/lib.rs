//! A proxy between clients and one Kafka broker that does to their connections what a bad network does: delay, silence,
//! a cut in mid-message, a reset; and, knowing Kafka's frames, at exactly the request that a test names.
//!
//! Its clients must have been told its address: Kafka's clients leave the address they were given for the one that the
//! broker advertises. Everything that passed is recorded, so that a test can say what went over the wire.
//!
//! ```no_run
//! use std::time::Duration;
//! use kafka_proxy::{Action, Protocol, Proxy, api};
//!
//! let proxy = Proxy::start(19_092, 9_092, Protocol::Kafka)?;
//! let trap = proxy.trap(1, |request| request.api_key == api::END_TXN, Action::Hold);
//! // A client commits meanwhile.
//! assert!(trap.wait(Duration::from_secs(10)).is_some());
//! trap.release();
//! # Ok::<(), std::io::Error>(())
//! ```

mod connection;
mod frame;
mod link;
mod proxy;
mod pump;
mod traffic;
mod trap;

pub use frame::{EndTxn, Request, api};
pub use link::{Conditions, Direction};
pub use proxy::{Protocol, Proxy};
pub use traffic::Exchange;
pub use trap::{Action, Trap};
