//! PostgreSQL: what is kept, what ends, and what is said where it cannot start.

use std::path::Path;
use std::time::Duration;

use services::{Options, Postgres, Services};
use tokio::runtime::Builder;
use tokio_postgres::{NoTls, SimpleQueryMessage};

use crate::tool::{Tool, assert_no_process_within, processes_of, tool};

/// How soon after a `kill -9` of the tool the server's processes must be gone.
const GONE: Duration = Duration::from_secs(5);

/// The first columns of a query's rows.
fn ask(url: &str, statements: &str) -> Result<Vec<String>, tokio_postgres::Error> {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        let served = tokio::spawn(connection);
        let answer = client.simple_query(statements).await;
        drop(client);
        served.await.unwrap()?;
        let rows = answer?.into_iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or_default().to_owned()),
            _ => None,
        });
        Ok(rows.collect())
    })
}

fn numbers(url: &str) -> Vec<String> {
    ask(url, "SELECT number FROM kept ORDER BY number").unwrap()
}

#[test]
fn what_was_committed_survives_a_stop_a_kill_and_a_second_start_on_the_same_port() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("shared_buffers".to_owned(), "16MB".to_owned())];
    let start = || Postgres::start(folder.path(), &settings, &mut |_| {}).unwrap();
    let mut postgres = start();
    let url = postgres.url();
    assert_eq!(ask(&url, "SHOW shared_buffers").unwrap(), ["16MB"], "the caller's settings count");
    ask(&url, "CREATE TABLE kept (number int); INSERT INTO kept VALUES (1)").unwrap();
    postgres.stop();
    assert!(ask(&url, "SELECT 1").is_err(), "it is stopped");
    assert_eq!(processes_of(folder.path()), Vec::<String>::new());

    postgres.restart().unwrap();
    ask(&url, "INSERT INTO kept VALUES (2)").unwrap();
    postgres.kill();
    assert_eq!(processes_of(folder.path()), Vec::<String>::new(), "a kill waits for all of its processes");
    postgres.restart().unwrap();
    assert_eq!(numbers(&url), ["1", "2"]);
    drop(postgres);

    let postgres = start();
    assert_eq!(postgres.url(), url);
    assert_eq!(numbers(&url), ["1", "2"]);
    assert!(postgres.process().unwrap().family_peak_mb().unwrap() > 0.0);
}

#[test]
fn a_stop_does_not_wait_for_clients() {
    let folder = tempfile::tempdir().unwrap();
    let mut postgres = Postgres::start(folder.path(), &[], &mut |_| {}).unwrap();
    let url = postgres.url();
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (client, connection) = runtime.block_on(tokio_postgres::connect(&url, NoTls)).unwrap();
    runtime.spawn(connection);
    runtime.block_on(client.batch_execute("BEGIN; CREATE TABLE undone (number int)")).unwrap();
    postgres.stop();
    assert!(client.is_closed() || runtime.block_on(client.batch_execute("COMMIT")).is_err());
    postgres.restart().unwrap();
    assert_eq!(ask(&url, "SELECT to_regclass('undone') IS NULL").unwrap(), ["t"]);
}

#[test]
fn the_tool_names_postgres_beside_kafka_and_a_kill_of_the_tool_leaves_no_process() {
    let folder = tempfile::tempdir().unwrap();
    let (first, url) = up(folder.path());
    ask(&url, "CREATE TABLE kept (number int); INSERT INTO kept VALUES (1)").unwrap();
    let servers = processes_of(folder.path());
    assert!(servers.iter().any(|line| line.contains("bin/postgres")), "{servers:?}");
    first.kill();
    assert_no_process_within(GONE, folder.path());

    let (second, url) = up(folder.path());
    assert_eq!(numbers(&url), ["1"]);
    assert_eq!(second.interrupt().code(), Some(0));
    assert_eq!(processes_of(folder.path()), Vec::<String>::new());
}

fn up(folder: &Path) -> (Tool, String) {
    let folder = folder.to_str().unwrap();
    let mut tool = Tool::start(&["up", "--folder", folder, "--registry", "none", "--postgres"]);
    tool.value("MIRRORBUS_TEST_KAFKA");
    let url = tool.value("MIRRORBUS_TEST_POSTGRES");
    (tool, url)
}

#[test]
fn a_server_that_the_environment_names_is_passed_on_and_none_started() {
    let folder = tempfile::tempdir().unwrap();
    let script = "echo $MIRRORBUS_TEST_POSTGRES";
    let path = folder.path().to_str().unwrap();
    let mut tool =
        tool(&["run", "--folder", path, "--registry", "none", "--postgres", "--", "sh", "-c", script]);
    let output = tool.env("MIRRORBUS_TEST_POSTGRES", "postgres://somewhere/else").output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "postgres://somewhere/else\n");
    assert!(!folder.path().join("postgres").exists());
}

#[test]
fn a_machine_without_postgres_is_told_what_to_install() {
    let nothing = tempfile::tempdir().unwrap();
    let mut tool = tool(&["run", "--postgres", "--", "true"]);
    tool.env("POSTGRES_BIN", nothing.path()).env("TMPDIR", nothing.path());
    let output = tool.output().unwrap();
    assert_eq!(output.status.code(), Some(125));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("apt-get install postgresql"), "{errors}");
    assert!(!errors.contains("answers on"), "nothing was started: {errors}");
    assert_eq!(nothing.path().read_dir().unwrap().count(), 0, "nothing is left behind");
}

#[test]
fn services_have_it_when_it_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = Options::new(folder.path(), None, 1);
    drop(Services::start(&options, &mut |_| {}).map(|services| assert!(services.postgres().is_none())));
    options.postgres = Some(Vec::new());
    let mut services = Services::start(&options, &mut |_| {}).unwrap();
    services.postgres_mut().unwrap().restart().unwrap();
    assert_eq!(ask(&services.postgres().unwrap().url(), "SELECT 1").unwrap(), ["1"]);
}
