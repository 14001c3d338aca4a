use mirrorbus_mirror::{Move, Position};
use services::SmallDisk;
use tempfile::TempDir;

use super::*;
use crate::fixture::{
    apply, ask, batch, change, columns, delete, mirror, moved, position, reader, rows, table, tenant, upsert,
};

fn is_fenced<T>(outcome: &Result<T, DestinationError>) -> bool {
    matches!(outcome, Err(DestinationError::Fenced { .. }))
}

#[test]
fn a_batch_is_applied_and_remembered_as_one() {
    let folder = TempDir::new().unwrap();
    let mut sqlite = Sqlite::open(folder.path()).unwrap();
    assert_eq!(sqlite.load(&tenant()).unwrap(), Memory::default());
    let applied = apply(&mut sqlite, 0, 3, vec![upsert(1, "one"), upsert(2, "two")]).unwrap();
    assert_eq!(applied, Applied { inserts: 2, ..Applied::default() });
    let applied = apply(&mut sqlite, 3, 7, vec![upsert(1, "uno"), delete(2), delete(9)]).unwrap();
    assert_eq!(applied, Applied { inserts: 0, updates: 1, deletes: 1 });
    drop(sqlite);
    let memory = Sqlite::open(folder.path()).unwrap().load(&tenant()).unwrap();
    assert_eq!(memory.positions.values().cloned().collect::<Vec<_>>(), [position(7)]);
    assert_eq!(memory.tables[&table()].columns, Some(columns()));
    assert!(memory.damaged.is_empty());
}

#[test]
fn inserts_and_updates_are_told_apart_in_any_order() {
    let folder = TempDir::new().unwrap();
    let mut sqlite = mirror(folder.path(), 10);
    let rows = [1, 11, 2, 3, 12, 13, 4, 14, 5, 6].map(|id| upsert(id, "y"));
    let applied = apply(&mut sqlite, 10, 20, rows.into()).unwrap();
    assert_eq!(applied, Applied { inserts: 4, updates: 6, deletes: 0 });
    assert_eq!(ask::<i64>(&reader(folder.path()), "SELECT count(*) FROM contact WHERE name = 'y'"), 10);
}

#[test]
fn a_table_of_nothing_but_its_key_counts_rows_that_come_again_as_updates() {
    let folder = TempDir::new().unwrap();
    let mut sqlite = Sqlite::open(folder.path()).unwrap();
    sqlite.load(&tenant()).unwrap();
    let only_key = || Some(vec![columns().remove(0)]);
    let row = |id| mirrorbus_mirror::Row::Upsert(vec![mirrorbus_mirror::Value::Whole(id)]);
    let change = |before, rows| TableChange { before, after: only_key(), ..change(false, rows) };
    sqlite.apply(&tenant(), &batch(change(None, vec![row(1)]), 0, 1)).unwrap();
    let applied =
        sqlite.apply(&tenant(), &batch(change(only_key(), vec![row(1), row(2), row(1), row(3)]), 1, 2));
    assert_eq!(applied.unwrap(), Applied { inserts: 2, updates: 2, deletes: 0 });
}

#[test]
fn a_row_with_too_few_values_takes_none_from_the_row_before() {
    let folder = TempDir::new().unwrap();
    let mut sqlite = mirror(folder.path(), 1);
    let short = mirrorbus_mirror::Row::Upsert(vec![mirrorbus_mirror::Value::Whole(2)]);
    assert!(apply(&mut sqlite, 1, 2, vec![upsert(3, "secret"), short]).is_err());
    assert_eq!(rows(&reader(folder.path())), "1=x");
}

#[test]
fn a_batch_that_begins_elsewhere_is_fenced_and_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let mut sqlite = Sqlite::open(folder.path()).unwrap();
    for stale in [1, 5] {
        sqlite.load(&tenant()).unwrap();
        let batch = batch(change(false, vec![upsert(1, "x")]), stale, 7);
        assert!(is_fenced(&sqlite.apply(&tenant(), &batch)));
    }
    assert_eq!(sqlite.load(&tenant()).unwrap(), Memory::default());
    apply(&mut sqlite, 0, 1, vec![upsert(1, "x")]).unwrap();
    let before = sqlite.load(&tenant()).unwrap();
    assert!(is_fenced(&apply(&mut sqlite, 0, 1, vec![upsert(1, "x")])));
    let other_topic = Move { from: Some(Position { topic_id: "t2".into(), ..position(1) }), ..moved(1, 2) };
    sqlite.load(&tenant()).unwrap();
    let batch = Batch { moves: vec![other_topic], ..batch(change(true, Vec::new()), 1, 2) };
    assert!(is_fenced(&sqlite.apply(&tenant(), &batch)));
    assert_eq!(sqlite.load(&tenant()).unwrap(), before);
}

