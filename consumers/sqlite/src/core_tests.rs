use mirrorbus_mirror::{Kind, Marks, Value};
use tempfile::TempDir;

use super::*;

fn tenant() -> Tenant {
    Tenant::new("Cust1").unwrap()
}

fn position(next_offset: i64) -> Position {
    Position { topic_id: "t1".into(), next_offset }
}

fn moved(from: Option<i64>, to: i64) -> Move {
    Move { topic: "crm.Cust1.contact".into(), partition: 0, from: from.map(position), to: position(to) }
}

fn columns() -> Vec<Column> {
    let column = |name: &str, kind, sql_type: &str, is_key| Column {
        name: name.into(),
        kind,
        sql_type: sql_type.into(),
        is_key,
    };
    vec![column("id", Kind::Int, "int", true), column("name", Kind::Text, "nvarchar(9)", false)]
}

fn change<'b>(before: bool, rows: Vec<Row<'b>>) -> TableChange<'b> {
    TableChange {
        table: Table::new("contact").unwrap(),
        before: before.then(columns),
        after: Some(columns()),
        keeps_rows: true,
        rows,
        marks: Marks::default(),
    }
}

fn upsert(id: i64, name: &str) -> Row<'_> {
    Row::Upsert(vec![Value::Whole(id), Value::Text(name)])
}

#[test]
fn a_batch_is_applied_and_remembered_as_one() {
    let folder = TempDir::new().unwrap();
    let mut sqlite = Sqlite::open(folder.path()).unwrap();
    assert_eq!(sqlite.load(&tenant()).unwrap(), Memory::default());
    let rows = vec![upsert(1, "one"), upsert(2, "two")];
    let batch = Batch { tables: vec![change(false, rows)], moves: vec![moved(None, 3)] };
    assert_eq!(sqlite.apply(&tenant(), &batch).unwrap(), Applied { inserts: 2, ..Applied::default() });
    let rows = vec![upsert(1, "uno"), Row::Delete(vec![Value::Whole(2)]), Row::Delete(vec![Value::Whole(9)])];
    let batch = Batch { tables: vec![change(true, rows)], moves: vec![moved(Some(3), 7)] };
    assert_eq!(sqlite.apply(&tenant(), &batch).unwrap(), Applied { inserts: 0, updates: 1, deletes: 1 });
    drop(sqlite);
    let memory = Sqlite::open(folder.path()).unwrap().load(&tenant()).unwrap();
    assert_eq!(memory.positions.values().cloned().collect::<Vec<_>>(), [position(7)]);
    assert_eq!(memory.tables.values().next().unwrap().columns, Some(columns()));
}

#[test]
fn a_batch_that_begins_elsewhere_is_fenced_and_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let mut sqlite = Sqlite::open(folder.path()).unwrap();
    let batch =
        |from, to| Batch { tables: vec![change(false, vec![upsert(1, "x")])], moves: vec![moved(from, to)] };
    for stale in [batch(Some(1), 2), batch(Some(0), 2)] {
        let error = sqlite.apply(&tenant(), &stale).unwrap_err();
        assert!(matches!(error, DestinationError::Fenced { .. }), "{error}");
    }
    assert_eq!(sqlite.load(&tenant()).unwrap(), Memory::default());
    sqlite.apply(&tenant(), &batch(None, 1)).unwrap();
    let before = sqlite.load(&tenant()).unwrap();
    assert!(matches!(sqlite.apply(&tenant(), &batch(None, 1)), Err(DestinationError::Fenced { .. })));
    assert_eq!(sqlite.load(&tenant()).unwrap(), before);
}

#[test]
fn a_batch_that_fails_half_way_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let mut sqlite = Sqlite::open(folder.path()).unwrap();
    let broken = TableChange { table: Table::new("sqlite_x").unwrap(), ..change(false, Vec::new()) };
    let batch =
        Batch { tables: vec![change(false, vec![upsert(1, "x")]), broken], moves: vec![moved(None, 1)] };
    assert!(matches!(sqlite.apply(&tenant(), &batch), Err(DestinationError::Fault(_))));
    assert_eq!(sqlite.load(&tenant()).unwrap(), Memory::default());
}

#[test]
fn a_file_of_a_later_layout_is_left_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("Cust1.sqlite");
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let error = Sqlite::open(folder.path()).unwrap().load(&tenant()).unwrap_err().to_string();
    assert!(error.ends_with("has format 99, this version knows 1"), "{error}");
}
