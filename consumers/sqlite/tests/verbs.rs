//! The verbs as a person calls them, while the program mirrors.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use apache_avro::types::Value;
use rusqlite::Connection;
use serde_json::Value as Json;
use tempfile::TempDir;

use super::mirror::contact;
use super::program::{PROGRAM, ask, configuration, next_offset, start, terminate};
use super::source::{Records, Registered, Source, until};

fn rows(table: &Registered, ids: std::ops::Range<i32>, name: &str) -> Records {
    let row = |id| table.row(1, &[("id", Value::Int(id)), ("name", Value::String(name.to_owned()))]);
    Records::of(ids.map(row))
}

fn mirrored(source: &Source, count: i32) -> (Registered, TempDir, Child) {
    let contact = source.register("Cust1", &contact());
    source.create(&contact.topic, 1);
    source.commit(rows(&contact, 0..count, "x"));
    let folder = TempDir::new().unwrap();
    let running = start(source, &folder);
    reach(source, &contact, &folder);
    (contact, folder, running)
}

fn reach(source: &Source, contact: &Registered, folder: &TempDir) {
    let end = source.end(&contact.topic, 0);
    until("all is applied", || next_offset(folder, &contact.topic) >= end);
}

fn file(folder: &TempDir) -> Connection {
    Connection::open(folder.path().join("Cust1.sqlite")).unwrap()
}

fn json(text: &str) -> Json {
    serde_json::from_str(text).unwrap()
}

#[test]
fn what_somebody_changed_is_named_and_mended() {
    let source = Source::new("mended");
    let (contact, folder, running) = mirrored(&source, 50);
    assert_eq!(ask(&source, &folder, &["verify"]).0, Some(0));
    file(&folder)
        .execute_batch(
            "UPDATE contact SET name = 'other' WHERE id = 3; DELETE FROM contact WHERE id = 5;
             INSERT INTO contact (id) VALUES (99);",
        )
        .unwrap();
    let (code, text) = ask(&source, &folder, &["verify", "--tenant", "Cust1", "--table", "contact"]);
    assert_eq!(code, Some(3));
    for named in ["changed id=3", "missing id=5", "extra id=99"] {
        assert!(text.contains(named), "{text}");
    }
    assert!(!text.contains("other"), "{text}");
    let (code, text) = ask(&source, &folder, &["verify", "--repair", "-o", "json"]);
    let report = &json(&text)["tenants"][0]["tables"][0];
    assert_eq!((code, report["repaired"].as_array().unwrap().len()), (Some(0), 3));
    assert_eq!(report["copy"], report["topic"]);
    source.commit(rows(&contact, 50..60, "y"));
    reach(&source, &contact, &folder);
    assert!(terminate(running).status.success());
    assert_eq!(ask(&source, &folder, &["verify"]).0, Some(0));
}

#[test]
fn a_regenerated_copy_is_taken_over_by_the_mirror_that_runs() {
    let source = Source::new("anew");
    let (contact, folder, running) = mirrored(&source, 2000);
    // Killed at any moment it leaves the live copy as it was.
    for _ in 0..3 {
        let mut child = Command::new(PROGRAM)
            .args(["regenerate", "Cust1", "--batch-records", "50", "--config"])
            .arg(configuration(&source, &folder))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let beside = folder.path().join("Cust1.beside");
        until("a copy is made", || beside.exists());
        child.kill().unwrap();
        child.wait().unwrap();
        source.commit(rows(&contact, 0..20, "more"));
    }
    reach(&source, &contact, &folder);
    assert_eq!(ask(&source, &folder, &["verify"]).0, Some(0));
    file(&folder).execute_batch("DELETE FROM contact WHERE id < 1000").unwrap();
    let (code, text) = ask(&source, &folder, &["regenerate", "Cust1", "-o", "json"]);
    let made = json(text.lines().last().unwrap());
    assert_eq!((code, made["regenerated"]["tables"]["contact"].as_u64()), (Some(0), Some(2000)), "{text}");
    assert!(text.lines().count() > 1 && json(text.lines().next().unwrap())["progress"]["percent"].is_f64());
    source.commit(rows(&contact, 2000..2100, "later"));
    reach(&source, &contact, &folder);
    let output = terminate(running);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (code, text) = ask(&source, &folder, &["verify", "-o", "json"]);
    assert_eq!(
        (code, json(&text)["tenants"][0]["tables"][0]["copy"]["rows"].as_u64()),
        (Some(0), Some(2100))
    );
}

