//! What every call shares: who calls, the tenant's lock, and a session that is fit for it.

use mirrorbus_schemas::topic::Tenant;

use super::error::BusError;
use super::memory::Memory;
use super::order::CallMark;
use super::session::{Commit, Session};
use super::{Bus, sweep};
use crate::clock::Deadline;

/// Who calls, as the token says, and what the call is known by.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The tenant of the validated token.
    pub tenant: Tenant,
    /// Token time and digest.
    pub mark: CallMark,
    /// Counts from the body's last byte.
    pub deadline: Deadline,
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
        let mut held = slot.lock();
        if caller.deadline.is_over() {
            return Err(BusError::Deadline { before: "the call's turn came" });
        }
        if let Some(session) = held.as_ref() {
            // What this process remembers is a lower bound: openings only rise.
            admit(&session.memory)?;
            if anew || !session.is_current(self, &caller.tenant)? {
                *held = None;
            }
        }
        let session = match held.take() {
            Some(session) => held.insert(session),
            None => held.insert(Session::open(self, &caller.tenant, &caller.deadline, &admit)?),
        };
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

    /// The cycle's id for headers and events; empty where the tenant never authenticated.
    pub(super) fn cycle(&self) -> String {
        self.session.memory.opened.as_ref().map(|opened| opened.cycle.clone()).unwrap_or_default()
    }

    pub(super) fn commit(&mut self, commit: Commit) -> Result<(), BusError> {
        self.session.commit_changes(self.bus, &self.caller.tenant, self.caller.deadline, commit)
    }

    /// Sweeps every table that is under way. Says whether all are done; what is left goes on with the next call.
    /// Failing here takes nothing back from what the call has committed.
    pub(super) fn sweep(&mut self) -> bool {
        match sweep::run(self) {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(tenant = %self.caller.tenant, %error, "a sweep was interrupted and will be resumed");
                false
            }
        }
    }
}
