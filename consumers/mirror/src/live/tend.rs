//! What is to be done for tenants between two batches: cuts, surveys, hooks of cycles.

use mirrorbus_schemas::topic::Tenant;

use crate::destination::{Cycle, Destination};
use crate::error::{Fault, MirrorError};
use crate::live::core::{Core, Seat, end};

impl<D: Destination> Core<'_, D> {
    /// Looks after every tenant.
    pub(crate) fn look_after(&mut self) -> Result<(), MirrorError> {
        for (tenant, cycle) in self.commands.ended() {
            self.command_ended(&tenant, &cycle);
        }
        let mut faults = Vec::new();
        for (tenant, seat) in &mut self.seats {
            let Seat::Live(live) = seat else { continue };
            end(&self.reader, &std::mem::take(&mut live.to_park));
            live.survey(&self.reader, &mut self.retentions);
            let found = live.find_cut(&self.reader, self.listings).and_then(|starts| {
                self.reader.start(&starts).map_err(|error| Fault::Kafka(error.to_string()))
            });
            if let Err(fault) = found {
                faults.push((tenant.clone(), fault));
            }
        }
        faults.into_iter().try_for_each(|(tenant, fault)| self.settle(&tenant, Err(fault)))
    }

    /// Runs the hooks of the cycle that became whole. Until all have ended, the event's offset stays unread in the
    /// destination.
    pub(crate) fn tell_cycle(&mut self, tenant: &Tenant) -> Result<(), Fault> {
        let Some(Seat::Live(live)) = self.seats.get_mut(tenant) else { return Ok(()) };
        let Some((_, cycle)) = live.events.telling.clone() else { return Ok(()) };
        self.destination.lock().after_cycle(tenant, &cycle)?;
        tracing::info!(%tenant, cycle = cycle.id, "a cycle is whole");
        self.run_command(tenant, &cycle);
        Ok(())
    }

    /// Runs the command, or has it run when the one for an earlier cycle has ended.
    fn run_command(&mut self, tenant: &Tenant, cycle: &Cycle) {
        let runs = self.commands.is_running(tenant) || self.commands.start(tenant, cycle);
        if !runs && let Some(Seat::Live(live)) = self.seats.get_mut(tenant) {
            live.events.telling = None;
            live.stir();
        }
    }

    fn command_ended(&mut self, tenant: &Tenant, ended: &Cycle) {
        let Some(Seat::Live(live)) = self.seats.get_mut(tenant) else { return };
        match live.events.telling.clone() {
            Some((_, cycle)) if cycle != *ended => self.run_command(tenant, &cycle),
            Some(_) => {
                live.events.telling = None;
                live.stir();
            }
            None => {}
        }
    }
}
