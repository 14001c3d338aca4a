//! The destination of `examples/csv.rs`.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use apache_avro::types::Value;
use mirrorbus_mirror::{Destination, Memory, Settings, spawn};
use mirrorbus_schemas::topic::Tenant;
use tempfile::TempDir;

use super::source::{Records, Registered, Shape, Source, until};

#[path = "../examples/csv.rs"]
#[allow(dead_code)]
mod csv;

fn open(folder: &TempDir) -> csv::CsvFolder {
    csv::CsvFolder { folder: folder.path().to_owned(), open: HashMap::new() }
}

fn next_offset(folder: &Path, topic: &str) -> i64 {
    let state = fs::read(folder.join("Cust1/current/state.json")).unwrap_or_default();
    let memory: Memory = serde_json::from_slice(&state).unwrap_or_default();
    memory.positions.get(&(topic.to_owned(), 0)).map_or(0, |position| position.next_offset)
}

/// Mirrors until everything is in the files.
fn mirror(source: &Source, topic: &str, folder: &TempDir) {
    let settings = Settings::new(&source.kafka, &source.registry, source.prefix.clone());
    let running = spawn(settings, open(folder)).unwrap();
    let end = source.end(topic, 0);
    until("all is in the files", || next_offset(folder.path(), topic) >= end);
    running.stop().unwrap();
}

fn row(table: &Registered, id: i32, name: Option<&str>) -> Records {
    let name = name.map(|name| ("name", Value::String(name.to_owned())));
    table.row(1, &[("id", Value::Int(id))].into_iter().chain(name).collect::<Vec<_>>())
}

#[test]
fn rows_come_and_go_over_restarts_and_new_columns() {
    let source = Source::new("csv");
    let mut shape = Shape {
        table: "contact",
        columns: vec![("id", r#""int""#, "int"), ("name", r#""string""#, "nvarchar(20)")],
    };
    let contact = source.register("Cust1", &shape);
    source.create(&contact.topic, 1);
    let folder = TempDir::new().unwrap();
    let texts = [Some("plain"), None, Some("a \"b\",\nc"), Some("\\N"), Some("")];
    source.commit(Records::of((0..).zip(texts).map(|(id, text)| row(&contact, id, text))));
    mirror(&source, &contact.topic, &folder);
    let file = folder.path().join("Cust1/current/contact.csv");
    let before = "id,name\n0,plain\n1,\\N\n2,\"a \"\"b\"\",\nc\"\n3,\\\\N\n4,\n";
    assert_eq!(fs::read_to_string(&file).unwrap(), before);

    shape.columns.push(("rank", r#""int""#, "int"));
    let wider = source.register("Cust1", &shape);
    source.commit(Records::of([
        contact.delete(1, Value::Int(0)),
        wider.row(1, &[("id", Value::Int(4)), ("rank", Value::Int(7))]),
    ]));
    mirror(&source, &contact.topic, &folder);
    let after = "id,name,rank\n1,\\N,\\N\n2,\"a \"\"b\"\",\nc\",\\N\n3,\\\\N,\\N\n4,\\N,7\n";
    assert_eq!(fs::read_to_string(&file).unwrap(), after);
}

#[test]
fn only_one_can_own_a_tenant() {
    let (folder, tenant) = (TempDir::new().unwrap(), Tenant::new("Cust1").unwrap());
    let mut first = open(&folder);
    first.load(&tenant).unwrap();
    assert!(open(&folder).load(&tenant).is_err());
    first.load(&tenant).unwrap();
    drop(first);
    open(&folder).load(&tenant).unwrap();
}
