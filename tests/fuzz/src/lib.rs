//! Parsers of bytes from outside, each as a function over any bytes that panics when a promise is broken.
//!
//! Not only "does not panic": every target holds what was read against a second opinion (the vendor's stand-in as
//! writer, another JWT library, plain JSON). They are plain functions, so the corpus is replayed with the tests on
//! stable Rust; `make fuzz` puts libFuzzer in front of the same functions.

mod answer;
mod envelope;
mod key;
mod positions;
mod row_data;
mod token;
mod topic;
mod value;
mod vendor;

pub use answer::answer;
pub use envelope::envelope;
pub use key::key;
pub use positions::positions;
pub use row_data::row_data;
pub use token::token;
pub use topic::topic;
pub use value::value;

/// A target by the name of its corpus folder.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Folder under `corpus/`, and the program that `make fuzz TARGET=name` runs.
    pub name: &'static str,
    /// Panics where a promise does not hold.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: [Target; 8] = [
    Target { name: "answer", run: answer },
    Target { name: "envelope", run: envelope },
    Target { name: "key", run: key },
    Target { name: "positions", run: positions },
    Target { name: "row_data", run: row_data },
    Target { name: "token", run: token },
    Target { name: "topic", run: topic },
    Target { name: "value", run: value },
];
