//! The vendor's office: who has joined, who is in maintenance, and what is done to the tenants while no cycle runs.
//!
//! The schedule asks its register at least once per simulated minute, and only while no cycle runs. So that is where
//! the world is moved, and where the bridge is looked at: it is at rest then.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::ensure;
use operations_center::activity::{Activity, Rates};
use operations_center::clock::Clock;
use operations_center::schedule::{Assignment, Ended, Outcome, Passed, Register, RegisterError};
use operations_center::tenant::Tenant;
use reader::Topics;

use crate::course::{Course, Happening};
use crate::stage::{MIRRORED, SOAK, Stage};
use crate::tenants;

/// Rows changed per simulated minute: some twelve between two cycles.
const CHANGES_PER_MINUTE: f64 = 0.6;
const BURST_ROWS: u64 = 100;

/// How often each thing was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Done {
    pub(crate) alterations: u64,
    pub(crate) backups: u64,
    pub(crate) restores: u64,
    pub(crate) hidden_restores: u64,
    /// Restores that were left out because the tenant's last cycle had failed: what the mirror then holds of the lost
    /// time, its positions do not say.
    pub(crate) restores_left_out: u64,
}

/// One tenant as the office knows it.
struct Desk {
    course: Course,
    /// The next of the course's happenings.
    next: usize,
    activity: Activity,
    /// Applications whose next cycle must complete before anybody works on the tenant again.
    awaited: BTreeSet<String>,
    has_failed: bool,
    assignments: Vec<Arc<Assignment>>,
}

/// What is looked at while no cycle runs, with the time of the schedule's clock.
type Look<'o> = Box<dyn FnMut(i64) -> anyhow::Result<()> + Send + 'o>;

/// All tenants.
pub(crate) struct Office<'o> {
    /// By the tenants' names.
    desks: BTreeMap<String, Mutex<Desk>>,
    clock: Arc<dyn Clock>,
    topics: Topics,
    done: Mutex<Done>,
    look: Mutex<Look<'o>>,
    is_closing: AtomicBool,
}

impl<'o> Office<'o> {
    /// For tenants whose files are in `folder`, by the time of `clock`, the schedule's.
    pub(crate) fn new(
        stage: &Stage,
        folder: &Path,
        courses: Vec<Course>,
        seed: u64,
        clock: Arc<dyn Clock>,
        look: impl FnMut(i64) -> anyhow::Result<()> + Send + 'o,
    ) -> anyhow::Result<Self> {
        let desks = (0..).zip(courses).map(|(number, course)| {
            let name = tenants::name(number);
            let assignments = assignments(stage, folder, &name, &course);
            let rates = Rates { burst_rows: BURST_ROWS, ..Rates::per_minute(CHANGES_PER_MINUTE) };
            let activity = Activity::new(rates, seed.wrapping_add(number.into()), course.joins_ms);
            let awaited = BTreeSet::new();
            let desk = Desk { course, next: 0, activity, awaited, has_failed: false, assignments };
            (name, Mutex::new(desk))
        });
        Ok(Self {
            desks: desks.collect(),
            clock,
            topics: Topics::new(&stage.kafka)?,
            done: Mutex::default(),
            look: Mutex::new(Box::new(look)),
            is_closing: AtomicBool::new(false),
        })
    }

    /// From now on nothing is done to the tenants any more, and none is in maintenance.
    pub(crate) fn close(&self) {
        self.is_closing.store(true, Ordering::SeqCst);
    }

    /// How often each thing was done so far.
    pub(crate) fn done(&self) -> Done {
        *lock(&self.done)
    }

    /// What a tenant's users did since its last cycle.
    pub(crate) fn work(&self, passed: Passed<'_>) -> anyhow::Result<()> {
        let Some(mut desk) = self.desk(passed.tenant.name()) else { return Ok(()) };
        if desk.awaited.is_empty() && !self.is_closing.load(Ordering::SeqCst) {
            desk.activity.step(passed.tenant, passed.now_ms)?;
        }
        Ok(())
    }

