use std::path::Path;
use std::time::Duration;

use mirrorbus_mirror::{
    Applied, Batch, Column, Copies, Copy, Cycle, Destination, DestinationError, Kind, Memory, Move, Row,
    Scope, Snapshot, TableChange, Value,
};
use mirrorbus_schemas::topic::{Table, Tenant};
use tempfile::TempDir;

use crate::Sqlite;
use crate::fixture::{
    apply, ask, batch, change, columns, delete, fill, mirror, moved, position, reader, reshape, rows, table,
    tenant, upsert,
};

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn shown(snapshot: &mut dyn Snapshot) -> Vec<String> {
    let mut rows = Vec::new();
    snapshot.rows(&table(), &mut |row| rows.push(format!("{row:?}"))).unwrap();
    rows
}

/// A copy beside with rows 101 to 103, at position 50.
fn regenerated(copies: &mut Sqlite) {
    let mut beside = copies.beside(&tenant()).unwrap();
    assert_eq!(beside.load(&tenant()).unwrap(), Memory::default());
    let rows = (101..=103).map(|id| upsert(id, "new")).collect();
    let cycle = Some(Cycle { id: "c9".into(), completed_ms: 9 });
    let batch = Batch { cycle, caught_up_ms: Some(8), ..batch(change(false, rows), 0, 50) };
    beside.apply(&tenant(), &batch).unwrap();
}

#[test]
fn only_live_copies_are_tenants() {
    let folder = TempDir::new().unwrap();
    let mut sqlite = mirror(folder.path(), 1);
    sqlite.load(&Tenant::new("Cust2").unwrap()).unwrap();
    regenerated(&mut sqlite);
    for name in ["Cust3.old-20261127T120000.sqlite", "Cust4.beside", "mirror.lock", "x.y.sqlite"] {
        std::fs::write(folder.path().join(name), "").unwrap();
    }
    let tenants = sqlite.tenants().unwrap();
    assert_eq!(tenants.iter().map(Tenant::as_str).collect::<Vec<_>>(), ["Cust1", "Cust2"]);
}

#[test]
fn a_copy_is_inspected_without_being_taken_over() {
    let folder = TempDir::new().unwrap();
    let mut sqlite = mirror(folder.path(), 1);
    let mut copies = Sqlite::open(folder.path()).unwrap();
    assert_eq!(copies.inspect(&tenant(), Copy::Beside).unwrap(), None);
    assert_eq!(copies.inspect(&Tenant::new("Cust2").unwrap(), Copy::Live).unwrap(), None);
    let memory = copies.inspect(&tenant(), Copy::Live).unwrap().unwrap();
    assert_eq!(memory.positions.values().next(), Some(&position(1)));
    apply(&mut sqlite, 1, 2, Vec::new()).unwrap();
    assert_eq!(names(folder.path()), ["Cust1.sqlite", "Cust1.sqlite-shm", "Cust1.sqlite-wal"]);
}

