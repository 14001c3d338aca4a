//! RowData: one call is one transaction. The rows; then, when every one of them is confirmed, the positions; then
//! the commit; then, and only then, success.

use std::collections::BTreeMap;

use mirrorbus_schemas::event::{CycleEvent, Kind};
use mirrorbus_schemas::topic::Tenant;

use super::call::{Call, Caller};
use super::error::BusError;
use super::memory::{Changes, Memory};
use super::order::{self, Verdict};
use super::position::{Manifest, NO_LSN, PartitionManifest, Position, Span, TableState};
use super::registry::Registration;
use super::rows::{Destination, TableRows, send};
use super::schema::{Change, StoredColumn, TableSchema};
use super::session::{Commit, Counts};
use super::sweep::advance;
use super::topics::Kind as TopicKind;
use super::transaction::Transaction;
use super::{Bus, event};
use crate::batch::{Batch, Lsn, Operation, TableColumns};
use crate::metrics;

type Tables<'c, 'a> = BTreeMap<&'c str, TableRows<'c, 'a>>;

impl Bus {
    /// Commits the rows of all batches and the positions they reach, or nothing.
    ///
    /// # Errors
    /// [`BusError::Refused`] for a call older than the cycle or a table's last call, [`BusError::Table`] and
    /// [`BusError::Row`] for what cannot be mirrored, any other when Kafka or the registry failed.
    pub fn row_data(&self, caller: &Caller, batches: &[Batch<'_>]) -> Result<(), BusError> {
        let admit = |memory: &Memory| order::within_cycle(memory.opened.as_ref(), &caller.mark);
        self.with_session(caller, false, admit, |call| {
            let written = write(call, batches);
            if let Err(error) = &written {
                call.tell_refused(error);
            }
            written
        })
    }

    /// Tells subscribers of rows that could not even be read. The caller is told by whoever read them.
    ///
    /// # Errors
    /// [`BusError::Refused`] for a call that is not welcome anyway, any other when Kafka failed.
    pub fn rows_refused(&self, caller: &Caller, rule: &str) -> Result<(), BusError> {
        let admit = |memory: &Memory| order::within_cycle(memory.opened.as_ref(), &caller.mark);
        self.with_session(caller, false, admit, |call| call.refused(rule.to_owned()))
    }
}

fn write(call: &mut Call<'_>, batches: &[Batch<'_>]) -> Result<(), BusError> {
    let mut tables = group(call, batches)?;
    let last = tables.values().map(|rows| rows.position.last_call.as_ref());
    if order::table_calls(last, &call.caller.mark)? == Verdict::Repeat || tables.is_empty() {
        return Ok(());
    }
    if let Some((table, rule)) = contradiction(call, &mut tables) {
        return ask_again(call, table, rule);
    }
    create_topics(call, &mut tables)?;
    register_schemas(call, &mut tables)?;
    let counts = commit(call, &tables)?;
    tell_losses(call, batches);
    let (upserts, deletes) = counts
        .values()
        .fold((0, 0), |(upserts, deletes), counts| (upserts + counts.upserts, deletes + counts.deletes));
    metrics::rows_committed(call.bus.name(), upserts, deletes);
    tracing::info!(tables = tables.len(), upserts, deletes, "committed");
    if let Some(total) = &mut call.session.counts {
        for (table, counts) in counts {
            let total = total.entry(table).or_default();
            total.upserts += counts.upserts;
            total.deletes += counts.deletes;
        }
    }
    call.sweep();
    Ok(())
}

/// What the mirror will not have: digits that a type does not hold, and rows of ignored tables.
fn tell_losses(call: &Call<'_>, batches: &[Batch<'_>]) {
    for batch in batches.iter().filter(|batch| batch.cut_values + batch.discarded_rows > 0) {
        let (table, cut_values, discarded_rows) =
            (&batch.table.table, batch.cut_values, batch.discarded_rows);
        metrics::losses(call.bus.name(), cut_values, discarded_rows);
        tracing::info!(tenant = %call.tenant(), table, cut_values, discarded_rows, "not kept as it came");
    }
}

