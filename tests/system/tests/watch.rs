//! What an operator sees: numbers that agree with Kafka, and a readiness that follows the brokers.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mirrorbus_librdkafka::Isolation;
use operations_center::wire::{Request, TableInfo};

use crate::support::bridge::Bridge;
use crate::support::vendor::{column, table};
use crate::support::{Own, World, batch, contact, wait_until};

/// Keys and values of everything that is committed on a topic, and how many records.
fn committed(world: &World, topic: &str) -> (f64, f64) {
    let records = world.cluster.read(topic, Isolation::ReadCommitted);
    let bytes =
        |record: &crate::support::topic::Record| record.key.len() + record.value.as_ref().map_or(0, Vec::len);
    (records.iter().map(bytes).sum::<usize>() as f64, records.len() as f64)
}

/// A table with a value that does not hold all its digits.
fn priced() -> TableInfo {
    let mut priced = table("priced");
    priced.columns[1] = column("price", "decimal(5,2)", true);
    priced
}

#[test]
fn the_numbers_of_a_scrape_are_those_of_the_run_and_of_kafka() {
    let world = World::new();
    let bridge = world.bridge_with("ignore_tables = [\"skipped\"]");
    let vendor = world.vendor(&bridge);
    let (application, tenant) = (&world.prefix, &world.tenant);
    let of = |name: &str, labels: &str| {
        let series = format!("{name}{{application=\"{application}\"{labels}}}");
        bridge.metric(&series).unwrap_or_else(|| panic!("{series} is missing"))
    };

    let skipped = batch(&table("skipped"), 2, &[("I", 1, "a")]);
    vendor.cycle(&[
        batch(&contact(), 3, &[("I", 1, "a"), ("I", 2, "b"), ("I", 3, "c")]),
        batch(&priced(), 3, &[("I", 1, "[M:1.239]"), ("I", 2, "[M:1.23]")]),
        skipped.clone(),
    ]);
    let tables = [contact(), priced(), table("skipped")];
    vendor.open(&tables);
    vendor.rows(&[batch(&contact(), 4, &[("U", 1, "A"), ("D", 3, "")])]);
    vendor.rows(&[skipped]);
    vendor.complete();
    vendor.open(&tables);
    vendor.wipe("contact");
    vendor.rows(&[batch(&contact(), 5, &[("I", 1, "a")])]);
    vendor.complete();

    for (reason, tables) in [("new", 3.0), ("lost", 0.0)] {
        let labels = format!(",reason=\"{reason}\"");
        assert_eq!(of("mirrorbus_tables_asked_again_total", &labels), tables, "{reason}");
    }
    for (operation, calls) in [
        ("Authenticate", 3.0),
        ("TableSchema", 3.0),
        ("Wipe", 4.0),
        ("RowData", 6.0),
        ("ReplicationCompleted", 3.0),
    ] {
        let labels = format!(",operation=\"{operation}\",outcome=\"ok\"");
        assert_eq!(of("mirrorbus_calls_total", &labels), calls, "{operation}");
        let timed = format!("mirrorbus_call_duration_seconds_count{{operation=\"{operation}\"}}");
        assert_eq!(bridge.metric(&timed), Some(calls));
    }
    assert_eq!(of("mirrorbus_sessions_opened_total", ",reason=\"authenticate\""), 3.0);
    assert_eq!(of("mirrorbus_sessions_opened_total", ",reason=\"overtaken\""), 0.0);
    assert_eq!(of("mirrorbus_tenants_known", ""), 1.0);
    assert_eq!(bridge.metric("mirrorbus_producers_open"), Some(0.0), "a completed cycle closes the producer");
    assert_eq!(of("mirrorbus_values_changed_total", ""), 1.0);
    assert_eq!(of("mirrorbus_rows_discarded_total", ""), 2.0);
    assert_eq!(of("mirrorbus_keys_swept_total", ""), 1.0, "contact 2 did not come again");
    assert_eq!(bridge.metric("mirrorbus_sweeps_running"), Some(0.0));

    // What Kafka holds is what was counted.
    let topics = [world.topic("contact"), world.topic("priced")].map(|topic| committed(&world, &topic));
    let cycles = format!("{}-sys.{tenant}.cycles", world.prefix);
    let system = [world.positions(), cycles].map(|topic| committed(&world, &topic));
    let (upserts, deletes) = (
        of("mirrorbus_rows_committed_total", ",kind=\"upsert\""),
        of("mirrorbus_rows_committed_total", ",kind=\"delete\""),
    );
    assert_eq!((upserts, deletes), (7.0, 1.0));
    let records: f64 = topics.iter().map(|(_, records)| records).sum();
    assert_eq!(records, upserts + deletes + of("mirrorbus_keys_swept_total", ""));
    let bytes: f64 = topics.iter().chain(&system).map(|(bytes, _)| bytes).sum();
    assert_eq!(of("mirrorbus_bytes_committed_total", ""), bytes);

    let committed = bridge.metric("mirrorbus_transactions_total{outcome=\"committed\"}").unwrap();
    assert_eq!(bridge.metric("mirrorbus_commit_duration_seconds_count"), Some(committed));
    assert_eq!(bridge.metric("mirrorbus_registry_requests_total{outcome=\"failed\"}"), Some(0.0));
    // Keys and values of two tables, and the events.
    assert_eq!(bridge.metric("mirrorbus_registry_requests_total{outcome=\"ok\"}"), Some(5.0));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    let completed = of("mirrorbus_cycle_completed_timestamp_seconds", &format!(",tenant=\"{tenant}\""));
    assert!((now - completed).abs() < 60.0, "{completed}");
    // Those of earlier scrapes are read to their end before they are closed.
    let open = "mirrorbus_connections_open{listener=\"admin\"}";
    wait_until("only this scrape is connected", || bridge.metric(open) == Some(1.0));
    assert_eq!(bridge.metric("mirrorbus_body_bytes_in_flight"), Some(0.0));
    assert_eq!(bridge.metric("mirrorbus_body_bytes_limit"), Some(268_435_456.0));
    wait_until("both sides were asked", || {
        of("mirrorbus_ready", "") + of("mirrorbus_registry_up", "") == 2.0
    });
}

