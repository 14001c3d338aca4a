//! A tenant with one table, for tests.

use std::path::Path;

use mirrorbus_mirror::{
    Applied, Batch, Column, Destination, DestinationError, Kind, Marks, Memory, Move, Position, Row,
    TableChange, Value,
};
use mirrorbus_schemas::topic::{Table, Tenant};
use rusqlite::Connection;

use crate::Sqlite;

pub(crate) const TOPIC: &str = "crm.Cust1.contact";

pub(crate) fn tenant() -> Tenant {
    Tenant::new("Cust1").unwrap()
}

pub(crate) fn table() -> Table {
    Table::new("contact").unwrap()
}

pub(crate) fn position(next_offset: i64) -> Position {
    Position { topic_id: "t1".into(), next_offset }
}

/// From nowhere where `from` is 0.
pub(crate) fn moved(from: i64, to: i64) -> Move {
    let from = (from != 0).then(|| position(from));
    Move { topic: TOPIC.into(), partition: 0, from, to: position(to) }
}

pub(crate) fn columns() -> Vec<Column> {
    let column = |name: &str, kind, sql_type: &str, is_key| Column::new(name, kind, sql_type, is_key);
    vec![column("id", Kind::Int, "int", true), column("name", Kind::Text, "nvarchar(9)", false)]
}

pub(crate) fn reshape<'b>(before: Option<Vec<Column>>, after: Option<Vec<Column>>) -> TableChange<'b> {
    let marks = Marks::default();
    TableChange { table: table(), before, after, keeps_rows: true, rows: Vec::new(), marks }
}

pub(crate) fn change(is_there: bool, rows: Vec<Row<'_>>) -> TableChange<'_> {
    TableChange { rows, ..reshape(is_there.then(columns), Some(columns())) }
}

pub(crate) fn upsert(id: i64, name: &str) -> Row<'_> {
    Row::Upsert(vec![Value::Whole(id), Value::Text(name)])
}

pub(crate) fn delete<'b>(id: i64) -> Row<'b> {
    Row::Delete(vec![Value::Whole(id)])
}

/// A batch that ends.
pub(crate) fn batch<'b>(change: TableChange<'b>, from: i64, to: i64) -> Batch<'b> {
    Batch { ends: true, tables: vec![change], moves: vec![moved(from, to)], ..Batch::default() }
}

/// Loads and applies one batch that begins at `from`; the table is there where it is not 0.
pub(crate) fn apply(
    sqlite: &mut dyn Destination,
    from: i64,
    to: i64,
    rows: Vec<Row<'_>>,
) -> Result<Applied, DestinationError> {
    sqlite.apply(&tenant(), &batch(change(from != 0, rows), from, to))
}

/// A folder's mirror with rows 1 to `rows`, at the position of that number.
pub(crate) fn mirror(folder: &Path, rows: i64) -> Sqlite {
    let mut sqlite = Sqlite::open(folder).unwrap();
    fill(&mut sqlite, rows);
    sqlite
}

pub(crate) fn fill(sqlite: &mut dyn Destination, rows: i64) {
    assert_eq!(sqlite.load(&tenant()).unwrap(), Memory::default());
    apply(sqlite, 0, rows, (1..=rows).map(|id| upsert(id, "x")).collect()).unwrap();
}

pub(crate) fn reader(folder: &Path) -> Connection {
    Connection::open(folder.join("Cust1.sqlite")).unwrap()
}

/// One value by SQL.
pub(crate) fn ask<T: rusqlite::types::FromSql>(connection: &Connection, sql: &str) -> T {
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// All rows of the table, as `1=x 2=y`.
pub(crate) fn rows(connection: &Connection) -> String {
    let sql = "SELECT coalesce(group_concat(id || '=' || coalesce(name, 'NULL'), ' ' ORDER BY id), '') FROM contact";
    ask(connection, sql)
}
