//! Power cuts: whatever moment the files are from, and wherever the log is torn, they open as a prefix of what was
//! applied.

use std::fs::{self, OpenOptions};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use mirror_sqlite::Sqlite;
use mirrorbus_mirror::{Batch, Column, Destination, Kind, Marks, Move, Position, Row, TableChange, Value};
use mirrorbus_schemas::topic::{Table, Tenant};
use rusqlite::Connection;
use tempfile::TempDir;

use super::mirror::Done;

/// Every batch replaces all of these, and adds one.
const ROWS: i64 = 200;
const COPIES: usize = 40;

fn position(next_offset: i64) -> Position {
    Position { topic_id: "t1".into(), next_offset }
}

/// Batch `number` brings every row to that number.
fn apply(sqlite: &mut Sqlite, number: i64) {
    let text = format!("{number} {}", "x".repeat(300));
    let columns =
        vec![Column::new("id", Kind::Int, "int", true), Column::new("value", Kind::Text, "ntext", false)];
    let change = TableChange {
        table: Table::new("contact").unwrap(),
        before: (number > 1).then(|| columns.clone()),
        after: Some(columns),
        keeps_rows: true,
        rows: (0..ROWS + number).map(|id| Row::Upsert(vec![Value::Whole(id), Value::Text(&text)])).collect(),
        marks: Marks::default(),
    };
    let from = (number > 1).then(|| position(number - 1));
    let moved = Move { topic: "crm.Cust1.contact".into(), partition: 0, from, to: position(number) };
    let batch = Batch { ends: true, tables: vec![change], moves: vec![moved], ..Batch::default() };
    sqlite.apply(&Tenant::new("Cust1").unwrap(), &batch).unwrap();
}

/// The batch up to which a file is; every row must be of that one.
fn batches(path: &Path) -> i64 {
    let connection = Connection::open(path).unwrap();
    let ask = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    if ask("PRAGMA user_version") == 0 {
        return 0;
    }
    let reached = ask("SELECT coalesce(max(next_offset), 0) FROM _mirrorbus_offsets");
    assert_eq!(ask("SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"), 1);
    if reached > 0 {
        let of_it = format!("SELECT count(*) FROM contact WHERE value LIKE '{reached} %'");
        assert_eq!(ask(&of_it), ROWS + reached);
        assert_eq!(ask("SELECT count(*) FROM contact"), ROWS + reached);
        assert_eq!(ask("SELECT inserts - deletes FROM _mirrorbus_tables"), ROWS + reached);
    }
    reached
}

/// Copies file and log as they are at one moment: while somebody reads, SQLite moves nothing that was written later
/// from the log to the file, and does not begin the log anew.
fn copy(from: &Path, to: &Path) -> u64 {
    let log = |path: &Path| path.with_extension("sqlite-wal");
    let reader = Connection::open(from).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM _mirrorbus_offsets").unwrap();
    fs::copy(from, to).unwrap();
    fs::copy(log(from), log(to)).unwrap()
}

#[test]
fn files_of_any_moment_open_as_a_prefix_of_what_was_applied() {
    let (folder, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let live = folder.path().join("Cust1.sqlite");
    let copied = other.path().join("Cust1.sqlite");
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut sqlite = Sqlite::open(folder.path()).unwrap();
            sqlite.load(&Tenant::new("Cust1").unwrap()).unwrap();
            for number in (1..).take_while(|_| !is_done.load(Ordering::Relaxed)) {
                apply(&mut sqlite, number);
            }
        });
        let done = Done(&is_done);
        super::source::until("something is applied", || {
            mirror_sqlite::progress(&live).is_ok_and(|progress| !progress.is_empty())
        });
        let (mut last, mut was_torn) = (0, false);
        for attempt in 0..COPIES {
            let bytes = copy(&live, &copied);
            if attempt % 2 == 1 {
                // What was not synced can be missing from any byte on.
                let log = copied.with_extension("sqlite-wal");
                let kept = bytes * u64::try_from(attempt).unwrap() / u64::try_from(COPIES).unwrap();
                OpenOptions::new().write(true).open(log).unwrap().set_len(kept).unwrap();
                was_torn |= batches(&copied) < last;
            } else {
                let reached = batches(&copied);
                assert!(reached >= last, "what was durable stays");
                last = reached;
            }
            for extension in ["sqlite", "sqlite-wal", "sqlite-shm"] {
                let _ = fs::remove_file(copied.with_extension(extension));
            }
        }
        drop(done);
        assert!(last > 1 && was_torn, "{last} {was_torn}");
    });
}
