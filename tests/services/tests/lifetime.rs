//! What starts, what ends, what is kept.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use services::{Options, Services, Storage};

use crate::client;
use crate::tool::{Tool, assert_no_process_within, processes_of, tool};

/// How soon after a `kill -9` of the tool its children must be gone.
const GONE: Duration = Duration::from_secs(5);

#[test]
fn what_was_committed_and_registered_survives_a_stop_and_a_kill_that_leaves_no_process() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();

    let (first, kafka, registry) = up(folder);
    client::create_topic(&kafka, "kept", 1);
    client::write(&kafka, "kept", "before the stop", true);
    client::write(&kafka, "kept", "aborted", false);
    let id = client::register(&registry, "one");
    assert_eq!(client::subjects(&registry), r#"["one"]"#);
    let second = tool(&["up", "--folder", folder.to_str().unwrap()]).status().unwrap();
    assert_eq!(second.code(), Some(125), "two tools in one folder");
    assert_eq!(first.interrupt().code(), Some(0));
    // An orderly end has waited for its children.
    assert_eq!(processes_of(folder), Vec::<String>::new());

    let (second, kafka, registry) = up(folder);
    assert_eq!(client::read(&kafka, "kept", 1), ["before the stop"]);
    client::write(&kafka, "kept", "before the kill", true);
    assert_eq!(client::register(&registry, "two"), id, "the same schema has the same id");
    let jvms = processes_of(folder).into_iter().filter(|line| line.contains("-XX:+UseSerialGC"));
    assert!(jvms.count() >= 1, "the search must find what is to end");
    second.kill();
    assert_no_process_within(GONE, folder);

    let (third, kafka, registry) = up(folder);
    assert_eq!(client::read(&kafka, "kept", 2), ["before the stop", "before the kill"]);
    assert_eq!(client::subjects(&registry), r#"["one","two"]"#);
    third.kill();
    assert_no_process_within(GONE, folder);
}

fn up(folder: &Path) -> (Tool, String, String) {
    let mut tool = Tool::up(folder);
    let kafka = tool.value("MIRRORBUS_TEST_KAFKA");
    let registry = tool.value("MIRRORBUS_TEST_REGISTRY");
    (tool, kafka, registry)
}

#[test]
fn two_tools_run_at_once_and_the_exit_code_of_the_command_passes_both() {
    let script = "echo $MIRRORBUS_TEST_KAFKA; echo $MIRRORBUS_TEST_REGISTRY; exit 7";
    let inner = ["run", "--registry", "memory", "--", "sh", "-c", script];
    let mut outer = tool(&["run", "--registry", "memory", "--", env!("CARGO_BIN_EXE_services")]);
    let output = outer.args(inner).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(7), "{errors}");
    assert!(!errors.contains("trying again"), "{errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    let (kafka, registry) = text.split_once('\n').unwrap();
    assert!(kafka.starts_with("127.0.0.1:"), "{text}");
    assert!(registry.ends_with("/apis/ccompat/v7\n"), "{text}");
}

#[test]
fn an_interrupt_reaches_the_command_which_may_end_in_its_own_way() {
    let script = "trap 'exit 3' INT; echo ${MIRRORBUS_TEST_REGISTRY-none}; while :; do sleep 0.02; done";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let mut tool = Tool::start(&["run", "--folder", path, "--registry", "none", "--", "sh", "-c", script]);
    assert_eq!(tool.line(), "none", "without a registry the environment names none");
    assert_eq!(tool.interrupt().code(), Some(3));
    assert_eq!(processes_of(folder.path()), Vec::<String>::new());
}

#[test]
fn an_interrupt_during_the_start_ends_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let tool = Tool::up(folder.path());
    wait_for_file(&folder.path().join("registry.log"));
    assert_eq!(tool.interrupt().code(), Some(125));
    assert_eq!(processes_of(folder.path()), Vec::<String>::new());
}

