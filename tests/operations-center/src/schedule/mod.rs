//! When the Mirroring Task runs: a cycle about every 20 minutes per tenant and application, a tenant's cycles one
//! after another, none at night and none for a tenant in maintenance.
//!
//! Two clocks are at work and never mixed. The *schedule's* clock ([`ScheduleClock`]) says what is due, when it is
//! night, and how much was worked on the tenants; it may run fast, or jump. The *real* clock makes tokens and checks
//! answers, or no real receiver could be tested. What is to start when is decided by [`Plan`] alone, which knows
//! neither clocks nor threads; [`Scheduler`] carries it out.

mod center_register;
mod clock;
mod holds;
mod night;
mod outcome;
mod plan;
mod register;
mod scheduler;
mod summary;
mod task;
#[cfg(test)]
mod tests;

pub use center_register::CenterRegister;
pub use clock::{ScheduleClock, Speed};
pub use holds::Holds;
pub use night::Night;
pub use outcome::{Counts, Ended, Failure, FailureKind, Outcome};
pub use plan::{INTERVAL_MS, Pair, Plan, Rules};
pub use register::{Assignment, Register, RegisterError};
pub use scheduler::{Event, Options, Scheduler, Stopper};
pub use summary::{LastCycle, Summary};
pub use task::{BoxError, MirroringTask, Passed, Task, Turn};

/// Milliseconds of a minute, in which the schedule is written down.
pub(crate) const MINUTE_MS: i64 = 60_000;
/// Milliseconds of an hour.
pub(crate) const HOUR_MS: i64 = 60 * MINUTE_MS;
/// Milliseconds of a day. The schedule knows no days of 23 or 25 hours: its zone is an offset.
pub(crate) const DAY_MS: i64 = 24 * HOUR_MS;
