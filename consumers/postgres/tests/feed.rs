//! Batches as the library makes them, without Kafka.

use mirror_postgres::{Place, Postgres};
use mirrorbus_mirror::{
    Applied, Batch, Column, Copies, Copy, Destination, DestinationError, Kind, Marks, Memory, Move, Position,
    Row, TableChange, Value,
};
use mirrorbus_schemas::topic::{Table, Tenant};

/// One tenant's mirror.
pub(crate) struct Feed {
    pub(crate) destination: Box<dyn Destination + Send>,
    pub(crate) tenant: Tenant,
    pub(crate) memory: Memory,
}

/// What happens to a table.
#[derive(Clone)]
pub(crate) struct Change<'c> {
    pub(crate) table: &'static str,
    pub(crate) columns: Option<Vec<Column>>,
    pub(crate) keeps_rows: bool,
    pub(crate) rows: Vec<Row<'c>>,
}

pub(crate) fn tenant() -> Tenant {
    Tenant::new("Cust1").unwrap()
}

pub(crate) fn table(name: &str) -> Table {
    Table::new(name).unwrap()
}

/// A key and a text.
pub(crate) fn contact() -> Vec<Column> {
    vec![Column::new("id", Kind::Int, "int", true), Column::new("name", Kind::Text, "nvarchar(255)", false)]
}

pub(crate) fn upsert(id: i64, name: &str) -> Row<'_> {
    Row::Upsert(vec![Value::Whole(id), Value::Text(name)])
}

pub(crate) fn delete(id: i64) -> Row<'static> {
    Row::Delete(vec![Value::Whole(id)])
}

pub(crate) fn change<'c>(rows: impl IntoIterator<Item = Row<'c>>) -> Change<'c> {
    Change { table: "contact", columns: Some(contact()), keeps_rows: true, rows: rows.into_iter().collect() }
}

impl Feed {
    pub(crate) fn load(place: Place) -> Self {
        Self::of(Box::new(Postgres::new(place).unwrap()))
    }

    pub(crate) fn of(mut destination: Box<dyn Destination + Send>) -> Self {
        let memory = destination.load(&tenant()).unwrap();
        Self { destination, tenant: tenant(), memory }
    }

    pub(crate) fn reload(&mut self) {
        self.memory = self.destination.load(&self.tenant).unwrap();
    }

    pub(crate) fn next_offset(&self, table: &str) -> i64 {
        let position = self.memory.positions.get(&(topic(table), 0));
        position.map_or(0, |position| position.next_offset)
    }

    pub(crate) fn apply(&mut self, changes: &[Change<'_>]) -> Applied {
        self.try_apply(changes, true).unwrap()
    }

    /// One batch, which moves each table's position by the number of its rows.
    pub(crate) fn try_apply(
        &mut self,
        changes: &[Change<'_>],
        ends: bool,
    ) -> Result<Applied, DestinationError> {
        let mut batch = Batch { ends, ..Batch::default() };
        for change in changes {
            let before = self.memory.tables.get(&table(change.table)).cloned().unwrap_or_default();
            let from = self.memory.positions.get(&(topic(change.table), 0)).cloned();
            let next = from.as_ref().map_or(0, |from| from.next_offset) + change.rows.len() as i64;
            let to = Position { topic_id: "id".into(), next_offset: next };
            batch.moves.push(Move { topic: topic(change.table), partition: 0, from, to });
            batch.tables.push(TableChange {
                table: table(change.table),
                before: before.columns,
                after: change.columns.clone(),
                keeps_rows: change.keeps_rows,
                rows: change.rows.clone(),
                marks: Marks::default(),
            });
        }
        let applied = self.destination.apply(&self.tenant, &batch)?;
        for moved in batch.moves {
            self.memory.positions.insert((moved.topic, moved.partition), moved.to);
        }
        for change in batch.tables {
            self.memory.tables.entry(change.table).or_default().columns = change.after;
        }
        Ok(applied)
    }
}

pub(crate) fn topic(table: &str) -> String {
    format!("crm.Cust1.{table}")
}

/// All rows of a table as a snapshot reads them, in the order of their texts.
pub(crate) fn read(place: Place, name: &str) -> Vec<String> {
    let mut postgres = Postgres::new(place).unwrap();
    let mut rows = Vec::new();
    postgres
        .snapshot(&tenant(), Copy::Live)
        .unwrap()
        .rows(&table(name), &mut |row| rows.push(format!("{row:?}")))
        .unwrap();
    rows.sort();
    rows
}

/// What was written, in the form of [`read`].
pub(crate) fn shown(rows: &[Vec<Value<'_>>]) -> Vec<String> {
    let mut rows: Vec<String> = rows
        .iter()
        .map(|row| format!("{:?}", row.iter().map(|value| Some(*value)).collect::<Vec<_>>()))
        .collect();
    rows.sort();
    rows
}
