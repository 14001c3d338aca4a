//! Two mirrors never write to one tenant.

use mirror_postgres::Postgres;
use mirrorbus_mirror::{Copies, Cycle, Destination, DestinationError};

use super::database::Database;
use super::feed::{Feed, change, delete, read, tenant, upsert};

fn assert_fenced<T: std::fmt::Debug>(applied: &Result<T, DestinationError>) {
    assert!(matches!(applied, Err(DestinationError::Fenced { .. })), "{applied:?}");
}

#[test]
fn the_newest_mirror_has_the_tenant_and_the_others_are_fenced() {
    let database = Database::new();
    let mut first = Feed::load(database.place());
    first.apply(&[change([upsert(1, "one")])]);
    let mut second = Feed::load(database.place());
    assert_eq!(second.memory, first.memory);
    assert_fenced(&first.try_apply(&[change([upsert(1, "never")])], true));
    second.apply(&[change([upsert(1, "two")])]);
    assert_eq!(database.rows(r#"SELECT name FROM "Cust1".contact"#), ["two"]);
}

#[test]
fn a_transaction_that_an_earlier_mirror_left_open_is_ended() {
    let database = Database::new();
    let mut first = Feed::load(database.place());
    first.apply(&[change([upsert(1, "one")])]);
    first.try_apply(&[change([upsert(1, "never"), delete(2)])], false).unwrap();
    // As after a kill -STOP: its connection is there and has every lock.
    let mut second = Feed::load(database.place());
    assert_eq!(second.memory.tables, first.memory.tables);
    second.apply(&[change([upsert(1, "two")])]);
    assert_fenced(&first.try_apply(&[change([upsert(1, "never")])], true));
    assert_eq!(database.rows(r#"SELECT name FROM "Cust1".contact"#), ["two"]);
}

#[test]
fn a_position_that_somebody_moved_fences() {
    let database = Database::new();
    let mut feed = Feed::load(database.place());
    feed.apply(&[change([upsert(1, "one")])]);
    for harm in ["next_offset = next_offset + 5", "topic_id = 'another'"] {
        database.run(&format!(r#"UPDATE "Cust1"._mirror_offsets SET {harm}"#));
        assert_fenced(&feed.try_apply(&[change([upsert(1, "never")])], true));
        feed.reload();
    }
    database.run(r#"UPDATE "Cust1"._mirror_offsets SET topic = 'crm.Cust1.other'"#);
    assert_fenced(&feed.try_apply(&[change([upsert(1, "never")])], true));
    assert_eq!(database.rows(r#"SELECT name FROM "Cust1".contact"#), ["one"]);
}

#[test]
fn a_position_that_somebody_else_began_fences() {
    let database = Database::new();
    let mut feed = Feed::load(database.place());
    database.run(r#"INSERT INTO "Cust1"._mirror_offsets VALUES ('crm.Cust1.contact', 0, 'id', 3, now())"#);
    assert_fenced(&feed.try_apply(&[change([upsert(1, "never")])], true));
}

#[test]
fn who_is_mending_a_copy_is_waited_for_and_not_ended() {
    let database = Database::new();
    let mut feed = Feed::load(database.place());
    feed.apply(&[change([upsert(1, "one"), upsert(2, "two")])]);
    let mut other = Postgres::new(database.place()).unwrap();
    let mut held = other.hold(&tenant()).unwrap();
    let error = Postgres::new(database.place()).unwrap().load(&tenant()).unwrap_err().to_string();
    assert!(error.contains("is held by another process"), "{error}");
    assert_eq!(held.memory(), &feed.memory);
    let table = super::feed::table("contact");
    let mended = held.repair(&table, &[upsert(1, "eins"), upsert(3, "drei"), delete(2)]).unwrap();
    assert_eq!((mended.inserts, mended.updates, mended.deletes), (1, 1, 1));
    held.commit().unwrap();
    assert_eq!(read(database.place(), "contact").len(), 2);
    // It moved no position and took nothing over.
    feed.apply(&[change([upsert(4, "vier")])]);
    feed.reload();
    assert!(feed.memory.damaged.is_empty());
}

#[test]
fn a_hold_that_is_dropped_leaves_everything_as_it_was() {
    let database = Database::new();
    let mut feed = Feed::load(database.place());
    feed.apply(&[change([upsert(1, "one")])]);
    let mut other = Postgres::new(database.place()).unwrap();
    let mut held = other.hold(&tenant()).unwrap();
    held.repair(&super::feed::table("contact"), &[upsert(1, "never")]).unwrap();
    drop(held);
    feed.apply(&[change([upsert(2, "two")])]);
    assert_eq!(database.rows(r#"SELECT name FROM "Cust1".contact ORDER BY id"#), ["one", "two"]);
}

#[test]
fn a_check_tells_of_a_newer_mirror_and_of_a_server_that_ended_the_connection() {
    let database = Database::new();
    let mut first = Feed::load(database.place());
    first.destination.check(&first.tenant).unwrap();
    first.apply(&[change([upsert(1, "one")])]);
    first.try_apply(&[change([upsert(2, "two")])], false).unwrap();
    first.destination.check(&first.tenant).unwrap();
    let end =
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = 'mirror-postgres'
               AND datname = current_database()";
    assert_eq!(database.rows(end), ["t"]);
    let cut = first.destination.check(&first.tenant);
    assert!(matches!(cut, Err(DestinationError::Fault(_))), "{cut:?}");
    first.reload();
    assert_eq!(first.next_offset("contact"), 1);
    let second = Feed::load(database.place());
    assert_fenced(&first.destination.check(&first.tenant));
    drop(second);
}

#[test]
fn a_tenant_that_is_released_in_mid_transaction_is_free_at_once() {
    let database = Database::new();
    let mut first = Feed::load(database.place());
    first.apply(&[change([upsert(1, "one")])]);
    first.try_apply(&[change([upsert(2, "never")])], false).unwrap();
    first.destination.release(&first.tenant);
    let mut second = Feed::load(database.place());
    second.apply(&[change([upsert(2, "two")])]);
    assert_eq!(database.rows(r#"SELECT name FROM "Cust1".contact ORDER BY id"#), ["one", "two"]);
}

#[test]
fn statements_after_a_cycle_are_run_as_one_and_by_the_owner_only() {
    let database = Database::new();
    let mut feed = Feed::load(database.place());
    feed.apply(&[change([upsert(1, "one"), upsert(2, "two")])]);
    let cycle = Cycle { id: "c1".into(), completed_ms: 1 };
    let with = |statements: &str| Postgres::new(database.place()).unwrap().with_after_cycle(statements);
    let mut first =
        with("CREATE TABLE IF NOT EXISTS log (rows bigint); INSERT INTO log SELECT count(*) FROM contact");
    first.load(&tenant()).unwrap();
    first.after_cycle(&tenant(), &cycle).unwrap();
    let logged = || database.rows(r#"SELECT rows FROM "Cust1".log"#);
    assert_eq!(logged(), ["2"]);
    let mut broken = with("INSERT INTO log VALUES (7); SELECT nonsense");
    broken.load(&tenant()).unwrap();
    assert!(matches!(broken.after_cycle(&tenant(), &cycle), Err(DestinationError::Fault(_))));
    assert_fenced(&first.after_cycle(&tenant(), &cycle));
    assert_eq!(logged(), ["2"]);
}