#[test]
fn a_snapshot_stays_at_its_moment_and_gives_the_values_that_were_written() {
    let folder = TempDir::new().unwrap();
    let mut sqlite = Sqlite::open(folder.path()).unwrap();
    sqlite.load(&tenant()).unwrap();
    let kinds = [
        ("id", Kind::Long, "bigint"),
        ("price", Kind::Decimal { scale: 2 }, "decimal(38,2)"),
        ("sold", Kind::Millis, "datetime"),
        ("weight", Kind::Double, "float"),
        ("note", Kind::Text, "nvarchar(max)"),
        ("photo", Kind::Bytes, "image"),
    ];
    let shape: Vec<Column> =
        kinds.iter().map(|(name, kind, sql)| Column::new(*name, *kind, *sql, *name == "id")).collect();
    let long = "0123456789".repeat(1 << 20);
    let row = |id| {
        let sold = Value::Whole(-6_626_966_400_000);
        vec![
            Value::Whole(id),
            Value::Decimal(-5),
            sold,
            Value::Double(-0.0),
            Value::Text("a\0b"),
            Value::Bytes(long.as_bytes()),
        ]
    };
    let rows = vec![Row::Upsert(row(i64::MIN)), Row::Upsert(row(i64::MAX))];
    let change = TableChange { rows, ..reshape(None, Some(shape.clone())) };
    sqlite.apply(&tenant(), &batch(change, 0, 2)).unwrap();
    reader(folder.path()).execute_batch("UPDATE contact SET price = '1.5' WHERE id > 0").unwrap();

    let mut copies = Sqlite::open(folder.path()).unwrap();
    let mut snapshot = copies.snapshot(&tenant(), Copy::Live).unwrap();
    let gone = TableChange { before: Some(shape), after: None, keeps_rows: false, ..reshape(None, None) };
    sqlite.apply(&tenant(), &batch(gone, 2, 3)).unwrap();
    assert_eq!(snapshot.memory().positions.values().next(), Some(&position(2)));
    let expected = [i64::MIN, i64::MAX].map(|id| {
        let mut row: Vec<Option<Value<'_>>> = row(id).into_iter().map(Some).collect();
        if id > 0 {
            row[1] = None;
        }
        format!("{row:?}")
    });
    assert_eq!(shown(snapshot.as_mut()), expected);
    drop(snapshot);
    let mut now = copies.snapshot(&tenant(), Copy::Live).unwrap();
    assert!(now.rows(&table(), &mut |_| {}).is_err());
    drop(now);
    assert!(copies.snapshot(&tenant(), Copy::Beside).is_err());
}

#[test]
fn an_index_that_misses_rows_is_found() {
    let folder = TempDir::new().unwrap();
    let mut copies = mirror(folder.path(), 3);
    let users = reader(folder.path());
    users
        .execute_batch(
            "CREATE INDEX by_name ON contact (name); PRAGMA writable_schema = ON;
             UPDATE sqlite_schema SET sql = 'CREATE INDEX by_name ON contact (id)' WHERE name = 'by_name'",
        )
        .unwrap();
    let error =
        copies.snapshot(&tenant(), Copy::Live).unwrap().rows(&table(), &mut |_| {}).unwrap_err().to_string();
    assert!(error.contains("table contact is broken"), "{error}");
    reader(folder.path()).execute_batch("REINDEX").unwrap();
    let mut seen = 0;
    copies.snapshot(&tenant(), Copy::Live).unwrap().rows(&table(), &mut |_| seen += 1).unwrap();
    assert_eq!(seen, 3);
}

#[test]
fn what_is_held_is_mended_and_nobody_writes_meanwhile() {
    let folder = TempDir::new().unwrap();
    let mut sqlite = mirror(folder.path(), 3);
    let users = reader(folder.path());
    users
        .execute_batch("DELETE FROM contact WHERE id = 1; INSERT INTO contact VALUES (9, 'x'), (8, 'x')")
        .unwrap();
    users.execute_batch("UPDATE contact SET name = 'changed' WHERE id = 2").unwrap();
    users.busy_timeout(Duration::ZERO).unwrap();
    let mut copies = Sqlite::open(folder.path()).unwrap();
    let mend = || vec![upsert(1, "x"), upsert(2, "x"), delete(8), delete(9)];
    let mut held = copies.hold(&tenant()).unwrap();
    assert_eq!(held.memory().positions.values().next(), Some(&position(3)));
    held.repair(&table(), &mend()).unwrap();
    drop(held);
    assert_eq!(rows(&users), "2=changed 3=x 8=x 9=x", "given up");
    let mut held = copies.hold(&tenant()).unwrap();
    let applied = held.repair(&table(), &mend()).unwrap();
    assert_eq!(applied, Applied { inserts: 1, updates: 1, deletes: 2 });
    assert!(held.repair(&Table::new("other").unwrap(), &mend()).is_err());
    assert!(users.execute_batch("DELETE FROM contact").is_err(), "nobody else writes");
    held.commit().unwrap();
    assert_eq!(rows(&users), "1=x 2=x 3=x");
    apply(&mut sqlite, 3, 4, vec![upsert(4, "x")]).unwrap();
    assert!(sqlite.load(&tenant()).unwrap().damaged.is_empty());
}