    /// Notes how a cycle ended.
    pub(crate) fn note(&self, ended: &Ended) {
        let Some(mut desk) = self.desk(&ended.assignment.tenant) else { return };
        match ended.outcome {
            Outcome::Completed => {
                desk.awaited.remove(&ended.assignment.application.id);
                desk.has_failed = false;
            }
            Outcome::Failed(_) | Outcome::Stopped => desk.has_failed = true,
            Outcome::Skipped => {}
        }
    }

    fn desk(&self, tenant: &str) -> Option<MutexGuard<'_, Desk>> {
        self.desks.get(tenant).map(lock)
    }

    /// Does what is due.
    fn move_world(&self, now_ms: i64) -> anyhow::Result<()> {
        if self.is_closing.load(Ordering::SeqCst) {
            return Ok(());
        }
        for desk in self.desks.values() {
            let desk = &mut *lock(desk);
            while let Some((_, happening)) =
                desk.course.happenings.get(desk.next).filter(|(at, _)| *at <= now_ms)
            {
                let happening = *happening;
                desk.next += 1;
                self.happen(desk, happening)?;
            }
        }
        (lock(&self.look))(now_ms)
    }

    fn happen(&self, desk: &mut Desk, happening: Happening) -> anyhow::Result<()> {
        let Some(assignment) = desk.assignments.first() else { return Ok(()) };
        let tenant = Tenant::open(&assignment.tenant_file)?.with_clock(Arc::clone(&self.clock));
        let done = &mut *lock(&self.done);
        match happening {
            Happening::Alteration(seed) => {
                tenants::alter(&tenant, seed)?;
                done.alterations += 1;
            }
            Happening::Backup => {
                tenants::back_up(&tenant)?;
                done.backups += 1;
            }
            Happening::Restore if desk.has_failed => done.restores_left_out += 1,
            Happening::Restore => {
                tenants::restore(&tenant)?;
                desk.awaited = desk.assignments.iter().map(|one| one.application.id.clone()).collect();
                done.restores += 1;
            }
            Happening::HiddenRestore => {
                tenants::restore_and_pass(&tenant)?;
                self.throw_away(tenant.name())?;
                done.hidden_restores += 1;
            }
        }
        Ok(())
    }

    /// Deletes the tenant's row topics, as operations do after a restore that nobody can see.
    fn throw_away(&self, tenant: &str) -> anyhow::Result<()> {
        let starts = [SOAK, MIRRORED].map(|prefix| format!("{prefix}.{tenant}."));
        let mut names = self.topics.names()?;
        names.retain(|name| starts.iter().any(|start| name.starts_with(start.as_str())));
        ensure!(!names.is_empty(), "tenant {tenant} has no topics to throw away");
        self.topics.delete(&names)
    }
}

impl Register for Office<'_> {
    fn assignments(&self, now_ms: i64) -> Result<Vec<Arc<Assignment>>, RegisterError> {
        self.move_world(now_ms).map_err(|error| RegisterError(error.into()))?;
        let joined = self.desks.values().map(lock).filter(|desk| desk.course.joins_ms <= now_ms);
        Ok(joined.flat_map(|desk| desk.assignments.clone()).collect())
    }

    fn is_in_maintenance(&self, tenant: &str, now_ms: i64) -> Result<bool, RegisterError> {
        let is_closing = self.is_closing.load(Ordering::SeqCst);
        Ok(!is_closing && self.desk(tenant).is_some_and(|desk| desk.course.is_in_maintenance(now_ms)))
    }
}

fn assignments(stage: &Stage, folder: &Path, name: &str, course: &Course) -> Vec<Arc<Assignment>> {
    let count = if course.is_mirrored { 2 } else { 1 };
    let assignment = |application| {
        Arc::new(Assignment {
            tenant: name.to_owned(),
            tenant_file: tenants::file(folder, name),
            application,
            url: stage.bridge.url.clone(),
        })
    };
    stage.applications.iter().take(count).cloned().map(assignment).collect()
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
