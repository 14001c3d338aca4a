//! ReplicationCompleted: the vendor has moved on from every table. What is provisional takes effect, what is due is
//! swept, and the cycle gets its receipt: a consistent cut that a consumer can wait for.

use mirrorbus_schemas::event::{CycleEvent, Kind, TableReceipt};

use super::call::{Call, Caller};
use super::error::BusError;
use super::memory::{Changes, Memory};
use super::order::{self, Opened, Withheld};
use super::position::{NO_LSN, Sweep};
use super::session::{Commit, Counts};
use super::{Bus, event};
use crate::batch::TableCounts;
use crate::metrics::{self, Alarm};

impl Bus {
    /// Ends a cycle.
    ///
    /// # Errors
    /// [`BusError::Refused`] for a call that is older than the newest cycle, any other when Kafka failed.
    pub fn completed(&self, caller: &Caller, claimed: &[TableCounts]) -> Result<(), BusError> {
        let admit = |memory: &Memory| order::within_cycle(memory.opened.as_ref(), &caller.mark);
        self.with_session(caller, false, admit, |call| complete(call, claimed))
    }
}

fn complete(call: &mut Call<'_>, claimed: &[TableCounts]) -> Result<(), BusError> {
    let tables = final_positions(&call.session.memory);
    let changes = Changes { opened: confirm_withheld(&call.session.memory), tables };
    let mut after = call.session.memory.clone();
    after.keep(changes.clone());
    let receipt = receipt(call, &after, claimed);
    let mut events = vec![receipt];
    events.extend(count_alarm(call, &events[0], claimed));
    call.commit(Commit { changes, events })?;
    // What a sweep has not finished goes on after the call; the cycle is complete all the same.
    call.session.completed = true;
    call.close = call.sweep();
    Ok(())
}

/// Tables that were missing in a whole cycle are believed to be gone when they are missing again.
fn confirm_withheld(memory: &Memory) -> Option<Opened> {
    let opened = memory.opened.as_ref()?;
    let withheld = opened.withheld.as_ref().filter(|withheld| !withheld.completed)?;
    let withheld = Some(Withheld { completed: true, ..withheld.clone() });
    Some(Opened { withheld, ..opened.clone() })
}

/// Every provisional LSN takes effect; a table that loads but got no row is complete, too.
fn final_positions(memory: &Memory) -> std::collections::BTreeMap<String, super::position::Position> {
    let mut tables = memory.effective_without(&[]);
    if memory.opening().is_none() {
        return tables;
    }
    for (table, position) in &memory.tables {
        let is_empty_load =
            position.lsn == NO_LSN && position.sweep == Sweep::Due && position.is_without_rows();
        if is_empty_load && !tables.contains_key(table) {
            let mut position = position.clone();
            position.sweep = Sweep::Running;
            tables.insert(table.clone(), position);
        }
    }
    tables
}

fn receipt(call: &Call<'_>, memory: &Memory, claimed: &[TableCounts]) -> CycleEvent {
    let mut names: Vec<&str> = claimed.iter().map(|counts| counts.table.as_str()).collect();
    if let Some(counts) = &call.session.counts {
        names.extend(counts.keys().map(String::as_str));
    }
    names.sort_unstable();
    names.dedup();
    let tables = names.into_iter().filter_map(|name| {
        let position = memory.tables.get(name)?;
        let committed =
            call.session.counts.as_ref().map(|counts| counts.get(name).copied().unwrap_or_default());
        Some(table_receipt(name, event::receipt(name, position), claimed, committed))
    });
    let tables = tables.collect();
    event::now(call.bus, call.tenant(), &call.cycle(), Kind::CycleCompleted, String::new(), tables)
}

/// What the vendor says it sent is not what was committed. None where this process did not see the whole cycle.
fn count_alarm(call: &Call<'_>, receipt: &CycleEvent, claimed: &[TableCounts]) -> Option<CycleEvent> {
    let is_claimed = |table: &&TableReceipt| claimed.iter().any(|counts| counts.table == table.table);
    let differs = |table: &&TableReceipt| {
        let upserts = table.claimed_inserts + table.claimed_updates;
        table.committed_upserts >= 0
            && (upserts != table.committed_upserts || table.claimed_deletes != table.committed_deletes)
    };
    let is_kept = |table: &&TableReceipt| !call.bus.is_ignored(&table.table);
    let tables = receipt.tables.iter().filter(is_claimed).filter(differs).filter(is_kept);
    let tables: Vec<TableReceipt> = tables.cloned().collect();
    if tables.is_empty() {
        return None;
    }
    metrics::alarm(call.bus.name(), Alarm::Counts);
    tracing::error!(tenant = %call.tenant(), tables = tables.len(), "the source counted other rows than were committed");
    let message = "the source says that it sent other numbers of rows than were committed".to_owned();
    Some(event::now(call.bus, call.tenant(), &call.cycle(), Kind::Alarm, message, tables))
}

fn table_receipt(
    table: &str,
    receipt: TableReceipt,
    claimed: &[TableCounts],
    committed: Option<Counts>,
) -> TableReceipt {
    let of_table = || claimed.iter().filter(|counts| counts.table == table);
    TableReceipt {
        claimed_inserts: of_table().map(|counts| i64::from(counts.inserts)).sum(),
        claimed_updates: of_table().map(|counts| i64::from(counts.updates)).sum(),
        claimed_deletes: of_table().map(|counts| i64::from(counts.deletes)).sum(),
        committed_upserts: committed.map_or(-1, |counts| counts.upserts),
        committed_deletes: committed.map_or(-1, |counts| counts.deletes),
        ..receipt
    }
}