#[test]
fn a_mirror_that_was_thrown_away_comes_back() {
    let source = Source::new("back");
    let (_, folder, running) = mirrored(&source, 30);
    assert!(terminate(running).status.success());
    let fresh = TempDir::new().unwrap();
    assert_eq!(ask(&source, &fresh, &["regenerate", "Cust1"]).0, Some(0));
    assert_eq!(ask(&source, &fresh, &["verify"]).0, Some(0));
    assert_eq!(ask(&source, &fresh, &["checksum"]), ask(&source, &folder, &["checksum"]));
}

#[test]
fn operators_are_answered_and_processes_of_a_group_share() {
    let source = Source::new("service");
    let contact = source.register("Cust1", &contact());
    source.create(&contact.topic, 1);
    // By which a group deals out the tenant.
    source.create(&source.cycles_topic("Cust1"), 1);
    source.commit(rows(&contact, 0..5, "x"));
    let folder = TempDir::new().unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let start = |arguments: &[&str]| {
        Command::new(PROGRAM)
            .args(["run", "--group", source.prefix.as_str(), "--config"])
            .arg(configuration(&source, &folder))
            .args(arguments)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let (first, second) = (start(&["--admin-listen", &free.to_string()]), start(&[]));
    reach(&source, &contact, &folder);
    let get = |path: &str| {
        let mut stream = TcpStream::connect(free).ok()?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    };
    until("it is ready", || get("/readyz").is_some_and(|answer| answer.starts_with("HTTP/1.1 200")));
    assert!(get("/metrics").unwrap().contains("# TYPE"));
    for child in [first, second] {
        let output = terminate(child);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn a_log_that_nobody_reads_any_more_hinders_nothing() {
    let source = Source::new("unread");
    let (contact, folder, mut running) = mirrored(&source, 3);
    drop(running.stderr.take());
    source.commit(rows(&contact, 3..6, "x"));
    reach(&source, &contact, &folder);
    assert!(terminate(running).status.success());
}

#[test]
fn exit_codes_tell_why() {
    let source = Source::new("codes");
    let (_, folder, running) = mirrored(&source, 3);
    for (arguments, expected) in [
        (&["verify", "--tenant", "Nobody"][..], 1),
        (&["regenerate", "Nobody"], 1),
        (&["verify", "--tabel", "x"], 2),
        (&["status", "--kafka-setting", "sasl.password=secret"], 2),
        (&["status", "--kafka-setting", "no.such=setting"], 2),
        (&["status", "--registry", "http://user:secret@localhost"], 2),
        (&["status", "--registry-user", "me"], 2),
        (&["--help"], 0),
    ] {
        let (code, text) = ask(&source, &folder, arguments);
        assert_eq!(code, Some(expected), "{arguments:?}: {text}");
    }
    let (code, text) = ask(&source, &folder, &["verify", "--tenant", "Nobody", "-o", "json"]);
    assert!(code == Some(1) && json(&text)["error"].as_str().unwrap().contains("Nobody"), "{text}");
    assert!(terminate(running).status.success());
}

#[test]
fn the_environment_wins_over_the_file_and_the_command_line_over_both() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("mirror.toml");
    std::fs::write(&file, "folder = \"/no/such/file\"\n").unwrap();
    let ask = |variable: &str, arguments: &[&str]| {
        let mut command = Command::new(PROGRAM);
        command.args(["checksum", "--config"]).arg(&file).args(arguments);
        if !variable.is_empty() {
            command.env("MIRROR_FOLDER", variable);
        }
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let good = folder.path().to_str().unwrap();
    assert_eq!(ask(good, &[]).0, Some(0));
    assert_eq!(ask("/dev/null/nothing", &["--folder", good]).0, Some(0));
    let (code, log) = ask("/dev/null/nothing", &[]);
    assert!(code == Some(1) && log.contains("/dev/null/nothing"), "{log}");
}
