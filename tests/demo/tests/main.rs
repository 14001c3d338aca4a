//! The demo as a person runs it, in a folder of its own with services of its own.
// All of this is test code, also outside of functions marked so.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::Command;

use demo::comparison::Comparison;
use demo::mirrored::{InPostgres, in_sqlite};
use operations_center::tenant::Tenant;
use services::{Options, Postgres, Services, Storage};

const TENANT: &str = "Cust10001";

fn demo(folder: &Path, seconds: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_demo"));
    command.args(["--seconds", seconds, "--size", "20", "--folder"]).arg(folder);
    // Whoever runs this test may have named services of their own.
    for name in ["MIRRORBUS_TEST_KAFKA", "MIRRORBUS_TEST_REGISTRY", "MIRRORBUS_TEST_POSTGRES"] {
        command.env_remove(name);
    }
    command
}

/// Processes whose command line names the folder.
fn processes_of(folder: &Path) -> Vec<String> {
    let name = folder.to_str().unwrap();
    let lines = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let line = fs::read(entry.ok()?.path().join("cmdline")).ok()?;
        Some(String::from_utf8_lossy(&line).replace('\0', " "))
    });
    lines.filter(|line| line.contains(name)).collect()
}

#[test]
fn it_ends_by_itself_with_an_equal_comparison_that_one_changed_cell_makes_fail() {
    let folder = tempfile::tempdir().unwrap();
    let output = demo(folder.path(), "3").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(text.matches("rows: equal").count(), 2, "SQLite and PostgreSQL: {text}");
    assert!(text.contains("psql postgres://"), "{text}");
    assert_eq!(processes_of(folder.path()), Vec::<String>::new(), "something was left running");

    let source = Tenant::open(&folder.path().join(format!("{TENANT}.db"))).unwrap();
    let mirror = folder.path().join("mirror").join(format!("{TENANT}.sqlite"));
    let before = Comparison::of(&source, in_sqlite(&mirror).unwrap()).unwrap();
    assert!(before.is_equal() && before.is_exercised(), "{before}");
    assert!(before.tables.len() >= 25);

    let connection = rusqlite::Connection::open(&mirror).unwrap();
    let column: String = connection
        .query_row(
            "SELECT name FROM pragma_table_info('contact') WHERE type LIKE '%char%' LIMIT 1",
            [],
            |row| row.get(0),
        )
        .unwrap();
    let changed = connection
        .execute(
            &format!(
                "UPDATE contact SET \"{column}\" = 'changed by hand' WHERE rowid = (SELECT min(rowid) FROM contact)"
            ),
            [],
        )
        .unwrap();
    assert_eq!(changed, 1);
    let after = Comparison::of(&source, in_sqlite(&mirror).unwrap()).unwrap();
    assert!(!after.is_equal());
    let different: Vec<_> = after.tables.iter().filter(|(_, table)| !table.is_equal()).collect();
    assert_eq!(different.len(), 1, "{after}");
    assert_eq!(different[0].0, "contact");

    let server = Postgres::start(&folder.path().join("services"), &[], &mut |_| {}).unwrap();
    let mut mirror = InPostgres::connect(&server.url(), TENANT).unwrap();
    let before = Comparison::of(&source, mirror.tables().unwrap()).unwrap();
    assert!(before.is_equal() && before.is_exercised(), "{before}");
    let sql =
        format!(r#"DELETE FROM "{TENANT}".contact WHERE ctid = (SELECT min(ctid) FROM "{TENANT}".contact)"#);
    execute(&server.url(), &sql);
    assert!(!Comparison::of(&source, mirror.tables().unwrap()).unwrap().is_equal());
}

fn execute(url: &str, sql: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute(sql).await.unwrap();
    });
}

#[test]
fn without_postgres_it_says_so_and_goes_on() {
    let (folder, nothing) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let output = demo(folder.path(), "1").env("POSTGRES_BIN", nothing.path()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("no mirror in PostgreSQL this time"), "{text}");
    assert_eq!(text.matches("rows: equal").count(), 1, "{text}");
}

#[test]
fn it_uses_the_services_that_the_environment_names_and_leaves_them_running() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut options = Options::new(elsewhere.path(), Some(Storage::Memory), 1);
    options.postgres = Some(Vec::new());
    let services = Services::start(&options, &mut |_| {}).unwrap();
    let (kafka, registry) = (services.bootstrap_servers(), services.registry_url().unwrap());
    let mut command = demo(folder.path(), "1");
    let output = command.env("MIRRORBUS_TEST_KAFKA", &kafka).output().unwrap();
    assert!(!output.status.success(), "half of an answer is a mistake");
    command.env("MIRRORBUS_TEST_KAFKA", &kafka).env("MIRRORBUS_TEST_REGISTRY", &registry);
    let postgres = services.postgres().unwrap().url();
    command.env("MIRRORBUS_TEST_POSTGRES", &postgres);
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert_eq!(text.matches("rows: equal").count(), 2, "{text}");
    assert!(text.contains(&format!("the mirror stays in PostgreSQL: psql {postgres}")), "{text}");
    assert!(!folder.path().join("services").exists(), "services of its own were started");
    let subjects =
        ureq::get(format!("{registry}/subjects")).call().unwrap().body_mut().read_to_string().unwrap();
    assert!(subjects.contains("crm.Cust10001.contact-value"), "{subjects}");
    services.leader_of("crm.Cust10001.contact", 0).unwrap();
}
