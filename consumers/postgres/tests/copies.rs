//! Copies read, exchanged and thrown away.

use std::time::Duration;

use mirror_postgres::Postgres;
use mirrorbus_mirror::{Copies, Copy, DestinationError, Scope};

use super::database::Database;
use super::feed::{Change, Feed, change, read, table, tenant, upsert};

fn other<'c>(rows: impl IntoIterator<Item = mirrorbus_mirror::Row<'c>>) -> Change<'c> {
    Change { table: "other", ..change(rows) }
}

#[test]
fn a_snapshot_is_of_one_moment_whoever_writes_meanwhile() {
    let database = Database::new();
    let mut feed = Feed::load(database.place());
    feed.apply(&[change([upsert(1, "one")]), other([upsert(1, "a")])]);
    let memory = feed.memory.clone();
    let mut reader = Postgres::new(database.place()).unwrap();
    let mut snapshot = reader.snapshot(&tenant(), Copy::Live).unwrap();
    feed.apply(&[change([upsert(2, "two")]), Change { keeps_rows: false, ..other([]) }]);
    assert_eq!(snapshot.memory(), &memory);
    for name in ["contact", "other"] {
        let mut rows = 0;
        snapshot.rows(&table(name), &mut |_| rows += 1).unwrap();
        assert_eq!(rows, 1, "{name}");
    }
    assert!(snapshot.rows(&table("none"), &mut |_| ()).is_err());
}

#[test]
fn a_table_made_anew_under_a_snapshot_is_not_taken_for_an_empty_one() {
    let database = Database::new();
    let mut feed = Feed::load(database.place());
    feed.apply(&[change([upsert(1, "one")])]);
    let mut reader = Postgres::new(database.place()).unwrap();
    let mut snapshot = reader.snapshot(&tenant(), Copy::Live).unwrap();
    feed.apply(&[Change { columns: None, keeps_rows: false, ..change([]) }]);
    feed.apply(&[change([upsert(2, "two")])]);
    let error = snapshot.rows(&table("contact"), &mut |_| ()).unwrap_err().to_string();
    assert!(error.contains("made anew"), "{error}");
}

