//! Scripted faults of the vendor's side, for receivers under test.
//!
//! A fault is a place and what happens there, as text: `rowdata:2=hang-up@50%`. A [`Script`] is several of them. It
//! stands between the calls of one cycle and the client that carries them ([`Faulty`]), and tells afterwards which
//! faults happened, what the receiver answered, and which were never reached: a fault that did not happen proves
//! nothing about a receiver.
//!
//! A place names an operation, a table and a number, each of which may be left out: `wipe:contact` is every Wipe of
//! `contact`, `rowdata:2` the cycle's second RowData, `rowdata:contact:2` the second with rows of `contact`, `*` every
//! call, `*:5` the fifth. A call may meet several faults; of two of one kind the first alone happens, but for flipped
//! bytes and wrong parts of the token.

mod alter;
mod deliver;
mod error;
mod faulty;
mod kind;
mod place;
mod plan;
mod ready;
mod report;
mod script;
#[cfg(test)]
mod tests;

pub use error::FaultError;
pub use faulty::Faulty;
pub use kind::{Flip, Kind, Point, WrongPart};
pub use place::Place;
pub use report::{Happened, Outcome};
pub use script::{Fault, Script};