#[test]
fn an_exchange_is_seen_at_once_and_only_when_it_is_whole() {
    let folder = TempDir::new().unwrap();
    let mut sqlite = mirror(folder.path(), 2);
    let users = reader(folder.path());
    users.execute_batch("CREATE INDEX by_name ON contact (name); CREATE VIEW names AS SELECT name FROM contact; CREATE TABLE mine (x)").unwrap();
    let mut copies = Sqlite::open(folder.path()).unwrap();
    regenerated(&mut copies);
    assert_eq!(
        copies.inspect(&tenant(), Copy::Beside).unwrap().unwrap().positions.values().next(),
        Some(&position(50))
    );

    let mut held = copies.hold(&tenant()).unwrap();
    held.exchange(&Scope::Tenant).unwrap();
    assert_eq!(rows(&users), "1=x 2=x");
    drop(held);
    assert_eq!(rows(&users), "1=x 2=x");
    assert_eq!(names(folder.path()).iter().filter(|name| name.contains(".old-")).count(), 0);

    let before = users.unchecked_transaction().unwrap();
    assert_eq!(rows(&users), "1=x 2=x");
    let mut held = copies.hold(&tenant()).unwrap();
    let kept = held.exchange(&Scope::Tenant).unwrap();
    assert_eq!(held.memory().positions.values().next(), Some(&position(50)));
    held.commit().unwrap();
    assert_eq!(rows(&users), "1=x 2=x", "a reader's transaction stays where it was");
    before.commit().unwrap();
    assert_eq!(rows(&users), "101=new 102=new 103=new");
    assert_eq!(ask::<i64>(&users, "SELECT count(*) FROM names"), 3);
    let built = "SELECT count(*) FROM sqlite_schema WHERE name IN ('by_name', 'mine')";
    assert_eq!(ask::<i64>(&users, built), 2);
    assert_eq!(ask::<String>(&users, "PRAGMA integrity_check"), "ok");
    assert!(!names(folder.path()).iter().any(|name| name.contains("beside")));
    let old = rusqlite::Connection::open(folder.path().join(&kept)).unwrap();
    assert_eq!(rows(&old), "1=x 2=x");

    // Nobody has it now: the mirror that had it loads it again and goes on from there.
    assert!(matches!(apply(&mut sqlite, 2, 3, Vec::new()), Err(DestinationError::Replaced)));
    let memory = sqlite.load(&tenant()).unwrap();
    assert_eq!(memory.positions.values().next(), Some(&position(50)));
    assert_eq!((memory.caught_up_ms, memory.cycle.unwrap().id), (Some(8), "c9".into()));
    assert!(memory.damaged.is_empty());
    apply(&mut sqlite, 50, 51, vec![delete(101)]).unwrap();
    assert_eq!(rows(&users), "102=new 103=new");
}

