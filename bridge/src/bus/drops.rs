//! Tables that TableSchema no longer names: they have left the source, and their keys are tombstoned. An empty list
//! drops nothing; one that lacks many tables drops them only when the next cycle lacks them too.

use std::collections::{BTreeMap, BTreeSet};

use mirrorbus_schemas::event::{CycleEvent, Kind};

use super::call::Call;
use super::error::BusError;
use super::event;
use super::order::Withheld;
use super::position::TableState;
use crate::metrics;

/// So many missing tables are believed at once, or one in twenty where that is more.
const BELIEVED: usize = 3;

/// What a TableSchema does not name.
#[derive(Default)]
pub(super) struct Gone {
    /// Tables that are dropped now, with their topics.
    pub(super) tables: BTreeMap<String, String>,
    /// Too many at once: none of them is dropped before they were missing in a whole cycle.
    pub(super) withheld: Option<Withheld>,
}

/// Mirrored tables that are not `announced`. Without an opening nothing is dropped: the call may be a late one.
pub(super) fn gone_tables(call: &Call<'_>, announced: &BTreeSet<&str>) -> Result<Gone, BusError> {
    let memory = &call.session.memory;
    let Some(opened) = memory.opened.as_ref().filter(|_| !announced.is_empty()) else {
        return Ok(Gone::default());
    };
    let is_mirrored = |table: &String| {
        let position = memory.tables.get(table);
        position.is_none_or(|position| position.state != TableState::Dropped)
    };
    let mut known: BTreeSet<String> = memory.tables.keys().cloned().collect();
    if !opened.knows_topics {
        // Lost positions must leave no ghosts.
        known.extend(call.bus.list_row_topics(call.tenant())?);
    }
    known.retain(is_mirrored);
    let believed = BELIEVED.max(known.len() / 20);
    known.retain(|table| !announced.contains(table.as_str()));
    if known.len() > believed && !is_confirmed(opened.withheld.as_ref(), &known) {
        return Ok(Gone {
            tables: BTreeMap::new(),
            withheld: Some(Withheld { tables: known, completed: false }),
        });
    }
    // An ignored table may have a name that no topic can have; it has nothing to be tombstoned.
    let with_topic = known.into_iter().filter_map(|table| {
        let topic = call.bus.rows_topic(call.tenant(), &table).ok()?;
        Some((table, topic))
    });
    Ok(Gone { tables: with_topic.collect(), withheld: None })
}

fn is_confirmed(withheld: Option<&Withheld>, gone: &BTreeSet<String>) -> bool {
    withheld.is_some_and(|withheld| withheld.completed && gone.is_subset(&withheld.tables))
}

/// Tells an operator that tables are missing and still there.
pub(super) fn alarm(call: &Call<'_>, withheld: &Withheld) -> CycleEvent {
    let missing = withheld.tables.len();
    metrics::alarm(call.bus.name(), metrics::Alarm::TablesMissing);
    tracing::error!(tenant = %call.tenant(), missing, "many tables are missing at once; they are kept for now");
    let message =
        format!("{missing} tables are missing at once; they are dropped if the next cycle lacks them too");
    event::now(call.bus, call.tenant(), &call.cycle(), Kind::Alarm, message, Vec::new())
}