#[test]
fn ports_that_others_take_during_the_start_are_survived() {
    let folder = tempfile::tempdir().unwrap();
    let ports = folder.path().join("ports");
    let thief = {
        let ports = ports.clone();
        // Long before Kafka's JVM has come so far as to bind them.
        thread::spawn(move || take_all(&wait_for_file(&ports)))
    };
    let options = Options::new(folder.path(), None, 1);
    let mut progress = Vec::new();
    let services = Services::start(&options, &mut |line| progress.push(line.to_owned())).unwrap();
    let taken = thief.join().unwrap();
    assert!(progress.iter().any(|line| line.contains("trying again")), "{progress:?}");
    let port: u16 = services.bootstrap_servers().rsplit_once(':').unwrap().1.parse().unwrap();
    assert!(taken.iter().all(|taken| taken.local_addr().unwrap().port() != port));
    assert_eq!(client::brokers(&services.bootstrap_servers()), 1);
}

fn take_all(ports: &str) -> Vec<TcpListener> {
    let ports = ports.lines().map(|line| line.split_once('=').unwrap().1.parse::<u16>().unwrap());
    ports.map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap()).collect()
}

/// The text of a file as soon as it is there and holds whole lines, or is a log.
fn wait_for_file(path: &Path) -> String {
    let begin = Instant::now();
    loop {
        match fs::read_to_string(path) {
            Ok(text) if text.ends_with('\n') || path.extension().is_some() => return text,
            _ => assert!(begin.elapsed() < Duration::from_secs(30), "no {}", path.display()),
        }
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn three_nodes_form_one_cluster_that_survives_the_kill_of_all() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options::new(folder.path(), Some(Storage::Memory), 3);
    let mut services = Services::start(&options, &mut |_| {}).unwrap();
    let kafka = services.bootstrap_servers();
    assert_eq!(kafka.split(',').count(), 3);
    assert_eq!(client::brokers(&kafka), 3);
    assert_eq!(client::subjects(&services.registry_url().unwrap()), "[]");
    client::create_topic(&kafka, "three", 3);
    client::write(&kafka, "three", "before the kill", true);
    services.kill_kafka();
    services.start_kafka().unwrap();
    assert_eq!(client::read(&kafka, "three", 1), ["before the kill"]);
}

/// Lets a test wait for what nobody tells it.
fn wait_until(what: &str, mut happened: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !happened() {
        assert!(begin.elapsed() < Duration::from_secs(30), "waited in vain until {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn single_nodes_are_killed_paused_and_stopped_and_the_others_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let disk = tempfile::tempdir().unwrap();
    let mut options = Options::new(folder.path(), None, 3);
    options.settings =
        vec![("num.partitions".into(), "7".into()), ("offsets.topic.num.partitions".into(), "2".into())];
    options.data = [(2, disk.path().join("data"))].into();
    let mut services = Services::start(&options, &mut |_| {}).unwrap();
    let kafka = services.bootstrap_servers();
    assert_eq!(client::broker_setting(&kafka, "num.partitions"), "7");
    assert_eq!(
        client::broker_setting(&kafka, "offsets.topic.num.partitions"),
        "2",
        "the caller's line counts"
    );
    client::create_topic(&kafka, "three", 3);
    client::write(&kafka, "three", "first", true);
    assert!(disk.path().join("data/three-0").is_dir(), "a node keeps its records where it is told to");

    let coordinator = services.coordinator_of("three").unwrap();
    assert_eq!(coordinator, client::coordinator(&kafka, "three"), "as the cluster says");
    let leader = services.leader_of("three", 0).unwrap();
    services.kill_node(leader).unwrap();
    wait_until("another node leads", || services.leader_of("three", 0).unwrap() != leader);
    assert!(services.kill_node(leader).is_err(), "it does not run");
    client::write(&kafka, "three", "without the first leader", true);
    services.start_node(leader).unwrap();
    services.stop_node(leader % 3 + 1).unwrap();
    services.start_kafka().unwrap();
    services.pause_node(leader).unwrap();
    client::write(&kafka, "three", "beside a paused node", true);
    services.resume_node(leader).unwrap();
    services.start_kafka().unwrap();
    assert_eq!(client::read(&kafka, "three", 3).len(), 3);
}

#[test]
fn a_registry_that_was_stopped_comes_back_on_its_port_with_its_schemas() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options::new(folder.path(), Some(Storage::Disk), 1);
    let mut services = Services::start(&options, &mut |_| {}).unwrap();
    let registry = services.registry_url().unwrap();
    client::register(&registry, "one");
    services.stop_registry().unwrap();
    assert!(ureq::get(format!("{registry}/subjects")).call().is_err());
    services.start_registry().unwrap();
    assert_eq!(client::subjects(&registry), r#"["one"]"#);
}
