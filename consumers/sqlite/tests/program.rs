//! The program as it is started, told to stop, and killed.

use std::process::{Child, Command, Output, Stdio};

use apache_avro::types::Value;
use tempfile::TempDir;

use super::mirror::contact;
use super::source::{Records, Source, until};

const PROGRAM: &str = env!("CARGO_BIN_EXE_mirror-sqlite");

fn start(source: &Source, folder: &TempDir) -> Child {
    Command::new(PROGRAM)
        .args(["run", "--kafka-setting", "client.id=test", "--folder"])
        .arg(folder.path())
        .env("MIRROR_KAFKA", &source.kafka)
        .env("MIRROR_REGISTRY", &source.registry)
        .env("MIRROR_PREFIX", source.prefix.as_str())
        .env("RUST_LOG", "mirrorbus_mirror=debug,mirror_sqlite=debug")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn tell(command: &str, folder: &TempDir) -> String {
    let output = Command::new(PROGRAM).args([command, "--folder"]).arg(folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn terminate(child: Child) -> Output {
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    child.wait_with_output().unwrap()
}

fn next_offset(folder: &TempDir, topic: &str) -> i64 {
    let progress = mirror_sqlite::progress(&folder.path().join("Cust1.sqlite")).unwrap_or_default();
    progress.iter().find(|progress| progress.topic == topic).map_or(0, |progress| progress.next_offset)
}

#[test]
fn it_ends_cleanly_at_sigterm_and_tells_what_it_applied_but_never_a_value() {
    let source = Source::new("program");
    let contact = source.register("Cust1", &contact());
    source.create(&contact.topic, 1);
    let row =
        |id, name: &str| contact.row(1, &[("id", Value::Int(id)), ("name", Value::String(name.to_owned()))]);
    source.commit(Records::of([row(1, "canary-4711"), row(2, "canary-4711")]));
    let folder = TempDir::new().unwrap();
    let running = start(&source, &folder);
    let end = source.end(&contact.topic, 0);
    until("the rows are applied", || next_offset(&folder, &contact.topic) >= end);
    let second = start(&source, &folder).wait_with_output().unwrap();
    assert!(!second.status.success());
    assert!(String::from_utf8_lossy(&second.stderr).contains("is in use by another mirror"));
    let output = terminate(running);
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{log}");
    assert!(log.contains("created") && log.contains("applied"), "{log}");
    assert!(!log.contains("canary"), "{log}");
    let status = tell("status", &folder);
    assert!(status.contains("table contact: 2 inserts, 0 updates, 0 deletes"), "{status}");
    let sum = mirror_sqlite::checksum(&folder.path().join("Cust1.sqlite"), "contact").unwrap();
    assert_eq!(tell("checksum", &folder), format!("Cust1.contact 2 rows {sum}\n"));
}

#[test]
fn killed_at_any_batch_it_goes_on_where_it_was() {
    let source = Source::new("killed");
    let contact = source.register("Cust1", &contact());
    source.create(&contact.topic, 1);
    let folder = TempDir::new().unwrap();
    for round in 0..6 {
        let mut child = start(&source, &folder);
        let before = next_offset(&folder, &contact.topic);
        for number in 0..10 {
            let row = |id: i32| {
                let name = Value::String(format!("{round}.{number}"));
                contact.row(1, &[("id", Value::Int(id * 3 + number)), ("name", name)])
            };
            source.commit(Records::of((0..20).map(row).chain([contact.delete(1, Value::Int(round))])));
        }
        until("something more is applied", || next_offset(&folder, &contact.topic) > before);
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let child = start(&source, &folder);
    // Something that only this one can apply: a signal must not come before it listens for one.
    source.commit(Records::of([
        contact.row(1, &[("id", Value::Int(900)), ("name", Value::String("last".into()))])
    ]));
    let end = source.end(&contact.topic, 0);
    until("all is applied", || next_offset(&folder, &contact.topic) >= end);
    assert!(terminate(child).status.success());

    let fresh = TempDir::new().unwrap();
    let child = start(&source, &fresh);
    until("a mirror that was never killed has all", || next_offset(&fresh, &contact.topic) >= end);
    assert!(terminate(child).status.success());
    let sum =
        |folder: &TempDir| mirror_sqlite::checksum(&folder.path().join("Cust1.sqlite"), "contact").unwrap();
    assert_eq!(sum(&folder), sum(&fresh));
    assert!(sum(&fresh).rows > 20);
}