fn group<'c, 'a>(call: &Call<'_>, batches: &'c [Batch<'a>]) -> Result<Tables<'c, 'a>, BusError> {
    let mut tables = Tables::new();
    for batch in batches {
        let table = batch.table.table.as_str();
        if let Some(rows) = tables.get_mut(table) {
            rows.batches.push(batch);
            continue;
        }
        if let Some(known) = tables.keys().find(|known| known.eq_ignore_ascii_case(table)) {
            return Err(BusError::table(table, format!("differs from {known} only in case")));
        }
        let ignored = call.bus.is_ignored(table);
        let topic = if ignored { String::new() } else { call.topic_of(table)? };
        let known = call.session.memory.tables.get(table).cloned();
        let mut position = known.unwrap_or_else(|| Position::blank(call.bus.clock.now_ms()));
        if ignored {
            position.state = TableState::Ignored;
        } else if position.state != TableState::Mirrored {
            return Err(BusError::table(table, "rows are refused until TableSchema asks for the table"));
        }
        let batches = vec![batch];
        tables
            .insert(table, TableRows { batches, topic, position, is_new_topic: false, is_new_schema: false });
    }
    Ok(tables)
}

/// What in the batches says that our reading of the table is wrong. Takes over columns that are new but harmless.
fn contradiction<'c>(call: &Call<'_>, tables: &mut Tables<'c, '_>) -> Option<(&'c str, String)> {
    let opening = call.session.memory.opening();
    for (table, rows) in tables.iter_mut() {
        if rows.position.state == TableState::Ignored {
            continue;
        }
        if let Some(rule) = wrong_lsn(&rows.position, rows.lsn(), opening) {
            return Some((table, rule.to_owned()));
        }
        for batch in rows.batches.clone() {
            if let Err(rule) = take_columns(rows, &batch.table, &call.bus.key_of(&batch.table), batch) {
                return Some((table, rule));
            }
        }
    }
    None
}

fn wrong_lsn(position: &Position, lsn: Option<Lsn>, opening: Option<i64>) -> Option<&'static str> {
    let lsn = lsn?.get();
    if position.lsn != NO_LSN && lsn < position.lsn {
        return Some("the LSN is behind the one that was acknowledged");
    }
    if position.lsn != NO_LSN && Some(position.effective_in) == opening && lsn <= position.lsn {
        return Some("more rows came for an LSN that had taken effect in this cycle");
    }
    None
}

/// Rows are decoded by the columns in their own batch. Deletes need only the key; inserts and updates must bring
/// every announced column, and may bring new ones.
fn take_columns(
    rows: &mut TableRows<'_, '_>,
    table: &TableColumns,
    key: &[String],
    batch: &Batch<'_>,
) -> Result<(), String> {
    let Some(schema) = &rows.position.schema else {
        rows.position.schema = Some(TableSchema::new(table, key));
        rows.is_new_schema = true;
        return Ok(());
    };
    let only_deletes = batch.operations.iter().all(|operation| *operation == Operation::Delete);
    match schema.change_to(table, key) {
        Change::None => Ok(()),
        Change::Incompatible { rule } => Err(rule),
        Change::Compatible(_) if only_deletes => Ok(()),
        Change::Compatible(changed) => {
            let lacks = |column: &&StoredColumn| !changed.columns.iter().any(|c| c.name == column.name);
            if let Some(missing) = schema.columns.iter().find(lacks) {
                return Err(format!("rows lack the announced column {}", missing.name));
            }
            rows.position.schema = Some(changed);
            rows.is_new_schema = true;
            Ok(())
        }
    }
}

