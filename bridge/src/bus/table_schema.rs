//! TableSchema: tells the source where each table stands, or fails.
//!
//! An LSN is answered only while the very topic that holds its rows is still there and whole. -1 needs positive
//! evidence: nothing recorded, a load that did not finish, or a topic that contradicts the record when asked twice.
//! Unreachable, slow or undecided fails the call: a broker that restarts must not repopulate every tenant. Every -1
//! begins a new population, so the rows to come are right whether or not a Wipe precedes them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use mirrorbus_schemas::event::{CycleEvent, Kind};

use super::call::{Call, Caller};
use super::error::BusError;
use super::memory::{Changes, Memory};
use super::offsets::{self, FoundTopic};
use super::order::{self, Opener, Withheld};
use super::position::{NO_LSN, Position, Sweep, TableState};
use super::registry::Registration;
use super::schema::{Change, TableSchema};
use super::session::Commit;
use super::{Bus, drops, event, manifest, schema_ids, sweep};
use crate::batch::TableColumns;
use crate::metrics::{self, Alarm};

type Found = HashMap<String, FoundTopic>;

/// A table as the call announces it.
struct Announced {
    table: TableColumns,
    key: Vec<String>,
    /// `None` for an ignored table.
    topic: Option<String>,
}

/// What becomes of one table.
struct Decision {
    position: Position,
    /// Written in this call's transaction; otherwise only remembered while the session lives.
    commit: bool,
    event: Option<(Kind, String)>,
}

impl Bus {
    /// The LSN to answer for each table, in the order asked; [`NO_LSN`] for "send everything".
    ///
    /// # Errors
    /// [`BusError::Refused`] for a call that is not the newest, [`BusError::Table`] for a table that cannot be
    /// mirrored, any other when Kafka or the registry failed or what they said is undecided.
    pub fn table_schema(
        &self,
        caller: &Caller,
        tables: Vec<TableColumns>,
    ) -> Result<Vec<(String, i64)>, BusError> {
        let admit = |memory: &Memory| order::table_schema(memory.opened.as_ref(), &caller.mark);
        self.with_session(caller, false, admit, |call| answer(call, tables))
    }
}

fn answer(call: &mut Call<'_>, tables: Vec<TableColumns>) -> Result<Vec<(String, i64)>, BusError> {
    let announced = announce(call, tables)?;
    let names = announced.iter().map(|announced| announced.table.table.as_str()).collect();
    let gone = drops::gone_tables(call, &names)?;
    let found = find_decided(call, &announced, &gone.tables)?;
    let torn = manifest::torn_tables(call, &found)?;
    let lost = schema_ids::lost_tables(call, announced.iter().map(|announced| &announced.table));
    if let Some(opened) = call.session.memory.opened.as_mut().filter(|_| !lost.is_empty()) {
        // That of the events is as lost as those of the tables.
        opened.event_schema = None;
    }
    let mut decisions = BTreeMap::new();
    for table in &announced {
        decisions.insert(table.table.table.clone(), decide(call, table, &found, &torn, &lost)?);
    }
    register_changed(call, &announced, &mut decisions)?;
    for (table, topic) in &gone.tables {
        decisions.insert(table.clone(), drop_table(call, table, found.get(topic)));
    }
    let answers = announced
        .iter()
        .map(|announced| {
            let table = &announced.table.table;
            (table.clone(), decisions.get(table).map_or(NO_LSN, |decision| decision.position.lsn))
        })
        .collect();
    let (new, lost) = asked_again(call, &decisions);
    commit(call, decisions, gone.withheld.as_ref(), !announced.is_empty())?;
    metrics::tables_asked(call.bus.name(), new, lost);
    Ok(answers)
}

