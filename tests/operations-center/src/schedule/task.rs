//! What a worker does when it is a pair's turn: the time since the last cycle passes for the tenant, then its cycle
//! runs.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::clock::ScheduleClock;
use super::outcome::{Counts, Failure, Outcome};
use super::register::Assignment;
use crate::caller::Caller;
use crate::client::{Client, DEFAULT_TIMEOUT};
use crate::cycle::{Cycle, CycleError, Options};
use crate::tenant::{Tenant, TenantError};

/// Whatever can go wrong in a hook.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// One cycle that is to be run now.
#[derive(Clone, Debug)]
pub struct Turn {
    /// Whose it is.
    pub assignment: Arc<Assignment>,
    /// When it was due, by the schedule's clock.
    pub due_ms: i64,
    /// The schedule's clock when it starts.
    pub now_ms: i64,
    /// The schedule's clock when the tenant's last cycle started, of whatever application; before the first the
    /// moment at which the schedule came to know the tenant.
    pub since_ms: i64,
    /// Becomes true when the schedule is stopped: the cycle is to end after its present call.
    pub stopped: Arc<AtomicBool>,
}

/// Runs cycles, several at once, but never two of one tenant.
pub trait Task: Sync {
    /// Runs one cycle to its end.
    fn run(&self, turn: &Turn) -> (Outcome, Counts);
}

/// The time that passed for a tenant since its last cycle.
#[derive(Clone, Copy, Debug)]
pub struct Passed<'p> {
    /// The tenant. No cycle of it runs.
    pub tenant: &'p Tenant,
    /// From when, by the schedule's clock.
    pub since_ms: i64,
    /// Until when.
    pub now_ms: i64,
}

type Hook<'t> = Box<dyn Fn(Passed<'_>) -> Result<(), BoxError> + Sync + 't>;

/// The Mirroring Task.
pub struct MirroringTask<'t> {
    clock: Arc<ScheduleClock>,
    options: Options,
    timeout: Duration,
    between: Hook<'t>,
}

impl<'t> MirroringTask<'t> {
    /// A task over tenants that nobody works on. Versions and their retention go by the schedule's clock; tokens keep
    /// the real time behind it.
    #[must_use]
    pub fn new(clock: &Arc<ScheduleClock>) -> Self {
        let (options, timeout) = (Options::default(), DEFAULT_TIMEOUT);
        Self { clock: Arc::clone(clock), options, timeout, between: Box::new(|_| Ok(())) }
    }

    /// How calls are cut and written.
    #[must_use]
    pub fn with_options(self, options: Options) -> Self {
        Self { options, ..self }
    }

    /// How long one call may take.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// What happens to a tenant while time passes: called before each of its cycles with the time since the one
    /// before, in several threads, but never twice at once for one tenant. When it fails, the cycle does.
    #[must_use]
    pub fn between(self, work: impl Fn(Passed<'_>) -> Result<(), BoxError> + Sync + 't) -> Self {
        Self { between: Box::new(work), ..self }
    }

    fn cycle(&self, turn: &Turn, counts: &mut Counts) -> Result<Outcome, Failure> {
        let Assignment { tenant_file, application, url, .. } = &*turn.assignment;
        let of_source = |error: TenantError| Failure::of_source(&error);
        let clock = Arc::clone(&self.clock);
        let tenant = Tenant::open(tenant_file).map_err(of_source)?.with_clock(clock);
        let _alone = tenant.lock_for_task().map_err(of_source)?;
        let passed = Passed { tenant: &tenant, since_ms: turn.since_ms, now_ms: turn.now_ms };
        (self.between)(passed).map_err(|error| Failure::of_source(&*error))?;
        tenant.clean_up(turn.now_ms).map_err(of_source)?;
        let client = Client::with_timeout(url, self.timeout);
        let caller = Caller::new(&client, application, &tenant, self.clock.real());
        let mut cycle = Cycle::with_options(caller.stopped_by(&turn.stopped), self.options);
        let result = cycle.run();
        *counts = Counts::from(&cycle.report());
        match result {
            Ok(report) if report.skipped => Ok(Outcome::Skipped),
            Ok(_) => Ok(Outcome::Completed),
            Err(CycleError::Stopped) => Ok(Outcome::Stopped),
            Err(error) => Err(Failure::from(&error)),
        }
    }
}

impl Task for MirroringTask<'_> {
    fn run(&self, turn: &Turn) -> (Outcome, Counts) {
        let mut counts = Counts::default();
        let outcome = self.cycle(turn, &mut counts).unwrap_or_else(Outcome::Failed);
        (outcome, counts)
    }
}
