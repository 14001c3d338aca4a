//! The whole way on one machine. [`stage`] starts the parts, [`play`] lets the vendor's stand-in work with them, and
//! [`comparison`] says whether the mirror is the source.
// Telling what happens is what this program is for.
#![allow(clippy::print_stdout)]

pub mod comparison;
mod ending;
pub mod mirrored;
mod play;
mod postgres;
mod stage;

pub use self::ending::Ending;
pub use self::play::Demo;
