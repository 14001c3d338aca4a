//! What every call shares: who calls, the tenant's lock, and a session that is fit for it.

use std::time::Duration;

use mirrorbus_schemas::event::Kind;
use mirrorbus_schemas::topic::Tenant;

use super::error::BusError;
use super::memory::Memory;
use super::order::CallMark;
use super::session::{Commit, Session};
use super::{Bus, event, sweep};
use crate::clock::Deadline;
use crate::metrics;

/// How long a call's answer waits for sweeps. Most are done by then.
const SWEEP_TIME: Duration = Duration::from_secs(3);

/// Who calls, as the token says, and what the call is known by.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The tenant of the validated token.
    pub tenant: Tenant,
    /// Token time and digest.
    pub mark: CallMark,
    /// Counts from the body's last byte.
    pub deadline: Deadline,
    /// Where the tenant's positions ended, if that was asked beside the reading of the body: [`Bus::positions_end`].
    pub positions_end: Option<i64>,
}

/// A call under way: the tenant's lock is held.
pub(super) struct Call<'a> {
    pub(super) bus: &'a Bus,
    pub(super) caller: &'a Caller,
    pub(super) session: &'a mut Session,
    /// Set by a call after which the producer is no longer needed.
    pub(super) close: bool,
}

impl Bus {
    /// Runs `work` with the tenant's session. It is opened where there is none, where another bridge has written
    /// positions since, or always (`anew`); `admit` may refuse the call before that disturbs anybody.
    pub(super) fn with_session<T>(
        &self,
        caller: &Caller,
        anew: bool,
        admit: impl Fn(&Memory) -> Result<(), BusError>,
        work: impl FnOnce(&mut Call<'_>) -> Result<T, BusError>,
    ) -> Result<T, BusError> {
        let slot = self.slot(&caller.tenant);
        let mut held = slot.lock_for_a_call();
        if caller.deadline.is_over() {
            return Err(BusError::Deadline { before: "the call's turn came" });
        }
        let opening = metrics::Opening::of(anew, held.is_some());
        if let Some(session) = held.as_ref() {
            // What this process remembers is a lower bound: openings only rise.
            admit(&session.memory)?;
            if anew || !session.is_current(self, &caller.tenant, caller.positions_end)? {
                *held = None;
            }
        }
        let session = match held.take() {
            Some(session) => held.insert(session),
            None => {
                let session = Session::open(self, &caller.tenant, &caller.deadline, &admit)?;
                metrics::session_opened(self.name(), opening);
                held.insert(session)
            }
        };
        session.completed = false;
        let mut call = Call { bus: self, caller, session, close: false };
        let result = admit(&call.session.memory).and_then(|()| work(&mut call));
        if call.close || !session.is_usable() {
            *held = None;
        }
        result
    }
}

impl Call<'_> {
    pub(super) fn tenant(&self) -> &Tenant {
        &self.caller.tenant
    }

    /// The topic of a table that a call writes to.
    pub(super) fn topic_of(&self, table: &str) -> Result<String, BusError> {
        match self.session.memory.look_alike(table) {
            Some(known) => Err(BusError::table(table, format!("differs from {known} only in case"))),
            None => self.bus.rows_topic(self.tenant(), table),
        }
    }

    /// The cycle's id for headers and events; empty where the tenant never authenticated.
    pub(super) fn cycle(&self) -> String {
        self.session.memory.opened.as_ref().map(|opened| opened.cycle.clone()).unwrap_or_default()
    }

    pub(super) fn commit(&mut self, commit: Commit) -> Result<(), BusError> {
        self.session.commit_changes(self.bus, &self.caller.tenant, self.caller.deadline, commit)
    }

    /// Tells subscribers why rows were refused, if it was their fault. It changes nothing of the answer.
    pub(super) fn tell_refused(&mut self, error: &BusError) {
        let is_content = matches!(error, BusError::Table { .. } | BusError::Row { .. } | BusError::TooLarge);
        if is_content && let Err(failed) = self.refused(error.to_string()) {
            tracing::warn!(tenant = %self.caller.tenant, error = %failed, "refused rows could not be told of");
        }
    }

    /// One event; none for a tenant that never opened a cycle.
    pub(super) fn refused(&mut self, rule: String) -> Result<(), BusError> {
        if self.session.memory.opened.is_none() {
            return Ok(());
        }
        let kind = Kind::RowsRefused;
        let refused = event::now(self.bus, self.tenant(), &self.cycle(), kind, rule, Vec::new());
        self.commit(Commit { events: vec![refused], ..Commit::default() })
    }

    /// Sweeps every table that is under way. Says whether all are done; what is left goes on after the call.
    /// Failing here takes nothing back from what the call has committed.
    pub(super) fn sweep(&mut self) -> bool {
        self.sweep_until(&Deadline::start(SWEEP_TIME))
    }

    /// As [`Call::sweep`], for as long as `until` allows.
    pub(super) fn sweep_until(&mut self, until: &Deadline) -> bool {
        let done = sweep::run(self, until).unwrap_or_else(|error| {
            tracing::warn!(tenant = %self.caller.tenant, %error, "a sweep was interrupted and will be resumed");
            false
        });
        if !done {
            self.sweep_later();
        }
        done
    }

    /// Leaves what is under way to the bus's own thread.
    pub(super) fn sweep_later(&self) {
        self.bus.sweeper.add(&self.caller.tenant);
    }
}