#[test]
fn one_table_is_exchanged_with_its_own_positions_only() {
    let folder = TempDir::new().unwrap();
    let mut sqlite = mirror(folder.path(), 2);
    let person = TableChange { table: Table::new("person").unwrap(), ..change(false, vec![upsert(1, "p")]) };
    let other = |from, to| Move { topic: "crm.Cust1.person".into(), ..moved(from, to) };
    let system = |from, to| Move { topic: "crm-sys.Cust1.contact".into(), ..moved(from, to) };
    let more = Batch { moves: vec![other(0, 5), system(0, 6)], ..batch(person, 0, 0) };
    sqlite.apply(&tenant(), &more).unwrap();
    let mut copies = Sqlite::open(folder.path()).unwrap();
    regenerated(&mut copies);
    let mut held = copies.hold(&tenant()).unwrap();
    held.exchange(&Scope::Table(table())).unwrap();
    held.commit().unwrap();
    let memory = sqlite.load(&tenant()).unwrap();
    let positions: Vec<_> = memory
        .positions
        .iter()
        .map(|((topic, _), position)| (topic.as_str(), position.next_offset))
        .collect();
    assert_eq!(positions, [("crm-sys.Cust1.contact", 6), ("crm.Cust1.contact", 50), ("crm.Cust1.person", 5)]);
    assert_eq!((memory.cycle, memory.damaged.len()), (None, 0), "the tenant's own memory stays");
    let users = reader(folder.path());
    assert_eq!(rows(&users), "101=new 102=new 103=new");
    assert_eq!(ask::<i64>(&users, "SELECT count(*) FROM person"), 1);
}

#[test]
fn a_mirror_that_was_thrown_away_comes_back() {
    let folder = TempDir::new().unwrap();
    let mut copies = Sqlite::open(folder.path()).unwrap();
    let mut held = copies.hold(&tenant()).unwrap();
    let error = held.exchange(&Scope::Tenant).unwrap_err().to_string();
    assert!(error.contains("there is no copy"), "{error}");
    drop(held);
    regenerated(&mut copies);
    let mut held = copies.hold(&tenant()).unwrap();
    held.exchange(&Scope::Tenant).unwrap();
    held.commit().unwrap();
    assert_eq!(rows(&reader(folder.path())), "101=new 102=new 103=new");
}

#[test]
fn two_cannot_make_a_copy_of_one_tenant_at_once() {
    let folder = TempDir::new().unwrap();
    let (mut first, mut second) =
        (Sqlite::open(folder.path()).unwrap(), Sqlite::open(folder.path()).unwrap());
    regenerated(&mut first);
    for outcome in [second.beside(&tenant()).map(|_| ()), second.discard(&tenant())] {
        let error = outcome.unwrap_err().to_string();
        assert!(error.contains("another process regenerates this tenant"), "{error}");
    }
    assert!(first.inspect(&tenant(), Copy::Beside).unwrap().is_some());
    // Left there by a process that died, it is thrown away by the next.
    drop(first);
    let mut beside = second.beside(&tenant()).unwrap();
    fill(beside.as_mut(), 3);
    drop(beside);
    second.discard(&tenant()).unwrap();
    assert_eq!(names(folder.path()), Vec::<String>::new());
    second.discard(&tenant()).unwrap();
}

#[test]
fn what_was_kept_goes_when_it_is_old_enough() {
    let folder = TempDir::new().unwrap();
    let mut copies = mirror(folder.path(), 1);
    let mut kept = Vec::new();
    for _ in 0..2 {
        regenerated(&mut copies);
        let mut held = copies.hold(&tenant()).unwrap();
        kept.push(held.exchange(&Scope::Tenant).unwrap());
        held.commit().unwrap();
    }
    let ancient = "Cust1.old-20200101T000000.sqlite";
    let others = "Cust12.old-20200101T000000.sqlite";
    for name in [ancient, others] {
        std::fs::copy(folder.path().join(&kept[0]), folder.path().join(name)).unwrap();
    }
    assert_eq!(copies.drop_kept(&tenant(), Duration::from_secs(3600)).unwrap(), [ancient]);
    assert!(kept[0] < kept[1], "each under a name of its own");
    let names = names(folder.path());
    assert!(names.contains(&kept[0]) && names.contains(&kept[1]) && names.contains(&others.to_owned()));
    let memory = copies.inspect(&tenant(), Copy::Live).unwrap().unwrap();
    assert_eq!(memory.tables[&table()].columns, Some(columns()));
}