/// The call fails and the table is asked for again in the next cycle.
fn ask_again(call: &mut Call<'_>, table: &str, rule: String) -> Result<(), BusError> {
    if let Some(position) = call.session.memory.tables.get(table) {
        let position =
            Position { lsn: NO_LSN, provisional: None, state: TableState::Doubted, ..position.clone() };
        let alarm = event::now(
            call.bus,
            call.tenant(),
            &call.cycle(),
            Kind::Alarm,
            format!("table {table}: {rule}; the table will be asked for again"),
            vec![event::receipt(table, &position)],
        );
        metrics::alarm(call.bus.name(), metrics::Alarm::Contradiction);
        tracing::error!(tenant = %call.tenant(), table, rule, "the table will be asked for again");
        let tables = [(table.to_owned(), position)].into();
        call.commit(Commit { changes: Changes { opened: None, tables }, events: vec![alarm] })?;
    }
    Err(BusError::table(table, rule))
}

/// All topics that the call needs are made in one request, before its transaction begins.
fn create_topics(call: &Call<'_>, tables: &mut Tables<'_, '_>) -> Result<(), BusError> {
    let wanted: Vec<String> = tables
        .values()
        .filter(|rows| rows.writes() && rows.position.topic_id.is_none())
        .map(|rows| rows.topic.clone())
        .collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let bus = call.bus;
    let there = bus.questions.describe(&wanted)?;
    let is_missing = |topic: &&String| !there.contains_key(*topic);
    let missing: Vec<_> =
        wanted.iter().filter(is_missing).map(|topic| (topic.clone(), TopicKind::Rows)).collect();
    bus.log.create(&missing)?;
    let found = bus.await_topics(&wanted)?;
    for (table, rows) in tables.iter_mut() {
        let Some(found) = found.get(&rows.topic).filter(|_| rows.writes()) else { continue };
        if rows.position.topic_id.is_some() {
            continue;
        }
        if found.spans.iter().any(|&(_, end)| end > 0) {
            return Err(BusError::kafka(
                "write",
                format!("table {table}: a topic with records is not recorded"),
            ));
        }
        rows.position.topic_id = Some(found.id.clone());
        rows.position.spans = found.spans.iter().map(|_| Span { first: 0, last: -1 }).collect();
        rows.is_new_topic = true;
    }
    Ok(())
}

/// Registers what is missing: keys, and values where there are any. Deletes come with key columns alone.
fn register_schemas(call: &Call<'_>, tables: &mut Tables<'_, '_>) -> Result<(), BusError> {
    let mut wanted = Vec::new();
    for rows in tables.values().filter(|rows| rows.writes()) {
        wanted.extend(missing_schemas(rows).into_iter().flatten());
    }
    let mut ids = call.bus.registry.register(wanted)?.into_iter();
    for rows in tables.values_mut().filter(|rows| rows.writes()) {
        let [key, value] = missing_schemas(rows);
        let Some(schema) = &mut rows.position.schema else { continue };
        if key.is_some() {
            schema.key_schema_id = ids.next();
        }
        if value.is_some()
            && let Some(id) = ids.next()
        {
            schema.value_registered(id);
            rows.is_new_schema = true;
        }
    }
    Ok(())
}

fn missing_schemas(rows: &TableRows<'_, '_>) -> [Option<Registration>; 2] {
    let (Some(schema), Some(batch)) = (&rows.position.schema, rows.batches.first()) else {
        return [None, None];
    };
    let registration = |part: &str, schema: String, begins_anew: bool| Registration {
        subject: format!("{}-{part}", rows.topic),
        schema,
        begins_anew,
    };
    let needs_key = schema.key_schema_id.is_none();
    let key = needs_key.then(|| registration("key", schema.key_json(&batch.table), true));
    let columns = complete_columns(rows).filter(|_| schema.value_schema_id.is_none());
    let begins_anew = !schema.has_value_versions;
    [key, columns.map(|columns| registration("value", schema.value_json(columns), begins_anew))]
}

