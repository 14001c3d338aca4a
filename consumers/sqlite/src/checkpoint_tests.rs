use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mirrorbus_mirror::Destination;
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;

use crate::Sqlite;
use crate::fixture::{apply, ask, reader, tenant, upsert};

/// Of one batch: 1500 pages, and so more than a checkpoint waits for.
const ROWS: i64 = 1500;
const PAGE: u64 = 4096;
/// A frame of the log is a page and what is said of it.
const FRAME: u64 = PAGE + 24;
const PATIENCE: Duration = Duration::from_secs(60);

fn log(folder: &Path) -> PathBuf {
    folder.join("Cust1.sqlite-wal")
}

fn size(path: &Path) -> u64 {
    path.metadata().map_or(0, |metadata| metadata.len())
}

/// Batch number `number`, of rows that take a page each.
fn write(sqlite: &mut Sqlite, number: i64) {
    let text = "x".repeat(3000);
    let first = number * ROWS;
    let rows = (first + 1..=first + ROWS).map(|id| upsert(id, &text)).collect();
    apply(sqlite, first, first + ROWS, rows).unwrap();
}

fn opened(folder: &TempDir) -> Sqlite {
    let mut sqlite = Sqlite::open(folder.path()).unwrap();
    sqlite.load(&tenant()).unwrap();
    sqlite
}

/// Whether the rows are in the file, whatever is in the log.
fn is_in_file(folder: &Path, rows: i64) -> bool {
    let apart = TempDir::new().unwrap();
    let copy = apart.path().join("copy.sqlite");
    std::fs::copy(folder.join("Cust1.sqlite"), &copy).unwrap();
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
    let counted = Connection::open_with_flags(copy, flags)
        .and_then(|file| file.query_row("SELECT count(*) FROM contact", [], |row| row.get::<_, i64>(0)));
    counted.is_ok_and(|counted| counted == rows)
}

fn await_in_file(folder: &Path, rows: i64) {
    let begun = Instant::now();
    while !is_in_file(folder, rows) {
        assert!(begun.elapsed() < PATIENCE, "what was committed stays in the log");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn what_was_committed_gets_into_the_file_without_another_commit() {
    let folder = TempDir::new().unwrap();
    let mut sqlite = opened(&folder);
    write(&mut sqlite, 0);
    await_in_file(folder.path(), ROWS);
}

#[test]
fn the_log_stays_short_while_one_batch_follows_another() {
    let folder = TempDir::new().unwrap();
    let mut sqlite = opened(&folder);
    for number in 0..40 {
        write(&mut sqlite, number);
        let longest = (16_384 + 2 * ROWS.unsigned_abs()) * FRAME;
        assert!(size(&log(folder.path())) < longest, "{number}: {} bytes", size(&log(folder.path())));
    }
    assert_eq!(ask::<i64>(&reader(folder.path()), "SELECT count(*) FROM contact"), 40 * ROWS);
}

#[test]
fn a_reader_that_stays_hinders_no_commit_and_its_log_is_caught_up_with_after_it() {
    let folder = TempDir::new().unwrap();
    let mut sqlite = opened(&folder);
    write(&mut sqlite, 0);
    let staying = reader(folder.path());
    staying.execute_batch("BEGIN").unwrap();
    let count = "SELECT count(*) FROM contact";
    assert_eq!(ask::<i64>(&staying, count), ROWS);
    for number in 1..8 {
        write(&mut sqlite, number);
    }
    assert_eq!(ask::<i64>(&staying, count), ROWS, "its snapshot stays");
    assert!(size(&log(folder.path())) > 7 * ROWS.unsigned_abs() * PAGE, "the log holds what it does not see");
    staying.execute_batch("COMMIT").unwrap();
    write(&mut sqlite, 8);
    await_in_file(folder.path(), 9 * ROWS);
}

/// Descriptors of this process that lead into the folder.
fn open_descriptors(folder: &Path) -> usize {
    let links = std::fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|entry| entry.unwrap().path().read_link().ok());
    links.filter(|link| link.starts_with(folder)).count()
}

#[test]
fn nothing_is_left_open_once_the_mirror_is_closed() {
    let folder = TempDir::new().unwrap();
    for number in 0..10 {
        let mut sqlite = opened(&folder);
        write(&mut sqlite, number);
        drop(sqlite);
        assert_eq!(open_descriptors(folder.path()), 0, "{number}");
        // Whoever closes a file last takes its log away.
        assert!(!log(folder.path()).exists(), "{number}");
    }
    assert!(is_in_file(folder.path(), 10 * ROWS));
}