#[test]
fn a_batch_that_fails_half_way_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let mut sqlite = Sqlite::open(folder.path()).unwrap();
    sqlite.load(&tenant()).unwrap();
    let broken = TableChange {
        table: mirrorbus_schemas::topic::Table::new("sqlite_x").unwrap(),
        ..change(false, Vec::new())
    };
    let mut batch = batch(change(false, vec![upsert(1, "x")]), 0, 1);
    batch.tables.push(broken);
    assert!(matches!(sqlite.apply(&tenant(), &batch), Err(DestinationError::Fault(_))));
    let error = sqlite.apply(&tenant(), &batch).unwrap_err().to_string();
    assert!(error.contains("must be loaded"), "{error}");
    assert_eq!(sqlite.load(&tenant()).unwrap(), Memory::default());
}

#[test]
fn whoever_loads_takes_over_and_the_earlier_owner_is_fenced() {
    let folder = TempDir::new().unwrap();
    let mut first = mirror(folder.path(), 1);
    let mut second = Sqlite::open(folder.path()).unwrap();
    second.load(&tenant()).unwrap();
    let outcome = apply(&mut first, 1, 2, vec![upsert(2, "first")]);
    assert!(is_fenced(&outcome));
    apply(&mut second, 1, 2, vec![upsert(2, "second")]).unwrap();
    let other = Tenant::new("Cust2").unwrap();
    first.load(&other).unwrap();
    first.apply(&other, &batch(change(false, vec![upsert(1, "x")]), 0, 1)).unwrap();
    assert_eq!(rows(&reader(folder.path())), "1=x 2=second", "and other tenants of the folder stay its own");
}

#[test]
fn batches_that_do_not_end_are_seen_by_nobody_until_one_does() {
    let folder = TempDir::new().unwrap();
    let mut sqlite = mirror(folder.path(), 1);
    let reader = reader(folder.path());
    let open = |from, id| Batch { ends: false, ..batch(change(true, vec![upsert(id, "y")]), from, from + 1) };
    sqlite.apply(&tenant(), &open(1, 2)).unwrap();
    sqlite.apply(&tenant(), &open(2, 3)).unwrap();
    assert_eq!(rows(&reader), "1=x");
    assert_eq!(sqlite.load(&tenant()).unwrap().positions.values().next(), Some(&position(1)), "given up");
    sqlite.apply(&tenant(), &open(1, 2)).unwrap();
    let cycle = Cycle { id: "c7".into(), completed_ms: 1_795_000_000_000 };
    let end = Batch {
        caught_up_ms: Some(5),
        cycle: Some(cycle.clone()),
        ..batch(change(true, vec![delete(1)]), 2, 9)
    };
    sqlite.apply(&tenant(), &end).unwrap();
    assert_eq!(rows(&reader), "2=y");
    apply(&mut sqlite, 9, 10, Vec::new()).unwrap();
    let memory = sqlite.load(&tenant()).unwrap();
    assert_eq!(
        (memory.caught_up_ms, memory.cycle),
        (Some(5), Some(cycle)),
        "kept by batches that say nothing"
    );
}

#[test]
fn a_tenant_is_taken_over_after_the_transaction_that_is_open() {
    let folder = TempDir::new().unwrap();
    let mut first = mirror(folder.path(), 1);
    let open = Batch { ends: false, ..batch(change(true, vec![upsert(2, "y")]), 1, 2) };
    first.apply(&tenant(), &open).unwrap();
    let mut second = Sqlite::open(folder.path()).unwrap();
    let taken = std::thread::scope(|scope| {
        let taking = scope.spawn(|| second.load(&tenant()).unwrap());
        apply(&mut first, 2, 3, vec![upsert(3, "y")]).unwrap();
        taking.join().unwrap()
    });
    assert_eq!(taken.positions.values().next(), Some(&position(3)));
    assert!(is_fenced(&apply(&mut first, 3, 4, vec![upsert(4, "first")])));
    apply(&mut second, 3, 4, vec![upsert(4, "second")]).unwrap();
    assert_eq!(rows(&reader(folder.path())), "1=x 2=y 3=y 4=second");
}

