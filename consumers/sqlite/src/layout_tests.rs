use mirrorbus_mirror::{Column, Cycle, Destination, Kind, Position};
use tempfile::TempDir;

use super::*;
use crate::fixture::{apply, ask, batch, change, columns, moved, reader, table, tenant, upsert};
use crate::{Sqlite, applied, checksum};

/// As the first version of the mirror left it.
const FIRST: &str = r#"
    PRAGMA journal_mode = WAL;
    CREATE TABLE _mirrorbus_offsets (topic TEXT NOT NULL, partition INTEGER NOT NULL, topic_id TEXT NOT NULL,
        next_offset INTEGER NOT NULL, PRIMARY KEY (topic, partition)) WITHOUT ROWID;
    CREATE TABLE _mirrorbus_tables (name TEXT NOT NULL PRIMARY KEY, columns TEXT, marks TEXT NOT NULL,
        inserts INTEGER NOT NULL DEFAULT 0, updates INTEGER NOT NULL DEFAULT 0, deletes INTEGER NOT NULL DEFAULT 0);
    PRAGMA user_version = 1;
    INSERT INTO _mirrorbus_offsets VALUES ('crm.Cust1.contact', 0, 't1', 3);
    INSERT INTO _mirrorbus_tables VALUES ('contact',
        '[{"name":"id","kind":"int","sql_type":"int","is_key":true},
          {"name":"name","kind":"text","sql_type":"nvarchar(9)","is_key":false}]',
        '{"epoch":2,"schema_id":5,"seen":[5],"newest":{"0":[2,5]},"event":null}', 3, 1, 1);
    CREATE TABLE "contact" ("id" "int" NOT NULL, "name" "nvarchar(9)", PRIMARY KEY ("id"));
    INSERT INTO contact VALUES (1, 'one'), (2, 'two');"#;

#[test]
fn a_file_of_the_first_version_is_read_as_it_is_and_brought_up_to_date_when_it_is_written() {
    let folder = TempDir::new().unwrap();
    reader(folder.path()).execute_batch(FIRST).unwrap();
    let path = folder.path().join("Cust1.sqlite");
    let before = checksum(&path, "contact").unwrap();
    assert_eq!((before.rows, applied(&path).unwrap()[0].inserts), (2, 3));
    assert_eq!(ask::<i64>(&reader(folder.path()), "PRAGMA user_version"), 1);

    let mut sqlite = Sqlite::open(folder.path()).unwrap();
    let memory = sqlite.load(&tenant()).unwrap();
    assert_eq!(memory.positions.values().next(), Some(&Position { topic_id: "t1".into(), next_offset: 3 }));
    assert!(memory.damaged.is_empty() && memory.cycle.is_none());
    assert_eq!(memory.tables[&table()].marks.epoch, 2);
    assert_eq!(checksum(&path, "contact").unwrap(), before);
    // What it remembers of a key does not say that it cannot be NULL; that alone is no other column.
    let mut longer = columns();
    longer.push(Column::new("age", Kind::Int, "int", false));
    let change = mirrorbus_mirror::TableChange {
        before: memory.tables[&table()].columns.clone(),
        after: Some(longer),
        ..change(true, Vec::new())
    };
    sqlite.apply(&tenant(), &batch(change, 3, 4)).unwrap();
    assert_eq!(ask::<i64>(&reader(folder.path()), "SELECT count(*) FROM contact WHERE age IS NULL"), 2);
    assert_eq!(ask::<i64>(&reader(folder.path()), "PRAGMA user_version"), FORMAT);
}

#[test]
fn a_file_of_a_later_layout_is_left_alone() {
    let folder = TempDir::new().unwrap();
    reader(folder.path()).pragma_update(None, "user_version", 99).unwrap();
    let error = Sqlite::open(folder.path()).unwrap().load(&tenant()).unwrap_err().to_string();
    assert!(error.ends_with("has format 99, this version knows 2"), "{error}");
}

#[test]
fn everything_can_be_read_in_one_place() {
    let folder = TempDir::new().unwrap();
    let mut sqlite = Sqlite::open(folder.path()).unwrap();
    sqlite.load(&tenant()).unwrap();
    apply(&mut sqlite, 0, 4, vec![upsert(1, "one"), upsert(2, "two")]).unwrap();
    let cycles = mirrorbus_mirror::Move { topic: "crm-sys.Cust1.cycles".into(), ..moved(0, 9) };
    let cycle = Cycle { id: "c7".into(), completed_ms: 1_795_780_800_000 };
    let batch = mirrorbus_mirror::Batch {
        ends: true,
        moves: vec![cycles],
        caught_up_ms: Some(1_795_780_801_999),
        cycle: Some(cycle),
        ..mirrorbus_mirror::Batch::default()
    };
    sqlite.apply(&tenant(), &batch).unwrap();
    let row = "SELECT concat_ws(' ', table_name, topic, partition, next_offset, is_present, rows, inserts, updates, deletes,
        epoch, last_cycle, last_cycle_completed, caught_up, owner_epoch) FROM _mirror";
    let connection = reader(folder.path());
    assert_eq!(
        ask::<String>(&connection, &format!("{row} WHERE table_name = 'contact'")),
        "contact crm.Cust1.contact 0 4 1 2 2 0 0 0 c7 2026-11-27 12:00:00 2026-11-27 12:00:01 1"
    );
    assert_eq!(
        ask::<String>(&connection, &format!("{row} WHERE table_name IS NULL")),
        "crm-sys.Cust1.cycles 0 9 0 c7 2026-11-27 12:00:00 2026-11-27 12:00:01 1"
    );
    assert_eq!(
        ask::<String>(&connection, "SELECT owner FROM _mirror LIMIT 1"),
        format!("process {}", std::process::id())
    );
}
