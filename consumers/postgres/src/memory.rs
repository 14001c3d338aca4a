//! What the mirror keeps of a tenant beside the rows, read and written.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use mirrorbus_mirror::{
    Applied, Column, Cycle, DestinationError, Memory, Move, Position, TableChange, TableMemory,
};
use mirrorbus_schemas::topic::Table;

use crate::client::Session;
use crate::error::PostgresError;
use crate::name::{self, quote};
use crate::types::Stored;

/// A table that stands in the schema: its columns and the types that they have there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Catalog(HashMap<String, Option<Stored>>);

impl Catalog {
    /// The type of a column; `None` where there is no such column, or its type is not one that takes its kind.
    pub(crate) fn stored(&self, column: &Column) -> Option<Stored> {
        self.0.get(&name::column(&column.name)).copied().flatten().filter(|stored| stored.takes(column.kind))
    }

    /// The types of all columns; `None` when the mirror could not write to one.
    pub(crate) fn all(&self, columns: &[Column]) -> Option<Vec<Stored>> {
        columns.iter().map(|column| self.stored(column)).collect()
    }
}

/// Tables of a schema, by the names under which they stand there.
pub(crate) async fn catalogs(
    session: &mut Session,
    schema: &str,
    table: Option<&str>,
) -> Result<HashMap<String, Catalog>, PostgresError> {
    let rows = session
        .query(
            "read the columns of the mirror's tables",
            "SELECT c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod)
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
             WHERE n.nspname = $1 AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
                 AND ($2::text IS NULL OR c.relname = $2)",
            &[&schema, &table],
        )
        .await?;
    let mut catalogs: HashMap<String, Catalog> = HashMap::new();
    for row in rows {
        let stored = Stored::parse(row.get(2));
        catalogs.entry(row.get(0)).or_default().0.insert(row.get(1), stored);
    }
    Ok(catalogs)
}

/// What a copy remembers, and how many rows each of its tables should have.
pub(crate) async fn read(
    session: &mut Session,
    schema: &str,
) -> Result<(Memory, BTreeMap<Table, i64>), PostgresError> {
    let action = "read the mirror's memory";
    let at = quote(schema);
    let mut memory = Memory::default();
    let sql = format!("SELECT topic, partition, topic_id, next_offset FROM {at}._mirror_offsets");
    for row in session.query(action, &sql, &[]).await? {
        let position = Position { topic_id: row.get(2), next_offset: row.get(3) };
        memory.positions.insert((row.get(0), row.get(1)), position);
    }
    let mut counts = BTreeMap::new();
    let sql = format!("SELECT name, columns::text, marks::text, rows FROM {at}._mirror_tables");
    for row in session.query(action, &sql, &[]).await? {
        let (name, columns, marks): (String, Option<String>, String) = (row.get(0), row.get(1), row.get(2));
        let unreadable = |source| PostgresError::Memory { table: name.clone(), source };
        let columns =
            columns.map(|columns| serde_json::from_str(&columns)).transpose().map_err(unreadable)?;
        let marks = serde_json::from_str(&marks).map_err(unreadable)?;
        let table = Table::new(name)?;
        counts.insert(table.clone(), row.get(3));
        memory.tables.insert(table, TableMemory { columns, marks });
    }
    let sql = format!("SELECT caught_up_ms, cycle, cycle_completed_ms FROM {at}._mirror_state");
    for row in session.query(action, &sql, &[]).await? {
        memory.caught_up_ms = row.get(0);
        let (id, completed_ms): (Option<String>, Option<i64>) = (row.get(1), row.get(2));
        memory.cycle = id.zip(completed_ms).map(|(id, completed_ms)| Cycle { id, completed_ms });
    }
    Ok((memory, counts))
}

