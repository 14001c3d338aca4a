//! Wipe: a new population. The old rows stay readable while the new ones arrive; a sweep takes what did not come
//! again.

use mirrorbus_schemas::event::Kind;

use super::call::{Call, Caller};
use super::error::BusError;
use super::memory::{Changes, Memory};
use super::order::{self, Verdict};
use super::position::{Position, Sweep, TableState};
use super::session::Commit;
use super::settings::OnWipe;
use super::{Bus, event, offsets};

impl Bus {
    /// Begins a new population of `table`.
    ///
    /// # Errors
    /// [`BusError::Refused`] for a call that is older than the cycle or the table's last call,
    /// [`BusError::Table`] for a name that cannot be mirrored, any other when Kafka failed.
    pub fn wipe(&self, caller: &Caller, table: &str) -> Result<(), BusError> {
        let admit = |memory: &Memory| order::within_cycle(memory.opened.as_ref(), &caller.mark);
        self.with_session(caller, false, admit, |call| begin_population(call, table))
    }
}

fn begin_population(call: &mut Call<'_>, table: &str) -> Result<(), BusError> {
    let (bus, mark) = (call.bus, &call.caller.mark);
    let before = call.session.memory.tables.get(table);
    let last = before.and_then(|position| position.last_call.as_ref());
    if order::table_calls([last], mark)? == Verdict::Repeat {
        return Ok(());
    }
    let position = if bus.is_ignored(table) {
        ignored(before, bus.clock.now_ms(), mark)
    } else {
        let topic = call.topic_of(table)?;
        let found = offsets::find(&*bus.questions, std::slice::from_ref(&topic))?;
        let position = Position::new_population(before, found.get(&topic), bus.clock.now_ms(), mark);
        if bus.settings.on_wipe == OnWipe::Clear { position.swept_at_once() } else { position }
    };
    let message = match position.sweep {
        Sweep::Running => "a new population begins; old rows are deleted now",
        Sweep::Due | Sweep::None => "a new population begins; old rows stay until it is complete",
    };
    let receipt = event::receipt(table, &position);
    let wiped =
        event::now(bus, &call.caller.tenant, &call.cycle(), Kind::Wiped, message.to_owned(), vec![receipt]);
    let mut tables = call.session.memory.effective_without(&[table]);
    tables.insert(table.to_owned(), position);
    call.commit(Commit { changes: Changes { opened: None, tables }, events: vec![wiped] })?;
    call.sweep();
    Ok(())
}

/// An ignored table keeps its topic as it is.
fn ignored(before: Option<&Position>, now_ms: i64, mark: &order::CallMark) -> Position {
    let mut position = before.cloned().unwrap_or_else(|| Position::blank(now_ms));
    position.last_call = Some(order::called(position.last_call.as_ref(), mark));
    position.state = TableState::Ignored;
    position.sweep = Sweep::None;
    position.lsn = super::position::NO_LSN;
    position.provisional = None;
    position
}