#[test]
fn trouble_shows_in_the_numbers() {
    let (world, bridge, vendor) = World::with_bridge();
    let of = |name: &str, labels: &str| {
        bridge.metric(&format!("{name}{{application=\"{}\"{labels}}}", world.prefix))
    };
    vendor.cycle(&[batch(&contact(), 3, &[("I", 1, "a")])]);

    // A batch that cannot be taken, until a cycle is whole again.
    vendor.open(&[contact()]);
    let mut bad = batch(&contact(), 4, &[("U", 1, "b")]);
    bad.rows[0].values[0] = Some("[I:x]".into());
    let message = vendor.fail(&Request::row_data(&[bad]));
    let code = message.split(':').next().unwrap();
    let poisoned = format!(",tenant=\"{}\"", world.tenant);
    assert_eq!(of("mirrorbus_tenant_poisoned", &poisoned), Some(1.0));
    assert_eq!(of("mirrorbus_calls_total", &format!(",operation=\"RowData\",outcome=\"{code}\"")), Some(1.0));
    let (_, report) = bridge.admin("/readyz");
    assert!(report.contains(&format!("tenant {}: data refused since ", world.tenant)), "{report}");
    vendor.cycle(&[batch(&contact(), 4, &[("U", 1, "b")])]);
    assert_eq!(of("mirrorbus_tenant_poisoned", &poisoned), Some(0.0));
    assert!(!bridge.admin("/readyz").1.contains("data refused"));

    // A topic that an operator throws away.
    world.cluster.delete_topic(&world.topic("contact"));
    assert_eq!(vendor.open(&[contact()])["contact"], -1);
    assert_eq!(of("mirrorbus_tables_asked_again_total", ",reason=\"lost\""), Some(1.0));

    // Rows against their position.
    vendor.rows(&[batch(&contact(), 9, &[("I", 1, "a")])]);
    vendor.complete();
    vendor.open(&[contact()]);
    vendor.fail(&Request::row_data(&[batch(&contact(), 8, &[("U", 1, "b")])]));
    assert_eq!(of("mirrorbus_alarms_total", ",kind=\"contradiction\""), Some(1.0));

    // Another bridge takes the tenant, and this one takes it back.
    let other = world.bridge();
    vendor.at(&other).open(&[contact()]);
    vendor.later().later();
    vendor.schema(&[contact()]);
    assert_eq!(of("mirrorbus_sessions_opened_total", ",reason=\"overtaken\""), Some(1.0));

    // An aborted call.
    let before = bridge.metric("mirrorbus_transactions_total{outcome=\"aborted\"}").unwrap();
    let mut bad = batch(&contact(), 10, &[("I", 1, "a"), ("I", 2, "b")]);
    bad.rows[1].values[0] = None;
    vendor.fail(&Request::row_data(&[bad]));
    assert_eq!(bridge.metric("mirrorbus_transactions_total{outcome=\"aborted\"}"), Some(before + 1.0));
}

