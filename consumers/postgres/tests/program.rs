//! The program as it is started and told to stop.

use std::process::{Child, Command, Output, Stdio};

use apache_avro::types::Value;

use super::database::Database;
use super::source::{Records, Shape, Source, until};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_mirror-postgres");

fn terminate(child: Child) -> Output {
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    child.wait_with_output().unwrap()
}

#[test]
fn it_takes_a_service_ends_cleanly_at_sigterm_and_never_tells_a_value() {
    let (source, database) = (Source::new("pg-program"), Database::new());
    let columns = vec![("id", r#""int""#, "int"), ("name", r#""string""#, "nvarchar(255)")];
    let contact = source.register("Cust1", &Shape { table: "contact", columns });
    source.create(&contact.topic, 1);
    let row = |id| contact.row(1, &[("id", Value::Int(id)), ("name", Value::String("canary-4711".into()))]);
    source.commit(Records::of([row(1), row(2)]));
    let url = database.url();
    let (user, rest) = url.trim_start_matches("postgres://").split_once('@').unwrap();
    let (host, name) = rest.split_once('/').unwrap();
    let (host, port) = host.split_once(':').unwrap();
    let folder = tempfile::TempDir::new().unwrap();
    let services = folder.path().join("services");
    std::fs::write(&services, format!("[mirror]\nhost={host}\nport={port}\nuser={user}\ndbname={name}\n"))
        .unwrap();
    let running = Command::new(PROGRAM)
        .args(["run", "--service", "mirror", "--kafka-setting", "client.id=test"])
        .env("PGSERVICEFILE", &services)
        .env("MIRROR_KAFKA", &source.kafka)
        .env("MIRROR_REGISTRY", &source.registry)
        .env("MIRROR_PREFIX", source.prefix.as_str())
        .env("RUST_LOG", "debug")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let is_there =
        || database.try_rows(r#"SELECT id FROM "Cust1".contact"#).is_some_and(|rows| rows.len() == 2);
    until("the rows are applied", is_there);
    let output = terminate(running);
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{log}");
    assert!(log.contains("created") && !log.contains("canary-4711"), "{log}");
}

#[test]
fn an_address_with_a_password_is_refused_and_not_repeated() {
    let output = Command::new(PROGRAM)
        .args(["run", "--kafka", "x:1", "--registry", "http://x", "--prefix", "crm"])
        .args(["--postgres", "postgres://me:secret-4711@db/mirror"])
        .output()
        .unwrap();
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    assert!(log.contains("holds a password") && !log.contains("secret-4711"), "{log}");
}