/// How many tables are answered -1: those that never had rows to lose, and those that did.
fn asked_again(call: &Call<'_>, decisions: &BTreeMap<String, Decision>) -> (usize, usize) {
    let is_asked = |(_, decision): &(&String, &Decision)| {
        decision.position.lsn == NO_LSN && decision.position.state != TableState::Dropped
    };
    let had_rows = |(table, decision): &(&String, &Decision)| match call.session.memory.tables.get(*table) {
        Some(before) => before.lsn != NO_LSN || before.state == TableState::Doubted,
        None => decision.position.spans.iter().any(|span| span.first > 0),
    };
    let (lost, new): (Vec<_>, Vec<_>) = decisions.iter().filter(is_asked).partition(had_rows);
    (new.len(), lost.len())
}

/// Checks names before anything is asked: a refused table fails the call by its name.
fn announce(call: &Call<'_>, tables: Vec<TableColumns>) -> Result<Vec<Announced>, BusError> {
    let mut seen: HashMap<String, String> = HashMap::new();
    tables
        .into_iter()
        .map(|table| {
            let key = call.bus.key_of(&table);
            let topic = if call.bus.is_ignored(&table.table) {
                None
            } else {
                if let Some(missing) = key.iter().find(|name| !table.columns.iter().any(|c| c.name == **name))
                {
                    return Err(BusError::table(&table.table, format!("has no key column {missing}")));
                }
                Some(call.bus.rows_topic(call.tenant(), &table.table)?)
            };
            match seen.insert(table.table.to_ascii_lowercase(), table.table.clone()) {
                Some(other) => Err(BusError::table(
                    &table.table,
                    format!("differs from {other} only in case, or not at all"),
                )),
                None => Ok(Announced { table, key, topic }),
            }
        })
        .collect()
}

/// The topics of all tables. Where one contradicts its record, all are asked again a moment later, and only the
/// same contradiction twice counts.
fn find_decided(
    call: &Call<'_>,
    announced: &[Announced],
    gone: &BTreeMap<String, String>,
) -> Result<Found, BusError> {
    let mut topics: Vec<String> = announced.iter().filter_map(|table| table.topic.clone()).collect();
    topics.extend(gone.values().cloned());
    let first = offsets::find(&*call.bus.questions, &topics)?;
    let named: Vec<(&str, &str)> = announced
        .iter()
        .filter_map(|table| Some((table.table.table.as_str(), table.topic.as_deref()?)))
        .chain(gone.iter().map(|(table, topic)| (table.as_str(), topic.as_str())))
        .collect();
    let contradicted = contradictions(call, &named, &first);
    if contradicted.is_empty() {
        return Ok(first);
    }
    call.bus.clock.pause(offsets::MOMENT);
    let second = offsets::find(&*call.bus.questions, &topics)?;
    if contradictions(call, &named, &second) == contradicted { Ok(second) } else { Err(offsets::undecided()) }
}