/// Columns of a batch that has exactly those of the schema: what is registered must be what rows are written with.
fn complete_columns<'c>(rows: &TableRows<'c, '_>) -> Option<&'c TableColumns> {
    let schema = rows.position.schema.as_ref()?;
    let is_schema = |table: &&TableColumns| {
        table.columns.iter().map(StoredColumn::from).eq(schema.columns.iter().cloned())
    };
    rows.batches.iter().map(|batch| &batch.table).find(is_schema)
}

fn commit(call: &mut Call<'_>, tables: &Tables<'_, '_>) -> Result<BTreeMap<String, Counts>, BusError> {
    let (bus, caller, cycle) = (call.bus, call.caller, call.cycle());
    let mut events = schema_events(call, tables);
    let mut counts = BTreeMap::new();
    call.session.commit(bus, &caller.tenant, caller.deadline, |transaction, memory| {
        for (slot, (table, rows)) in tables.iter().enumerate().filter(|(_, (_, rows))| rows.writes()) {
            let destination = Destination { tenant: caller.tenant.as_str(), table, cycle: &cycle, rows };
            let sent = send(transaction, slot, &destination)?;
            if sent.repeated_inserts > 0 {
                events.push(key_alarm(bus, &caller.tenant, &cycle, table, rows, sent));
            }
            counts.insert((*table).to_owned(), sent);
        }
        transaction.confirm()?;
        let names: Vec<&str> = tables.keys().copied().collect();
        let mut changed = memory.effective_without(&names);
        for (slot, (table, rows)) in tables.iter().enumerate() {
            let position = written(transaction, slot, table, rows, caller, memory.opening())?;
            changed.insert((*table).to_owned(), position);
        }
        Ok(Commit { changes: Changes { opened: None, tables: changed }, events })
    })?;
    Ok(counts)
}

/// The table's position after its rows were confirmed.
fn written(
    transaction: &Transaction<'_>,
    slot: usize,
    table: &str,
    rows: &TableRows<'_, '_>,
    caller: &Caller,
    opening: Option<i64>,
) -> Result<Position, BusError> {
    let mut position = rows.position.clone();
    advance(&mut position, transaction, slot, table)?;
    position.offer(rows.lsn(), opening);
    position.last_call = Some(order::called(position.last_call.as_ref(), &caller.mark));
    let partitions = transaction
        .delivered(slot)
        .into_iter()
        .map(|(partition, delivered)| PartitionManifest {
            partition,
            first: delivered.first,
            last: delivered.last,
            rows: delivered.rows,
            hash: format!("{:016x}", delivered.hash),
        })
        .collect();
    position.manifest =
        Some(Manifest { call: caller.mark.digest.clone(), opening: opening.unwrap_or_default(), partitions });
    Ok(position)
}

/// A load inserts every key once, unless what we take for the key is none.
fn key_alarm(
    bus: &Bus,
    tenant: &Tenant,
    cycle: &str,
    table: &str,
    rows: &TableRows<'_, '_>,
    sent: Counts,
) -> CycleEvent {
    let times = sent.repeated_inserts;
    let rule = format!(
        "a load inserted {times} keys more than once; set key_columns if the first column is not the key"
    );
    metrics::alarm(bus.name(), metrics::Alarm::RepeatedKey);
    tracing::error!(%tenant, table, rule);
    let receipt = event::receipt(table, &rows.position);
    event::now(bus, tenant, cycle, Kind::Alarm, format!("table {table}: {rule}"), vec![receipt])
}

fn schema_events(call: &Call<'_>, tables: &Tables<'_, '_>) -> Vec<CycleEvent> {
    let told = tables.iter().filter(|(_, rows)| rows.writes() && (rows.is_new_topic || rows.is_new_schema));
    told.map(|(table, rows)| {
        let kind = if rows.is_new_topic { Kind::SchemaCreated } else { Kind::SchemaChanged };
        let receipt = event::receipt(table, &rows.position);
        event::now(call.bus, call.tenant(), &call.cycle(), kind, String::new(), vec![receipt])
    })
    .collect()
}