#[test]
fn refused_tokens_are_all_counted_and_a_few_are_logged() {
    let (_world, bridge, vendor) = World::with_bridge();
    let token = vendor.token().with_tampered_signature().sign().unwrap();
    let call = crate::support::vendor::Call {
        operation: Request::authenticate().operation(),
        body: Request::authenticate().envelope(&token),
    };
    for _ in 0..50 {
        assert!(!vendor.send(&call).is_successful);
    }
    assert_eq!(bridge.metric("mirrorbus_requests_refused_total{class=\"token\"}"), Some(50.0));
    let lines = bridge.log().lines().filter(|line| line.contains("token refused")).count();
    assert_eq!(lines, 10, "{}", bridge.log());

    let post = |media_type: &str, body: &str| {
        let post = ureq::post(&bridge.url).header("content-type", media_type);
        post.config().http_status_as_error(false).build().send(body).unwrap().status().as_u16()
    };
    assert_eq!((post("text/plain", "x"), post("text/xml", "x")), (415, 500));
    assert_eq!(bridge.metric("mirrorbus_requests_refused_total{class=\"status\"}"), Some(1.0));
    assert_eq!(bridge.metric("mirrorbus_requests_refused_total{class=\"fault\"}"), Some(1.0));
}

#[test]
fn a_clock_that_differs_by_more_than_a_minute_is_told_once_a_minute() {
    let (_world, bridge, vendor) = World::with_bridge();
    let warnings = || bridge.log().matches("our clock differs").count();
    vendor.set_now(-30);
    vendor.succeed(&Request::authenticate());
    assert_eq!(warnings(), 0);
    assert!(!bridge.admin("/readyz").1.contains("clock"));
    // A clock that is wrong by two minutes looks like a token that was signed so long ago.
    vendor.set_now(-120);
    vendor.fail(&Request::authenticate());
    vendor.fail(&Request::authenticate());
    assert_eq!(warnings(), 1, "{}", bridge.log());
    let skew = bridge.metric("mirrorbus_clock_skew_seconds").unwrap();
    assert!((119.0..130.0).contains(&skew), "{skew}");
    let (status, report) = bridge.admin("/readyz");
    assert!(status == 200 && report.contains("clock: "), "{status}: {report}");
}

/// Waits until readiness is answered with `status`; how long that took.
fn readiness(bridge: &Bridge, status: u16) -> Duration {
    let began = Instant::now();
    wait_until(&format!("readiness is {status}"), || bridge.admin("/readyz").0 == status);
    began.elapsed()
}

#[test]
fn readiness_follows_the_brokers_within_seconds_and_names_the_cluster() {
    let mut own = Own::start();
    let world = own.world();
    let bridge = world.bridge();
    let vendor = world.vendor(&bridge);
    readiness(&bridge, 200);
    vendor.cycle(&[batch(&contact(), 3, &[("I", 1, "a")])]);
    vendor.open(&[contact()]);
    own.services.stop_kafka();
    let took = readiness(&bridge, 503);
    println!("not ready {took:?} after the broker's stop");
    assert!(took < Duration::from_secs(5), "{took:?}");
    let (_, report) = bridge.admin("/readyz");
    let line =
        format!("application {}: kafka {} does not answer since 20", world.prefix, world.cluster.kafka);
    assert!(report.starts_with("not ready\n") && report.contains(&line), "{report}");
    assert_eq!(bridge.admin("/livez"), (200, "ok\n".to_owned()));
    assert_eq!(bridge.metric(&format!("mirrorbus_ready{{application=\"{}\"}}", world.prefix)), Some(0.0));
    vendor.fail(&Request::row_data(&[batch(&contact(), 4, &[("U", 1, "b")])]));
    own.services.start_kafka().unwrap();
    let took = readiness(&bridge, 200);
    println!("ready {took:?} after the broker's return");
    assert!(took < Duration::from_secs(15), "{took:?}");
    vendor.cycle(&[batch(&contact(), 4, &[("U", 1, "b")])]);
    assert_eq!(world.contacts(), [(1, Some("b".into()))]);

    // What librdkafka had to say meanwhile is in the log like everything else.
    let log = bridge.log();
    assert!(log.contains("\"target\":\"librdkafka\""), "{log}");
    for line in log.lines() {
        assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "no line of the log: {line}");
    }
}

#[test]
fn a_registry_that_is_down_is_told_and_takes_no_bridge_away() {
    let services = World::new();
    let nobody = "http://127.0.0.1:9/apis/ccompat/v7";
    let world = World::on(&services.cluster.kafka, nobody);
    let bridge = world.bridge();
    readiness(&bridge, 200);
    let line = format!("application {}: registry {nobody} does not answer since 20", world.prefix);
    wait_until("the registry's state is told", || bridge.admin("/readyz").1.contains(&line));
    assert_eq!(
        bridge.metric(&format!("mirrorbus_registry_up{{application=\"{}\"}}", world.prefix)),
        Some(0.0)
    );
}