#[test]
fn two_that_take_a_tenant_from_each_other_apply_nothing_twice_and_leave_nothing_out() {
    let folder = TempDir::new().unwrap();
    drop(mirror(folder.path(), 1));
    let rounds = 20;
    // Both have loaded before either applies, and both have applied before either loads.
    let turn = std::sync::Barrier::new(2);
    let take_part = || {
        let mut sqlite = Sqlite::open(folder.path()).unwrap();
        let (mut applied, mut fenced) = (0, 0);
        for _ in 0..rounds {
            let memory = sqlite.load(&tenant()).unwrap();
            let next = memory.positions.values().next().unwrap().next_offset;
            turn.wait();
            let outcome = (next..next + 3).try_for_each(|next| {
                apply(&mut sqlite, next, next + 1, vec![upsert(next + 1, "x")]).map(|_| ())
            });
            // Told at the end: who panics here leaves the other waiting.
            applied += i64::from(outcome.is_ok());
            fenced += i64::from(is_fenced(&outcome));
            turn.wait();
        }
        (applied, fenced)
    };
    let [first, second] = std::thread::scope(|scope| {
        let both = [scope.spawn(take_part), scope.spawn(take_part)];
        both.map(|one| one.join().unwrap())
    });
    assert_eq!((first.0 + second.0, first.1 + second.1), (rounds, rounds));
    let memory = Sqlite::open(folder.path()).unwrap().load(&tenant()).unwrap();
    let reached = memory.positions.values().next().unwrap().next_offset;
    let connection = reader(folder.path());
    assert_eq!(reached, 1 + 3 * rounds);
    assert_eq!(ask::<i64>(&connection, "SELECT count(*) FROM contact"), reached);
    assert_eq!(ask::<i64>(&connection, "SELECT max(id) FROM contact"), reached);
    assert_eq!(ask::<i64>(&connection, "SELECT inserts FROM _mirrorbus_tables"), reached);
    assert_eq!(ask::<i64>(&connection, "SELECT updates + deletes FROM _mirrorbus_tables"), 0);
}

#[test]
fn rows_changed_by_hand_are_found_when_the_tenant_is_loaded() {
    let folder = TempDir::new().unwrap();
    let mut sqlite = mirror(folder.path(), 3);
    for damage in
        ["DELETE FROM contact WHERE id = 2", "ALTER TABLE contact DROP COLUMN name", "DROP TABLE contact"]
    {
        reader(folder.path()).execute_batch(damage).unwrap();
        let memory = sqlite.load(&tenant()).unwrap();
        assert!(memory.damaged.contains(&table()), "{damage}");
        let anew = TableChange {
            keeps_rows: false,
            ..change(true, vec![upsert(1, "x"), upsert(2, "x"), upsert(3, "x")])
        };
        let applied = sqlite.apply(&tenant(), &batch(anew, 3, 3)).unwrap();
        assert_eq!(applied, Applied { inserts: 3, updates: 0, deletes: 3 });
        assert!(sqlite.load(&tenant()).unwrap().damaged.is_empty(), "{damage}");
        assert_eq!(rows(&reader(folder.path())), "1=x 2=x 3=x");
    }
}

#[test]
fn a_full_disk_moves_nothing_and_the_mirror_goes_on_when_there_is_room() {
    let folder = TempDir::new().unwrap();
    let mut sqlite = mirror(folder.path(), 1);
    let before = sqlite.load(&tenant()).unwrap();
    let connection = sqlite.files.get(&tenant()).unwrap();
    let pages: i64 = ask(connection, "PRAGMA page_count");
    connection.pragma_update(None, "max_page_count", pages + 2).unwrap();
    let long = "x".repeat(20_000);
    let open = Batch { ends: false, ..batch(change(true, vec![upsert(2, "y")]), 1, 2) };
    sqlite.apply(&tenant(), &open).unwrap();
    let error = apply(&mut sqlite, 2, 3, vec![upsert(3, &long)]).unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("full"), "{cause}");
    assert_eq!(rows(&reader(folder.path())), "1=x");
    assert_eq!(sqlite.load(&tenant()).unwrap(), before);
    apply(&mut sqlite, 1, 3, vec![upsert(2, "y"), upsert(3, &long)]).unwrap();
    assert_eq!(ask::<i64>(&reader(folder.path()), "SELECT length(name) FROM contact WHERE id = 3"), 20_000);
}

