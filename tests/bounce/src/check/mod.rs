//! The checkers. Each takes what was sent and what was seen, and says what contradicts; none of them knows how either
//! came about, so that a broken history can be made by hand.

pub(crate) mod calls;
pub(crate) mod manifests;
pub(crate) mod rows;
#[cfg(test)]
mod testing;

/// How much a history says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Calls are under way and readers may be behind: only what no future can mend is a fault.
    Running,
    /// Every call is over and every topic was read to its end.
    Over,
}