#[test]
fn a_cell_that_no_mirror_wrote_is_told() {
    let database = Database::new();
    let mut feed = Feed::load(database.place());
    feed.apply(&[change([upsert(1, "one")])]);
    database.run(r#"ALTER TABLE "Cust1".contact ALTER COLUMN name TYPE json USING to_json(name)"#);
    assert_eq!(read(database.place(), "contact"), ["[Some(Whole(1)), None]"]);
}

#[test]
fn tenants_and_their_memories_are_found_without_taking_them_over() {
    let database = Database::new();
    let mut feed = Feed::load(database.place());
    feed.apply(&[change([upsert(1, "one")])]);
    let mut reader = Postgres::new(database.place()).unwrap();
    reader.beside(&tenant()).unwrap();
    database.run("CREATE SCHEMA nobody");
    assert_eq!(reader.tenants().unwrap(), [tenant()]);
    assert_eq!(reader.inspect(&tenant(), Copy::Live).unwrap(), Some(feed.memory.clone()));
    assert!(reader.inspect(&tenant(), Copy::Beside).unwrap().unwrap().tables.is_empty());
    assert_eq!(reader.counts(&tenant(), Copy::Live).unwrap(), [(table("contact"), 1)].into());
    reader.discard(&tenant()).unwrap();
    assert_eq!(reader.inspect(&tenant(), Copy::Beside).unwrap(), None);
    let stranger = mirrorbus_schemas::topic::Tenant::new("nobody").unwrap();
    assert_eq!(reader.inspect(&stranger, Copy::Live).unwrap(), None);
    feed.apply(&[change([upsert(2, "two")])]);
}

#[test]
fn a_tenant_is_exchanged_and_the_old_copy_kept_for_a_while() {
    let database = Database::new();
    let mut feed = Feed::load(database.place());
    feed.apply(&[change([upsert(1, "old")])]);
    database.run(&format!("CREATE ROLE {}", database.name));
    database.run(&format!(
        r#"GRANT USAGE ON SCHEMA "Cust1" TO {0}; GRANT SELECT ON "Cust1".contact TO {0}"#,
        database.name
    ));
    let mut verbs = Postgres::new(database.place()).unwrap();
    let mut beside = Feed::of(verbs.beside(&tenant()).unwrap());
    beside.apply(&[change([upsert(1, "new"), upsert(2, "new")])]);
    let mut held = verbs.hold(&tenant()).unwrap();
    let kept = held.exchange(&Scope::Tenant).unwrap();
    assert_eq!(database.rows(r#"SELECT name FROM "Cust1".contact"#), ["old"], "not before the commit");
    held.commit().unwrap();
    assert_eq!(database.rows(r#"SELECT name FROM "Cust1".contact"#), ["new", "new"]);
    assert_eq!(database.rows(&format!(r#"SELECT name FROM "{kept}".contact"#)), ["old"]);
    let may = format!(
        r#"SELECT has_schema_privilege('{0}', 'Cust1', 'USAGE') AND has_table_privilege('{0}', '"Cust1".contact', 'SELECT')"#,
        database.name
    );
    assert_eq!(database.rows(&may), ["t"]);
    database.run(&format!("DROP OWNED BY {0}; DROP ROLE {0}", database.name));
    // The mirror that ran all the time finds out, loads, and goes on from the new copy's positions.
    let refused = feed.try_apply(&[change([upsert(9, "never")])], true);
    assert!(matches!(refused, Err(DestinationError::Replaced)), "{refused:?}");
    feed.reload();
    assert_eq!(feed.next_offset("contact"), 2);
    feed.apply(&[change([upsert(3, "newer")])]);
    // The one that made the copy has no right to it any more.
    assert!(beside.try_apply(&[change([upsert(9, "never")])], true).is_err());
    assert_eq!(verbs.tenants().unwrap(), [tenant()]);
    assert!(verbs.drop_kept(&tenant(), Duration::from_secs(3600)).unwrap().is_empty());
    database.run(&format!(r#"CREATE VIEW public.mine AS SELECT name FROM "{kept}".contact"#));
    let error = verbs.drop_kept(&tenant(), Duration::ZERO).unwrap_err().to_string();
    assert!(error.contains("is used by view"), "{error}");
    database.run("DROP VIEW public.mine");
    assert_eq!(verbs.drop_kept(&tenant(), Duration::ZERO).unwrap(), std::slice::from_ref(&kept));
    assert_eq!(database.rows(&format!("SELECT to_regnamespace('\"{kept}\"')")), ["NULL"]);
}

#[test]
fn one_table_is_exchanged_with_its_memory_and_positions() {
    let database = Database::new();
    let mut feed = Feed::load(database.place());
    feed.apply(&[change([upsert(1, "old")]), other([upsert(1, "stays")])]);
    let mut verbs = Postgres::new(database.place()).unwrap();
    let mut beside = Feed::of(verbs.beside(&tenant()).unwrap());
    beside.apply(&[change([upsert(1, "new"), upsert(2, "new")])]);
    let mut held = verbs.hold(&tenant()).unwrap();
    let kept = held.exchange(&Scope::Table(table("contact"))).unwrap();
    held.commit().unwrap();
    assert_eq!(database.rows(r#"SELECT name FROM "Cust1".contact"#), ["new", "new"]);
    assert_eq!(database.rows(r#"SELECT name FROM "Cust1".other"#), ["stays"]);
    assert_eq!(database.rows(&format!(r#"SELECT name FROM "{kept}".contact"#)), ["old"]);
    assert_eq!(verbs.inspect(&tenant(), Copy::Beside).unwrap(), None);
    let refused = feed.try_apply(&[change([upsert(9, "never")])], true);
    assert!(matches!(refused, Err(DestinationError::Replaced)), "{refused:?}");
    feed.reload();
    assert!(feed.memory.damaged.is_empty());
    assert_eq!((feed.next_offset("contact"), feed.next_offset("other")), (2, 1));
    feed.apply(&[change([upsert(3, "newer")]), other([upsert(2, "more")])]);
    assert_eq!(verbs.drop_kept(&tenant(), Duration::ZERO).unwrap(), [kept]);
}

#[test]
fn nothing_is_exchanged_without_a_copy_or_without_a_commit() {
    let database = Database::new();
    let mut feed = Feed::load(database.place());
    feed.apply(&[change([upsert(1, "old")])]);
    let mut verbs = Postgres::new(database.place()).unwrap();
    assert!(verbs.hold(&tenant()).unwrap().exchange(&Scope::Tenant).is_err());
    let mut beside = Feed::of(verbs.beside(&tenant()).unwrap());
    beside.apply(&[change([upsert(1, "new")])]);
    verbs.hold(&tenant()).unwrap().exchange(&Scope::Tenant).unwrap();
    feed.apply(&[change([upsert(2, "older")])]);
    assert_eq!(database.rows(r#"SELECT name FROM "Cust1".contact ORDER BY id"#), ["old", "older"]);
    // What is left there is thrown away for the next.
    let beside = Feed::of(verbs.beside(&tenant()).unwrap());
    assert!(beside.memory.tables.is_empty());
}

#[test]
fn a_schema_that_only_looks_like_ours_is_left_alone() {
    let database = Database::new();
    Feed::load(database.place());
    database.run(r#"CREATE SCHEMA "Cust1_beside"; CREATE TABLE "Cust1_beside".treasure ()"#);
    let mut verbs = Postgres::new(database.place()).unwrap();
    let error = verbs.discard(&tenant()).unwrap_err().to_string();
    assert!(error.contains("is not a mirror's"), "{error}");
    assert!(verbs.beside(&tenant()).is_err());
    database.run(r#"TABLE "Cust1_beside".treasure"#);
}
