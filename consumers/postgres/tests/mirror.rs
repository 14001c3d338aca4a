//! The mirror with Kafka: everything that was committed, once.

use apache_avro::types::Value;
use mirror_postgres::{MirrorError, Running, Settings};
use mirrorbus_schemas::event::Kind;

use super::database::Database;
use super::source::{Records, Registered, Shape, Source, until};

fn contact(source: &Source) -> Registered {
    let columns = vec![("id", r#""int""#, "int"), ("name", r#""string""#, "nvarchar(255)")];
    let registered = source.register("Cust1", &Shape { table: "contact", columns });
    source.create(&registered.topic, 1);
    registered
}

fn settings(source: &Source) -> Settings {
    Settings::new(&source.kafka, &source.registry, source.prefix.clone())
}

fn start(source: &Source, database: &Database) -> Running {
    mirror_postgres::spawn(settings(source), database.place()).unwrap()
}

fn next_offset(database: &Database, topic: &str) -> i64 {
    let sql = format!(r#"SELECT next_offset FROM "Cust1"._mirror_offsets WHERE topic = '{topic}'"#);
    database.try_rows(&sql).and_then(|rows| rows.first()?.parse().ok()).unwrap_or(0)
}

fn catch_up(source: &Source, database: &Database, topic: &str) {
    let end = source.end(topic, 0);
    until("everything is applied", || next_offset(database, topic) >= end);
}

fn row(contact: &Registered, id: i32, name: &str) -> Records {
    contact.row(1, &[("id", Value::Int(id)), ("name", Value::String(name.to_owned()))])
}

fn contacts(database: &Database) -> Vec<String> {
    database.rows(r#"SELECT * FROM "Cust1".contact ORDER BY 1"#)
}

#[test]
fn rows_are_inserted_updated_and_deleted_and_an_abort_is_never_seen() {
    let (source, database) = (Source::new("pg-rows"), Database::new());
    let contact = contact(&source);
    let running = start(&source, &database);
    source.commit(Records::of([row(&contact, 1, "one"), row(&contact, 2, "two"), row(&contact, 3, "three")]));
    catch_up(&source, &database, &contact.topic);
    assert_eq!(contacts(&database), ["1|one", "2|two", "3|three"]);
    source.abort(Records::of([row(&contact, 4, "never"), contact.delete(1, Value::Int(1))]));
    source.commit(Records::of([row(&contact, 2, "zwei"), contact.delete(1, Value::Int(3))]));
    catch_up(&source, &database, &contact.topic);
    assert_eq!(contacts(&database), ["1|one", "2|zwei"]);
    running.stop().unwrap();
}

#[test]
fn tables_change_are_dropped_and_come_back() {
    let (source, database) = (Source::new("pg-tables"), Database::new());
    let narrow = contact(&source);
    source.create(&source.cycles_topic("Cust1"), 1);
    let running = start(&source, &database);
    source.commit(Records::of([row(&narrow, 1, "one")]));
    catch_up(&source, &database, &narrow.topic);
    let columns = vec![("code", r#""string""#, "nvarchar(10)"), ("name", r#""long""#, "bigint")];
    let retyped = source.register("Cust1", &Shape { table: "contact", columns });
    source.commit(narrow.delete(2, Value::Int(1)));
    source.commit(retyped.row(2, &[("code", Value::String("a".into())), ("name", Value::Long(5))]));
    catch_up(&source, &database, &narrow.topic);
    assert_eq!(contacts(&database), ["a|5"]);
    source.commit(retyped.delete(3, Value::String("a".into())));
    let end = source.end(&narrow.topic, 0);
    source.commit(source.event("Cust1", Kind::Dropped, "contact", 3, 0, end));
    until("the table is gone", || database.rows(r#"SELECT to_regclass('"Cust1".contact')"#) == ["NULL"]);
    source.commit(narrow.row(4, &[("id", Value::Int(7)), ("name", Value::String("x".into()))]));
    catch_up(&source, &database, &narrow.topic);
    assert_eq!(contacts(&database), ["7|x"]);
    running.stop().unwrap();
}

#[test]
fn a_mirror_stopped_in_the_middle_and_resumed_has_every_row_once() {
    let (source, database) = (Source::new("pg-resume"), Database::new());
    let contact = contact(&source);
    for round in 0..20 {
        let rows = (0..50).map(|id| row(&contact, round * 20 + id, &round.to_string()));
        source.commit(Records::of(rows.chain([contact.delete(1, Value::Int(round * 7))])));
    }
    let steady = Database::new();
    let running = start(&source, &steady);
    let mut settings = settings(&source);
    settings.batch_records = 17;
    let end = source.end(&contact.topic, 0);
    let mut stops = 0;
    while next_offset(&database, &contact.topic) < end {
        let before = next_offset(&database, &contact.topic);
        let restless = mirror_postgres::spawn(settings.clone(), database.place()).unwrap();
        until("a batch more is applied", || next_offset(&database, &contact.topic) > before);
        restless.stop().unwrap();
        stops += 1;
    }
    catch_up(&source, &steady, &contact.topic);
    running.stop().unwrap();
    assert!(stops > 1);
    assert_eq!(contacts(&database), contacts(&steady));
    assert!(contacts(&steady).len() > 400);
    assert_eq!(
        database.rows(r#"SELECT inserts - deletes = rows AND rows = (SELECT count(*) FROM "Cust1".contact) FROM "Cust1"._mirror_tables"#),
        ["t"]
    );
}

#[test]
fn of_two_mirrors_the_one_that_came_first_stops() {
    let (source, database) = (Source::new("pg-two"), Database::new());
    let contact = contact(&source);
    let first = start(&source, &database);
    source.commit(row(&contact, 1, "one"));
    catch_up(&source, &database, &contact.topic);
    let owner = || database.rows(r#"SELECT owner_epoch FROM "Cust1"._mirror_state"#);
    let before = owner();
    let second = start(&source, &database);
    until("the second has taken over", || owner() != before);
    source.commit(row(&contact, 2, "two"));
    let error = first.wait().unwrap_err();
    assert!(matches!(error, MirrorError::Fenced { .. }), "{error}");
    catch_up(&source, &database, &contact.topic);
    assert_eq!(contacts(&database), ["1|one", "2|two"]);
    second.stop().unwrap();
}
