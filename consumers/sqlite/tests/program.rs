//! The program as it is started, told to stop, and killed.

use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use apache_avro::types::Value;
use tempfile::TempDir;

use super::mirror::contact;
use super::source::{Records, Source, until};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_mirror-sqlite");

pub(crate) fn start(source: &Source, folder: &TempDir) -> Child {
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

/// A configuration file that says all that verbs need.
pub(crate) fn configuration(source: &Source, folder: &TempDir) -> PathBuf {
    let file = folder.path().join("mirror.toml");
    let place = folder.path().to_str().unwrap();
    let text = format!(
        "kafka = {:?}\nregistry = {:?}\nprefix = {:?}\nfolder = {place:?}\n",
        source.kafka,
        source.registry,
        source.prefix.as_str()
    );
    std::fs::write(&file, text).unwrap();
    file
}

/// A verb's exit code and what it prints.
pub(crate) fn ask(source: &Source, folder: &TempDir, arguments: &[&str]) -> (Option<i32>, String) {
    let file = configuration(source, folder);
    let output = Command::new(PROGRAM).args(arguments).arg("--config").arg(&file).output().unwrap();
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(!log.contains("panicked"), "{log}");
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

pub(crate) fn terminate(child: Child) -> Output {
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    child.wait_with_output().unwrap()
}

pub(crate) fn next_offset(folder: &TempDir, topic: &str) -> i64 {
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
    let output = terminate(running);
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{log}");
    assert!(log.contains("created") && log.contains("applied"), "{log}");
    assert!(!log.contains("canary"), "{log}");
    let (code, status) = ask(&source, &folder, &["status"]);
    assert!(code == Some(0) && status.starts_with("Cust1: caught up"), "{status}");
    assert!(status.lines().any(|line| line.starts_with("  contact  caught up  2     0")), "{status}");
    let sum = mirror_sqlite::checksum(&folder.path().join("Cust1.sqlite"), "contact").unwrap();
    let checksum = ask(&source, &folder, &["checksum", "--tenant", "Cust1"]);
    assert_eq!(checksum, (Some(0), format!("Cust1.contact 2 rows {sum}\n")));
}

#[test]
fn of_two_processes_on_one_tenant_one_is_stopped_and_nothing_is_applied_twice() {
    let source = Source::new("processes");
    let contact = source.register("Cust1", &contact());
    source.create(&contact.topic, 1);
    let row = |id| contact.row(1, &[("id", Value::Int(id)), ("name", Value::String("x".into()))]);
    let folder = TempDir::new().unwrap();
    source.commit(row(0));
    let first = start(&source, &folder);
    until("the first applies", || next_offset(&folder, &contact.topic) > 0);
    // Stopped in whatever it does, it comes back when another has taken its place.
    assert!(Command::new("kill").args(["-STOP", &first.id().to_string()]).status().unwrap().success());
    let second = start(&source, &folder);
    source.commit(Records::of((1..500).map(row)));
    let end = source.end(&contact.topic, 0);
    until("the second applies", || next_offset(&folder, &contact.topic) >= end);
    assert!(Command::new("kill").args(["-CONT", &first.id().to_string()]).status().unwrap().success());
    source.commit(Records::of((500..600).map(row)));
    let first = first.wait_with_output().unwrap();
    let log = String::from_utf8_lossy(&first.stderr).into_owned();
    assert!(
        !first.status.success() && log.contains("the mirror stops, so that the other one can go on"),
        "{log}"
    );
    let end = source.end(&contact.topic, 0);
    until("the second goes on", || next_offset(&folder, &contact.topic) >= end);
    assert!(terminate(second).status.success());
    let applied = mirror_sqlite::applied(&folder.path().join("Cust1.sqlite")).unwrap();
    assert_eq!((applied[0].inserts, applied[0].updates), (600, 0));
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