#[test]
fn a_small_disk_that_is_full_keeps_what_is_durable_and_takes_more_once_it_has_grown() {
    let Some(disk) = SmallDisk::mount(2) else {
        println!("SKIPPED: no file system can be mounted here, which needs root");
        return;
    };
    let mut sqlite = mirror(disk.path(), 1);
    let long = "x".repeat(20_000);
    let write = |sqlite: &mut Sqlite, next: i64| apply(sqlite, next, next + 1, vec![upsert(next, &long)]);
    let full = (1..500).find(|next| write(&mut sqlite, *next).is_err()).expect("the disk never filled up");
    let kept = |disk: &SmallDisk| ask::<i64>(&reader(disk.path()), "SELECT count(*) FROM contact");
    assert_eq!(kept(&disk), full - 1);
    assert!(disk.resize(32));
    let memory = sqlite.load(&tenant()).unwrap();
    assert_eq!(memory.positions.values().cloned().collect::<Vec<_>>(), [position(full)]);
    assert!(memory.damaged.is_empty());
    write(&mut sqlite, full).unwrap();
    assert_eq!(kept(&disk), full);
}

#[test]
fn hundreds_of_tenants_take_a_bounded_number_of_files() {
    let folder = TempDir::new().unwrap();
    let mut sqlite = Sqlite::open(folder.path()).unwrap();
    let tenants: Vec<Tenant> = (0..140).map(|number| Tenant::new(format!("Cust{number}")).unwrap()).collect();
    for tenant in &tenants {
        sqlite.load(tenant).unwrap();
    }
    // One in the midst of a transaction is not closed for others.
    let open = Batch { ends: false, ..batch(change(false, vec![upsert(1, "x")]), 0, 1) };
    sqlite.apply(&tenants[0], &open).unwrap();
    for tenant in &tenants[1..15] {
        sqlite.apply(tenant, &batch(change(false, vec![upsert(1, "x")]), 0, 1)).unwrap();
    }
    sqlite.apply(&tenants[0], &batch(change(true, vec![upsert(2, "x")]), 1, 2)).unwrap();
    let open = std::fs::read_dir("/proc/self/fd")
        .unwrap()
        .flatten()
        .filter_map(|entry| entry.path().read_link().ok());
    let files = open.filter(|target| target.starts_with(folder.path())).count();
    assert!(files <= 3 * 128, "{files}");
    assert_eq!(sqlite.load(&tenants[0]).unwrap().positions.values().next(), Some(&position(2)));
    assert_eq!(sqlite.load(&tenants[7]).unwrap().positions.values().next(), Some(&position(1)));
}

#[test]
fn statements_after_a_cycle_are_run_as_one_and_by_the_owner_only() {
    let folder = TempDir::new().unwrap();
    let cycle = Cycle { id: "c1".into(), completed_ms: 1 };
    let mut sqlite = mirror(folder.path(), 2).with_after_cycle(
        "CREATE TABLE IF NOT EXISTS log (rows); INSERT INTO log SELECT count(*) FROM contact",
    );
    sqlite.after_cycle(&tenant(), &cycle).unwrap();
    assert_eq!(ask::<i64>(&reader(folder.path()), "SELECT rows FROM log"), 2);
    let mut broken =
        Sqlite::open(folder.path()).unwrap().with_after_cycle("INSERT INTO log VALUES (7); SELECT nonsense");
    broken.load(&tenant()).unwrap();
    assert!(broken.after_cycle(&tenant(), &cycle).is_err());
    assert!(is_fenced(&sqlite.after_cycle(&tenant(), &cycle)));
    assert_eq!(ask::<i64>(&reader(folder.path()), "SELECT count(*) FROM log"), 1);
}

#[test]
fn a_check_tells_whether_the_file_is_there_and_whose_it_is() {
    let folder = TempDir::new().unwrap();
    let mut sqlite = mirror(folder.path(), 1);
    sqlite.check(&tenant()).unwrap();
    let open = Batch { ends: false, ..batch(change(true, vec![upsert(2, "y")]), 1, 2) };
    sqlite.apply(&tenant(), &open).unwrap();
    sqlite.check(&tenant()).unwrap();
    // Let go, it holds neither the file nor what did not end.
    sqlite.release(&tenant());
    assert!(matches!(sqlite.check(&tenant()), Err(DestinationError::Fault(_))));
    let mut other = Sqlite::open(folder.path()).unwrap();
    assert_eq!(other.load(&tenant()).unwrap().positions.values().next(), Some(&position(1)));
    sqlite.load(&tenant()).unwrap();
    assert!(is_fenced(&other.check(&tenant())));
    std::fs::remove_file(folder.path().join("Cust1.sqlite")).unwrap();
    let error = sqlite.check(&tenant()).unwrap_err().to_string();
    assert!(error.contains("there is no copy"), "{error}");
    assert!(!folder.path().join("Cust1.sqlite").exists());
}
