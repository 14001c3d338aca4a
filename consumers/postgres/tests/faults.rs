//! Connections that are cut, servers that crash, disks that are full, dumps that are old.

use std::process::Command;

use mirrorbus_mirror::{DestinationError, Row, Value};
use services::SmallDisk;

use super::cutter::{AFTER, BEFORE, Cutter};
use super::database::Database;
use super::feed::{Change, Feed, change, table, upsert};
use super::server::Server;

fn assert_fault<T: std::fmt::Debug>(applied: Result<T, DestinationError>) -> String {
    match applied {
        Err(DestinationError::Fault(fault)) => fault.to_string(),
        other => panic!("{other:?}"),
    }
}

fn ids(database: &Database) -> Vec<String> {
    database.rows(r#"SELECT id FROM "Cust1".contact ORDER BY 1"#)
}

#[test]
fn the_next_load_tells_what_became_of_a_commit_whose_connection_was_cut() {
    let database = Database::new();
    let address = database.url();
    let (_, host) = address.split_once('@').unwrap();
    let (host, name) = host.split_once('/').unwrap();
    let cutter = Cutter::start(host.to_owned());
    let place =
        mirror_postgres::Place::new(format!("postgres://postgres@127.0.0.1:{}/{name}", cutter.port)).unwrap();
    let mut feed = Feed::load(place);
    feed.apply(&[change([upsert(1, "one")])]);
    cutter.cut(BEFORE);
    assert_fault(feed.try_apply(&[change([upsert(2, "two")])], true));
    feed.reload();
    assert_eq!((feed.next_offset("contact"), ids(&database)), (1, vec!["1".to_owned()]));
    cutter.cut(AFTER);
    assert_fault(feed.try_apply(&[change([upsert(2, "two")])], true));
    feed.reload();
    assert_eq!((feed.next_offset("contact"), ids(&database)), (2, vec!["1".to_owned(), "2".to_owned()]));
    assert!(feed.memory.damaged.is_empty());
    feed.apply(&[change([upsert(3, "three")])]);
}

#[test]
fn a_server_that_crashes_in_the_middle_of_a_load_ends_with_every_row_once() {
    let server = Server::start("fsync=off", None);
    server.up();
    let mut database = Database::at(server.url(), "");
    let mut feed = Feed::load(database.place());
    let total = 6_000;
    let batch = 500;
    let mut crashes = 0;
    while feed.next_offset("contact") < total {
        let begin = feed.next_offset("contact");
        let names: Vec<String> = (begin..begin + batch).map(|id| format!("name {id}")).collect();
        let rows = (begin..).zip(&names).map(|(id, name)| upsert(id, name));
        let write = [change(rows)];
        let crashes_here = begin % 1_500 == 1_000 && crashes < 10;
        let applied = std::thread::scope(|scope| {
            let crash = crashes_here.then(|| scope.spawn(|| server.crash()));
            let mut applied = feed.try_apply(&write, true);
            if let Some(crash) = crash {
                crash.join().unwrap();
                // The commit can have been faster than the crash.
                applied = applied.and_then(|_| feed.try_apply(&[change([])], true));
            }
            applied
        });
        if crashes_here {
            assert_fault(applied);
            crashes += 1;
            assert!(feed.destination.load(&feed.tenant).is_err(), "nothing is there");
            server.up();
            feed.reload();
            assert!(feed.memory.damaged.is_empty());
        }
    }
    assert!(crashes > 0);
    database.reconnect();
    let sums = database.rows(r#"SELECT count(*), count(DISTINCT id), sum(id) FROM "Cust1".contact"#);
    assert_eq!(sums, [format!("{total}|{total}|{}", total * (total - 1) / 2)]);
}

#[test]
fn a_full_disk_rolls_back_and_once_there_is_room_the_mirror_goes_on() {
    let Some(disk) = SmallDisk::mount(24) else {
        println!("SKIPPED: no file system can be mounted here, which needs root");
        return;
    };
    let given = Command::new("chown").arg("postgres").arg(disk.path()).status();
    assert!(given.unwrap().success());
    let server = Server::start("max_wal_size=1GB", None);
    server.up();
    let space = Database::at(server.url(), "");
    space.run(&format!("CREATE TABLESPACE small LOCATION '{}'", disk.path().display()));
    let database = Database::at(server.url(), "TABLESPACE small");
    let mut feed = Feed::load(database.place());
    feed.apply(&[change([upsert(1, "one")])]);
    // Random, so that PostgreSQL's compression saves nothing.
    let long: String =
        (0u64..60_000).map(|n| format!("{:x}", n.wrapping_mul(0x9E37_79B9_7F4A_7C15))).collect();
    let write = |id| Change {
        columns: Some(vec![
            super::feed::contact()[0].clone(),
            mirrorbus_mirror::Column::new("file", mirrorbus_mirror::Kind::Bytes, "", false),
        ]),
        table: "files",
        keeps_rows: true,
        rows: vec![Row::Upsert(vec![Value::Whole(id), Value::Bytes(long.as_bytes())])],
    };
    let mut written = 0;
    let fault = loop {
        match feed.try_apply(&[write(written)], true) {
            Ok(_) => written += 1,
            error => break error,
        }
        assert!(written < 200, "the disk never filled up");
    };
    let fault = match fault {
        Err(DestinationError::Fault(fault)) => format!("{fault}: {}", fault.source().unwrap()),
        other => panic!("{other:?}"),
    };
    assert!(fault.contains("make room"), "{fault}");
    assert!(disk.resize(200));
    feed.reload();
    assert_eq!(feed.next_offset("files"), written);
    assert!(feed.memory.damaged.is_empty());
    feed.apply(&[write(written)]);
    assert_eq!(database.rows(r#"SELECT count(*) FROM "Cust1".files"#), [(written + 1).to_string()]);
}

#[test]
fn a_mirror_restored_from_an_older_dump_goes_on_from_there() {
    let database = Database::new();
    let mut feed = Feed::load(database.place());
    feed.apply(&[change([upsert(1, "one"), upsert(2, "two")])]);
    let dump = Command::new("pg_dump").args(["-d", &database.url(), "-n", "\"Cust1\""]).output().unwrap();
    assert!(dump.status.success());
    feed.apply(&[change([upsert(2, "zwei"), upsert(3, "three")])]);
    // pg_dump's own commands for psql are none of SQL.
    let dump = String::from_utf8(dump.stdout).unwrap();
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("dump.sql");
    std::fs::write(&file, format!("DROP SCHEMA \"Cust1\" CASCADE;\n{dump}")).unwrap();
    let restored = Command::new("psql")
        .args(["-q", "-v", "ON_ERROR_STOP=1", "-d", &database.url(), "-f"])
        .arg(&file)
        .output()
        .unwrap();
    assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
    // The mirror that ran meanwhile knows more than the tables do, and stops.
    let refused = feed.try_apply(&[change([upsert(4, "never")])], true);
    assert!(matches!(refused, Err(DestinationError::Fenced { .. })), "{refused:?}");
    feed.reload();
    assert!(feed.memory.damaged.is_empty());
    assert_eq!(feed.next_offset("contact"), 2);
    feed.apply(&[change([upsert(2, "zwei"), upsert(3, "three")])]);
    assert_eq!(database.rows(r#"SELECT name FROM "Cust1".contact ORDER BY id"#), ["one", "zwei", "three"]);
    // Rows of another moment than the positions.
    database.run(r#"DELETE FROM "Cust1".contact WHERE id = 3"#);
    feed.reload();
    assert_eq!(feed.memory.damaged, [table("contact")].into());
}
