//! Authenticate: opens a cycle. Always with a new producer, and never with a token that is not the newest.

use mirrorbus_schemas::event::Kind;

use super::Bus;
use super::call::{Call, Caller};
use super::error::BusError;
use super::event;
use super::memory::{Changes, Memory};
use super::order::{self, Opened, Opener};
use super::position::Sweep;
use super::session::Commit;

/// An accepted Authenticate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authenticated {
    /// The cycle's id, to be echoed by the vendor; for logs only.
    pub cycle: String,
    /// A sweep is still under way: the vendor is asked to skip this cycle.
    pub do_not_replicate: bool,
}

impl Bus {
    /// Opens a cycle.
    ///
    /// # Errors
    /// [`BusError::Refused`] when the token is not newer than that of the newest opening; any other when Kafka or
    /// the registry failed.
    pub fn authenticate(&self, caller: &Caller) -> Result<Authenticated, BusError> {
        let admit = |memory: &Memory| order::authenticate(memory.opened.as_ref(), &caller.mark);
        self.with_session(caller, true, admit, open_cycle)
    }
}

fn open_cycle(call: &mut Call<'_>) -> Result<Authenticated, BusError> {
    let (bus, caller) = (call.bus, call.caller);
    let before = call.session.memory.opened.as_ref();
    let token_time = match before {
        None if has_topics(call)? => caller.mark.token_time.max(bus.clock.now_ms() / 1000),
        _ => caller.mark.token_time,
    };
    let cycle = format!("{}-{}", token_time, caller.mark.digest.get(..8).unwrap_or_default());
    let mut opened = order::open(before, &caller.mark, Opener::Authenticate, token_time, cycle.clone());
    if !opened.event_schema.as_ref().is_some_and(event::is_ours) {
        opened.event_schema = Some(event::register(bus, &caller.tenant)?);
    }
    let authenticated =
        event::now(bus, &caller.tenant, &cycle, Kind::Authenticated, String::new(), Vec::new());
    call.commit(Commit {
        changes: Changes { opened: Some(opened), ..Changes::default() },
        events: vec![authenticated],
    })?;
    let is_sweeping = call.session.memory.tables.values().any(|position| position.sweep == Sweep::Running);
    let do_not_replicate = is_sweeping && !sweep(call);
    tell_pause(call, do_not_replicate)?;
    Ok(Authenticated { cycle, do_not_replicate })
}

/// Says whether all is swept. A sweep for which the vendor was asked to wait before is a long one: it goes on behind the
/// answer.
fn sweep(call: &mut Call<'_>) -> bool {
    let is_long = call.session.memory.opened.as_ref().is_some_and(|opened| opened.is_paused);
    if is_long && call.bus.sweeper.is_attended() {
        call.sweep_later();
        return false;
    }
    call.sweep()
}

/// Subscribers learn that a cycle is left out, and when the next one is not.
fn tell_pause(call: &mut Call<'_>, is_paused: bool) -> Result<(), BusError> {
    let Some(opened) = call.session.memory.opened.clone() else { return Ok(()) };
    let (kind, message) = match (opened.is_paused, is_paused) {
        (false, true) => (Kind::Paused, "deleted rows are still being swept; the source is asked to wait"),
        (true, false) => (Kind::Resumed, "all deleted rows are swept"),
        (false, false) | (true, true) => return Ok(()),
    };
    let told = event::now(call.bus, call.tenant(), &opened.cycle, kind, message.to_owned(), Vec::new());
    let opened = Some(Opened { is_paused, ..opened });
    call.commit(Commit { changes: Changes { opened, ..Changes::default() }, events: vec![told] })
}

/// Whether the tenant has row topics: then a missing opening means that its positions were lost, and calls older
/// than now may still be on their way.
fn has_topics(call: &Call<'_>) -> Result<bool, BusError> {
    Ok(!call.bus.list_row_topics(call.tenant())?.is_empty())
}

impl Bus {
    /// Tables of the tenant that have a topic, whatever the positions say.
    pub(super) fn list_row_topics(
        &self,
        tenant: &mirrorbus_schemas::topic::Tenant,
    ) -> Result<Vec<String>, BusError> {
        let topics = self.log.list()?;
        let of_tenant = topics.iter().filter_map(|topic| {
            let (owner, table) = self.settings.prefix.parse_rows(topic)?;
            (owner == *tenant).then(|| table.to_string())
        });
        Ok(of_tenant.collect())
    }
}