/// Moves positions, if all are where the batch begins. Otherwise names one that is not.
pub(crate) async fn advance(
    session: &mut Session,
    schema: &str,
    moves: &[Move],
) -> Result<(), DestinationError> {
    let (known, new): (Vec<&Move>, Vec<&Move>) = moves.iter().partition(|moved| moved.from.is_some());
    let at = quote(schema);
    let update = format!(
        "UPDATE {at}._mirror_offsets o SET topic_id = m.to_id, next_offset = m.to_offset, applied_at = now()
         FROM unnest($1::text[], $2::int4[], $3::text[], $4::int8[], $5::text[], $6::int8[])
             AS m (topic, partition, to_id, to_offset, from_id, from_offset)
         WHERE o.topic = m.topic AND o.partition = m.partition AND o.topic_id = m.from_id
             AND o.next_offset = m.from_offset
         RETURNING o.topic, o.partition"
    );
    let insert = format!(
        "INSERT INTO {at}._mirror_offsets AS o (topic, partition, topic_id, next_offset, applied_at)
         SELECT topic, partition, to_id, to_offset, now()
         FROM unnest($1::text[], $2::int4[], $3::text[], $4::int8[]) AS m (topic, partition, to_id, to_offset)
         ON CONFLICT DO NOTHING RETURNING o.topic, o.partition"
    );
    for (moves, sql, has_from) in [(known, update, true), (new, insert, false)] {
        if moves.is_empty() {
            continue;
        }
        let topics: Vec<&str> = moves.iter().map(|moved| moved.topic.as_str()).collect();
        let partitions: Vec<i32> = moves.iter().map(|moved| moved.partition).collect();
        let (to_ids, to_offsets) = parts(moves.iter().map(|moved| Some(&moved.to)));
        let (from_ids, from_offsets) = parts(moves.iter().map(|moved| moved.from.as_ref()));
        let action = "move positions";
        let moved = if has_from {
            let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 6] =
                [&topics, &partitions, &to_ids, &to_offsets, &from_ids, &from_offsets];
            session.query(action, &sql, &parameters).await?
        } else {
            session.query(action, &sql, &[&topics, &partitions, &to_ids, &to_offsets]).await?
        };
        let moved: BTreeSet<(String, i32)> = moved.iter().map(|row| (row.get(0), row.get(1))).collect();
        let missed = |wanted: &&&Move| !moved.contains(&(wanted.topic.clone(), wanted.partition));
        if let Some(missed) = moves.iter().find(missed) {
            let what = format!("{}, partition {}, was moved", missed.topic, missed.partition);
            return Err(DestinationError::Fenced { what });
        }
    }
    Ok(())
}

fn parts<'p>(positions: impl Iterator<Item = Option<&'p Position>>) -> (Vec<&'p str>, Vec<i64>) {
    positions.flatten().map(|position| (position.topic_id.as_str(), position.next_offset)).unzip()
}

/// Keeps columns, marks and counts of tables.
pub(crate) async fn remember(
    session: &mut Session,
    schema: &str,
    changes: &[(&TableChange<'_>, Applied)],
) -> Result<(), PostgresError> {
    if changes.is_empty() {
        return Ok(());
    }
    let (mut names, mut columns, mut marks, mut epochs) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut counts: [Vec<i64>; 3] = Default::default();
    for (change, applied) in changes {
        let name = change.table.as_str();
        let unwritable = |source| PostgresError::Memory { table: name.to_owned(), source };
        names.push(name);
        columns.push(change.after.as_ref().map(serde_json::to_string).transpose().map_err(unwritable)?);
        marks.push(serde_json::to_string(&change.marks).map_err(unwritable)?);
        epochs.push(change.marks.epoch);
        for (counts, count) in counts.iter_mut().zip([applied.inserts, applied.updates, applied.deletes]) {
            counts.push(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }
    let [inserts, updates, deletes] = &counts;
    let sql = format!(
        "INSERT INTO {}._mirror_tables AS t
         SELECT name, columns::json, marks::json, epoch, inserts - deletes, inserts, updates, deletes, now()
         FROM unnest($1::text[], $2::text[], $3::text[], $4::int8[], $5::int8[], $6::int8[], $7::int8[])
             AS m (name, columns, marks, epoch, inserts, updates, deletes)
         ON CONFLICT (name) DO UPDATE SET columns = EXCLUDED.columns, marks = EXCLUDED.marks,
             epoch = EXCLUDED.epoch, rows = t.rows + EXCLUDED.rows, inserts = t.inserts + EXCLUDED.inserts,
             updates = t.updates + EXCLUDED.updates, deletes = t.deletes + EXCLUDED.deletes,
             changed_at = EXCLUDED.changed_at",
        quote(schema)
    );
    session
        .query("remember tables", &sql, &[&names, &columns, &marks, &epochs, inserts, updates, deletes])
        .await
        .map(|_| ())
}

/// Counts a table's rows anew, after it was mended.
pub(crate) async fn count(session: &mut Session, schema: &str, table: &str) -> Result<(), PostgresError> {
    let sql = format!(
        "UPDATE {}._mirror_tables SET rows = (SELECT count(*) FROM {}), changed_at = now() WHERE name = $1",
        quote(schema),
        name::qualified(schema, table)
    );
    session.query("count the rows", &sql, &[&table]).await.map(|_| ())
}

/// Keeps the moment of being caught up and the last cycle, where there is something to keep.
pub(crate) async fn note(
    session: &mut Session,
    schema: &str,
    caught_up_ms: Option<i64>,
    cycle: Option<&Cycle>,
) -> Result<(), PostgresError> {
    if caught_up_ms.is_none() && cycle.is_none() {
        return Ok(());
    }
    let sql = format!(
        "UPDATE {}._mirror_state SET caught_up_ms = coalesce($1, caught_up_ms), cycle = coalesce($2, cycle),
         cycle_completed_ms = coalesce($3, cycle_completed_ms)",
        quote(schema)
    );
    let (id, completed_ms) = (cycle.map(|cycle| &cycle.id), cycle.map(|cycle| cycle.completed_ms));
    session.query("remember the cycle", &sql, &[&caught_up_ms, &id, &completed_ms]).await.map(|_| ())
}