/// Tables whose topic is not the one recorded, or does not hold what is recorded.
fn contradictions<'t>(call: &Call<'_>, named: &[(&'t str, &str)], found: &Found) -> BTreeSet<&'t str> {
    let contradicts = |(table, topic): &&(&'t str, &str)| {
        let position = call.session.memory.tables.get(*table);
        position.is_some_and(|position| !position.agrees_with(found.get(*topic)))
    };
    named.iter().filter(contradicts).map(|(table, _)| *table).collect()
}

fn decide(
    call: &Call<'_>,
    announced: &Announced,
    found: &Found,
    torn: &[String],
    lost: &[String],
) -> Result<Decision, BusError> {
    let before = call.session.memory.tables.get(&announced.table.table);
    let Some(topic) = &announced.topic else { return Ok(ignore(call, before)) };
    let found = found.get(topic);
    let change = before
        .and_then(|position| position.schema.as_ref())
        .map(|schema| schema.change_to(&announced.table, &announced.key));
    if let Some(Change::Incompatible { rule }) = change {
        return Ok(repopulate_changed(call, announced, before, found, &rule));
    }
    if lost.contains(&announced.table.table) {
        let rule = "the registry has lost the key schema's id";
        return Ok(repopulate_changed(call, announced, before, found, rule));
    }
    if torn.contains(&announced.table.table) {
        return Ok(repopulate_torn(call, announced, before, found, change));
    }
    match before {
        Some(position) if is_good(position, found) => Ok(keep(position, announced, change)),
        _ => Ok(repopulate(call, announced, before, found, change)),
    }
}

fn is_good(position: &Position, found: Option<&FoundTopic>) -> bool {
    position.state == TableState::Mirrored && position.lsn != NO_LSN && position.agrees_with(found)
}

/// An ignored table's LSN is kept, else its rows would be sent again in every cycle.
fn ignore(call: &Call<'_>, before: Option<&Position>) -> Decision {
    let mut position = before.cloned().unwrap_or_else(|| Position::blank(call.bus.clock.now_ms()));
    let is_new = position.state != TableState::Ignored;
    position.state = TableState::Ignored;
    // Its topic stays as it is; whoever ends the ignoring begins a new population.
    position.sweep = Sweep::None;
    Decision { position, commit: is_new && before.is_some(), event: None }
}

fn keep(position: &Position, announced: &Announced, change: Option<Change>) -> Decision {
    let mut position = position.clone();
    match change {
        Some(Change::Compatible(schema)) => {
            position.schema = Some(schema);
            let event = Some((Kind::SchemaChanged, "columns changed; the rows stay".to_owned()));
            Decision { position, commit: true, event }
        }
        Some(_) => Decision { position, commit: false, event: None },
        None => {
            position.schema = Some(TableSchema::new(&announced.table, &announced.key));
            Decision { position, commit: true, event: None }
        }
    }
}

fn repopulate(
    call: &Call<'_>,
    announced: &Announced,
    before: Option<&Position>,
    found: Option<&FoundTopic>,
    change: Option<Change>,
) -> Decision {
    let now_ms = call.bus.clock.now_ms();
    let mut position = Position::new_population(before, found, now_ms, &call.caller.mark);
    match change {
        Some(Change::Compatible(schema)) => position.schema = Some(schema),
        Some(_) => {}
        None => position.schema = Some(TableSchema::new(&announced.table, &announced.key)),
    }
    let has_rows = position.spans.iter().any(|span| span.first > 0);
    if before.is_some_and(|before| before.lsn != NO_LSN) {
        tracing::warn!(tenant = %call.tenant(), table = announced.table.table, "the table is asked for again");
    }
    Decision { position, commit: has_rows || before.is_some(), event: None }
}

/// Rows of the newest call are not there although its position is. This should not be possible; somebody must look.
fn repopulate_torn(
    call: &Call<'_>,
    announced: &Announced,
    before: Option<&Position>,
    found: Option<&FoundTopic>,
    change: Option<Change>,
) -> Decision {
    let table = &announced.table.table;
    tracing::error!(tenant = %call.tenant(), table, "the newest call's rows are not those of its manifest");
    metrics::alarm(call.bus.name(), Alarm::Torn);
    let mut decision = repopulate(call, announced, before, found, change);
    let rule = "the newest call's rows are not those of its manifest; the table is asked for again";
    decision.event = Some((Kind::Alarm, format!("table {table}: {rule}")));
    decision.commit = true;
    decision
}

/// Another base type, precision, scale or key: the old rows are tombstoned before a new one can arrive.
fn repopulate_changed(
    call: &Call<'_>,
    announced: &Announced,
    before: Option<&Position>,
    found: Option<&FoundTopic>,
    rule: &str,
) -> Decision {
    let mut decision = repopulate(call, announced, before, found, None);
    decision.position = decision.position.swept_at_once();
    decision.commit = true;
    decision.event = Some((Kind::SchemaChanged, format!("{rule}; the table is asked for again")));
    decision
}

/// A table that left the source: its keys are tombstoned, its epoch is never forgotten.
fn drop_table(call: &Call<'_>, table: &str, found: Option<&FoundTopic>) -> Decision {
    let before = call.session.memory.tables.get(table);
    let now_ms = call.bus.clock.now_ms();
    let mut position = Position::new_population(before, found, now_ms, &call.caller.mark).swept_at_once();
    position.state = TableState::Dropped;
    Decision { position, commit: true, event: Some((Kind::Dropped, sweep::LEFT_SOURCE.to_owned())) }
}

/// New versions of the schemas of tables that keep their rows; a loading table's wait for its first row.
fn register_changed(
    call: &Call<'_>,
    announced: &[Announced],
    decisions: &mut BTreeMap<String, Decision>,
) -> Result<(), BusError> {
    let mut tables = Vec::new();
    let mut wanted = Vec::new();
    for announced in announced {
        let decision = decisions.get(&announced.table.table).filter(|decision| decision.commit);
        let (Some(decision), Some(topic)) = (decision, &announced.topic) else { continue };
        let schema = decision.position.schema.as_ref().filter(|schema| schema.key_schema_id.is_some());
        if let Some(schema) = schema.filter(|schema| schema.value_schema_id.is_none()) {
            tables.push(announced.table.table.clone());
            let (json, begins_anew) = (schema.value_json(&announced.table), !schema.has_value_versions);
            wanted.push(Registration { subject: format!("{topic}-value"), schema: json, begins_anew });
        }
    }
    let ids = call.bus.registry.register(wanted)?;
    for (table, id) in tables.into_iter().zip(ids) {
        let schema = decisions.get_mut(&table).and_then(|decision| decision.position.schema.as_mut());
        if let Some(schema) = schema {
            schema.value_registered(id);
        }
    }
    Ok(())
}

/// Commits the opening with all that changed, then tombstones what must go before new rows may come.
fn commit(
    call: &mut Call<'_>,
    decisions: BTreeMap<String, Decision>,
    withheld: Option<&Withheld>,
    names_tables: bool,
) -> Result<(), BusError> {
    let memory = &call.session.memory;
    let opened = memory.opened.as_ref().map(|before| {
        let mark = &call.caller.mark;
        let opened =
            order::open(Some(before), mark, Opener::TableSchema, mark.token_time, before.cycle.clone());
        let knows_topics = before.knows_topics || names_tables;
        let manifests_compared = opened.number;
        order::Opened { knows_topics, manifests_compared, withheld: withheld.cloned(), ..opened }
    });
    let (mut tables, mut remembered) = (BTreeMap::new(), BTreeMap::new());
    let mut events: Vec<_> = withheld.iter().map(|withheld| drops::alarm(call, withheld)).collect();
    let mut must_go_first = Vec::new();
    for (table, decision) in decisions {
        // A sweep that begins now tells of the drop itself, once its tombstones are there.
        let is_told_later =
            decision.position.state == TableState::Dropped && decision.position.sweep == Sweep::Running;
        if let Some((kind, message)) = decision.event.as_ref().filter(|_| !is_told_later) {
            events.push(table_event(call, *kind, message, &table, &decision.position));
        }
        if decision.position.state == TableState::Mirrored && decision.position.sweep == Sweep::Running {
            must_go_first.push(table.clone());
        }
        if decision.commit { &mut tables } else { &mut remembered }.insert(table, decision.position);
    }
    call.commit(Commit { changes: Changes { opened, tables }, events })?;
    call.session.memory.tables.extend(remembered);
    call.session.counts = Some(BTreeMap::new());
    if must_go_first.is_empty() {
        call.sweep();
    } else {
        call.sweep_until(&call.caller.deadline.clone());
    }
    // Rows of another type must not come before the old ones are gone. Other sweeps can wait.
    let is_running = |table: &String| {
        let position = call.session.memory.tables.get(table);
        position.is_some_and(|position| position.sweep == Sweep::Running)
    };
    if must_go_first.iter().any(is_running) {
        return Err(BusError::Deadline { before: "old rows were tombstoned" });
    }
    Ok(())
}

fn table_event(call: &Call<'_>, kind: Kind, message: &str, table: &str, position: &Position) -> CycleEvent {
    let receipt = event::receipt(table, position);
    event::now(call.bus, call.tenant(), &call.cycle(), kind, message.to_owned(), vec![receipt])
}
