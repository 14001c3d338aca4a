//! The verbs as a person calls them, while the mirror runs.

use std::process::Command;

use apache_avro::types::Value;

use super::database::Database;
use super::program::PROGRAM;
use super::source::{Records, Shape, Source, until};

fn ask(source: &Source, database: &Database, arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(PROGRAM)
        .args(arguments)
        .env("MIRROR_KAFKA", &source.kafka)
        .env("MIRROR_REGISTRY", &source.registry)
        .env("MIRROR_PREFIX", source.prefix.as_str())
        .env("MIRROR_POSTGRES", database.url())
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

#[test]
fn what_somebody_changed_is_named_mended_and_made_anew_under_a_mirror_that_runs() {
    let (source, database) = (Source::new("pg-verbs"), Database::new());
    let columns = vec![("id", r#""int""#, "int"), ("name", r#""string""#, "nvarchar(255)")];
    let contact = source.register("Cust1", &Shape { table: "contact", columns });
    source.create(&contact.topic, 1);
    let row =
        |id, name: &str| contact.row(1, &[("id", Value::Int(id)), ("name", Value::String(name.into()))]);
    source.commit(Records::of((0..500).map(|id| row(id, "x"))));
    let settings = mirror_postgres::Settings::new(&source.kafka, &source.registry, source.prefix.clone());
    let running = mirror_postgres::spawn(settings, database.place()).unwrap();
    let is_there = |sql: &str| database.try_rows(sql).is_some_and(|rows| rows == ["t"]);
    until("all is applied", || is_there(r#"SELECT count(*) = 500 FROM "Cust1".contact"#));
    assert_eq!(ask(&source, &database, &["verify"]).0, Some(0));
    let harm = r#"UPDATE "Cust1".contact SET name = 'other' WHERE id = 3; DELETE FROM "Cust1".contact WHERE id = 5;
                  INSERT INTO "Cust1".contact (id) VALUES (999)"#;
    database.run(harm);
    let (code, text) = ask(&source, &database, &["verify"]);
    assert_eq!(code, Some(3), "{text}");
    for named in ["changed id=3", "missing id=5", "extra id=999"] {
        assert!(text.contains(named), "{text}");
    }
    let (code, text) = ask(&source, &database, &["verify", "--repair"]);
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(ask(&source, &database, &["verify"]).0, Some(0));
    for arguments in [&["regenerate", "Cust1"][..], &["regenerate", "Cust1", "--table", "contact"]] {
        database.run(harm);
        let (code, text) = ask(&source, &database, arguments);
        assert_eq!(code, Some(0), "{text}");
        // Those that were kept have another moment's name.
        database.run("DO $$ DECLARE s text; BEGIN FOR s IN SELECT nspname FROM pg_namespace WHERE nspname LIKE '%_old_%'
                      LOOP EXECUTE format('DROP SCHEMA %I CASCADE', s); END LOOP; END $$");
        assert_eq!(ask(&source, &database, &["verify"]).0, Some(0));
    }
    source.commit(row(501, "y"));
    until("the mirror goes on", || is_there(r#"SELECT count(*) = 501 FROM "Cust1".contact"#));
    assert_eq!(ask(&source, &database, &["verify"]).0, Some(0));
    running.stop().unwrap();
}
