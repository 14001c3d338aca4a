//! Tenants shared by the processes of a group.
//!
//! The group says whose a tenant is, the destination who has it: loading takes it over, and whatever a process applies
//! that only believes to have it is refused. So a member that was away, stopped or cut off, learns either from the
//! group or from a refusal that its tenants have gone, and lets go of them.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use mirrorbus_schemas::topic::Tenant;

use crate::admin::Watch;
use crate::destination::{Destination, DestinationError};
use crate::error::{Fault, MirrorError, chain};
use crate::live::core::{Core, Seat};
use crate::settings::Settings;
use crate::source::member::{Dealt, Member};
use crate::source::reader::Topic;

/// How long a refused tenant rests before it is taken over once more, if it still is ours: long enough to hear from the
/// group that it is not.
const REST: Duration = Duration::from_secs(5);
/// How often a tenant is taken back from somebody whom the group does not know.
const TAKEN_BACK: u32 = 3;
/// A refusal after so long has nothing to do with the one before.
const CALM: Duration = Duration::from_secs(600);

/// This process's part in a group.
pub(crate) struct Share {
    member: Member,
    group: String,
    owned: BTreeSet<Tenant>,
    refusals: HashMap<Tenant, Refusals>,
}

struct Refusals {
    count: u32,
    last: Instant,
}

impl Share {
    pub(crate) fn join(settings: &Settings, watch: &Watch) -> Result<Option<Self>, MirrorError> {
        let Some(group) = &settings.group else { return Ok(None) };
        let member = Member::join(settings, group)?;
        watch.dealt(0);
        Ok(Some(Self { member, group: group.clone(), owned: BTreeSet::new(), refusals: HashMap::new() }))
    }

    /// Says whether the tenant may be taken back.
    fn refused(&mut self, tenant: &Tenant) -> bool {
        let begin = || Refusals { count: 0, last: Instant::now() };
        let refusals = self.refusals.entry(tenant.clone()).or_insert_with(begin);
        if refusals.last.elapsed() > CALM {
            refusals.count = 0;
        }
        refusals.count += 1;
        refusals.last = Instant::now();
        refusals.count <= TAKEN_BACK
    }

    /// Ours by the group, and given up because somebody whom the group does not know has it.
    pub(crate) fn is_contested(&self, tenant: &Tenant) -> bool {
        self.refusals.get(tenant).is_some_and(|refusals| refusals.count > TAKEN_BACK)
    }

    /// Tenants that are given up.
    pub(crate) fn contested(&self) -> impl Iterator<Item = &Tenant> {
        self.owned.iter().filter(|tenant| self.is_contested(tenant))
    }
}

impl<D: Destination> Core<'_, D> {
    /// Hears what the group decided: lets go of what was taken, and has topics listed where something was given.
    pub(crate) fn hear_group(&mut self) -> Result<(), MirrorError> {
        let Some(share) = &mut self.share else { return Ok(()) };
        let decided = share
            .member
            .poll()
            .map_err(|source| MirrorError::Group { group: share.group.clone(), source })?;
        for dealt in decided {
            self.take_decision(dealt);
        }
        Ok(())
    }

    fn take_decision(&mut self, dealt: Dealt) {
        let Some(share) = &mut self.share else { return };
        match dealt {
            Dealt::Given(tenants) => {
                tracing::info!(group = share.group, given = tenants.len(), "tenants are ours now");
                share.owned.extend(tenants);
                self.watch.group_answered(Ok(()));
                self.watch.dealt(share.owned.len());
                self.list_at = Instant::now();
            }
            Dealt::Barred(code) => {
                tracing::error!(group = share.group, %code, "kafka does not let us into the group; trying on");
                self.watch.group_answered(Err(code.to_string()));
            }
            Dealt::Taken(tenants) => {
                tracing::info!(group = share.group, taken = tenants.len(), "tenants are others' now");
                for tenant in &tenants {
                    share.owned.remove(tenant);
                    share.refusals.remove(tenant);
                }
                self.watch.dealt(share.owned.len());
                for tenant in &tenants {
                    self.let_go(tenant);
                }
            }
        }
    }

    /// Leaves out what the group gave to others. A tenant without a cycles topic is nobody's yet.
    pub(crate) fn ours(&self, mut listed: Vec<(Tenant, Topic)>) -> Vec<(Tenant, Topic)> {
        if let Some(share) = &self.share {
            listed.retain(|(tenant, _)| share.owned.contains(tenant) && !share.is_contested(tenant));
        }
        listed
    }

    /// Somebody else has the tenant. Alone, that ends the mirror; in a group it is what happens to a member that was
    /// away.
    pub(crate) fn refused(&mut self, tenant: &Tenant, source: DestinationError) -> Result<(), MirrorError> {
        let Some(share) = &mut self.share else {
            return Err(MirrorError::Fenced { tenant: tenant.to_string(), source });
        };
        let group = share.group.clone();
        if share.refused(tenant) {
            tracing::warn!(%tenant, group, reason = %source, "somebody else has it; if it stays ours, it is taken back");
            self.rest(tenant, &Fault::Destination(source), REST);
        } else {
            let fault = Fault::Contested { group, times: TAKEN_BACK, source };
            tracing::error!(%tenant, fault = chain(&fault), "the tenant is given up; others go on");
            self.let_go(tenant);
            self.watch.set_aside(tenant, &fault, chain(&fault));
        }
        Ok(())
    }

    /// Lets go of everything, so that whoever takes over waits for nothing.
    pub(crate) fn let_all_go(&mut self) {
        let live = self.seats.iter().filter(|(_, seat)| matches!(seat, Seat::Live(_)));
        let tenants: Vec<Tenant> = live.map(|(tenant, _)| tenant.clone()).collect();
        for tenant in tenants {
            self.let_go(&tenant);
        }
    }
}
