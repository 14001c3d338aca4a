//! A mirror seen from outside.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use kafka_proxy::{Conditions, Direction, Protocol, Proxy};
use mirrorbus_mirror::{Admin, Running, Settings, serve, spawn};
use services::{Options, Services};
use tempfile::TempDir;

use super::destination::InMemory;
use super::faults::{contact, rows};
use super::source::{Records, Source, until};

/// A failure shows within this time.
const SHOWS: Duration = Duration::from_secs(5);
/// Its end shows within this time.
const IS_OVER: Duration = Duration::from_secs(15);

/// Status and body.
fn get(admin: SocketAddr, path: &str) -> (u16, String) {
    let mut connection = TcpStream::connect(admin).unwrap();
    write!(connection, "GET {path} HTTP/1.1\r\nHost: mirror\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// The number of a series whose name and labels, but for the application's, are these.
fn number(scrape: &str, application: &str, name: &str, label: &str) -> Option<f64> {
    let labels = match label {
        "" => format!("{{application=\"{application}\"}}"),
        label => format!("{{application=\"{application}\",{label}}}"),
    };
    let line = scrape.lines().find_map(|line| line.strip_prefix(&format!("{name}{labels} ")))?;
    Some(line.parse().unwrap())
}

fn start(settings: Settings, destination: &InMemory) -> (Running, Admin) {
    let running = spawn(settings, destination.clone()).unwrap();
    let admin = serve(SocketAddr::from(([127, 0, 0, 1], 0)), running.watch()).unwrap();
    (running, admin)
}

/// How long it takes until `/readyz` answers so, and with which words.
fn until_ready(admin: &Admin, wanted: u16, at_most: Duration) -> String {
    let begun = Instant::now();
    loop {
        let (status, body) = get(admin.address(), "/readyz");
        if status == wanted {
            eprintln!("{wanted} after {:?}: {}", begun.elapsed(), body.trim().replace('\n', "; "));
            return body;
        }
        assert!(begun.elapsed() < at_most, "not {wanted} within {at_most:?}: {body}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn settings(source: &Source) -> Settings {
    Settings::new(&source.kafka, &source.registry, source.prefix.clone())
}

#[test]
fn a_scrape_tells_what_was_applied_and_what_is_left() {
    let source = Source::new("scrape");
    let contact = source.register("Cust1", &contact());
    source.create(&contact.topic, 1);
    source.create(&source.cycles_topic("Cust1"), 1);
    source.commit(rows(&contact, 0..30));
    source.commit(contact.delete(1, apache_avro::types::Value::Int(3)));
    let destination = InMemory::default();
    let (running, admin) = start(settings(&source), &destination);
    let application = source.prefix.as_str();
    let tenant = "tenant=\"Cust1\"";
    let scrape = || get(admin.address(), "/metrics").1;
    let of = |name: &str, label: &str| number(&scrape(), application, name, label);
    until("nothing is left", || of("mirror_lag_records", tenant) == Some(0.0));
    until_ready(&admin, 200, Duration::ZERO);
    assert_eq!(get(admin.address(), "/livez"), (200, "ok\n".to_owned()));
    assert_eq!(of("mirror_records_applied_total", ""), Some(31.0));
    let rows_applied = |kind: &str| of("mirror_rows_applied_total", &format!("kind=\"{kind}\""));
    // Upserts and deletes of one key in one batch are one change.
    assert!(rows_applied("upsert").unwrap() >= 29.0 && rows_applied("delete") == Some(1.0));
    assert!(of("mirror_bytes_applied_total", "").unwrap() > 31.0 * 10.0);
    assert_eq!(of("mirror_batch_duration_seconds_count", "").unwrap(), destination.batches() as f64);
    assert_eq!(of("mirror_lag_seconds", tenant), Some(0.0));
    assert_eq!(of("mirror_topics_followed", ""), Some(2.0));
    assert_eq!(of("mirror_tenants", "state=\"live\""), Some(1.0));
    assert_eq!(of("mirror_tenants", "state=\"owned\""), Some(1.0));
    assert_eq!(of("mirror_ready", ""), Some(1.0));
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    let caught_up = || of("mirror_caught_up_timestamp_seconds", tenant);
    until("it has caught up", || caught_up().is_some_and(|caught_up| (now - caught_up).abs() < 10.0));
    let progress = running.watch().progress().into_values().next().unwrap();
    assert_eq!((progress.records, progress.to_go), (31, Some(0)));
    assert_eq!(i64::try_from(progress.passed).unwrap(), source.end(&contact.topic, 0));

    // Records that cannot be applied are lag, and get older; the topic made anew is a rebuild, and no lag any more.
    source.commit(Records::garbage(&contact.topic));
    until("records are left", || of("mirror_lag_records", tenant) > Some(0.0));
    until("they get older", || of("mirror_lag_seconds", tenant) > Some(2.0));
    assert!(of("mirror_errors_total", "kind=\"record\"") >= Some(1.0));
    assert_eq!(of("mirror_tenants", "state=\"aside\""), Some(1.0));
    let (status, body) = get(admin.address(), "/readyz");
    assert!(status == 200 && body.contains("tenant Cust1 has waited"), "others go on: {body}");
    source.delete(&contact.topic);
    source.create(&contact.topic, 1);
    source.commit(rows(&contact, 0..5));
    until("it is read anew", || destination.rows("Cust1", "contact").len() == 5);
    until("nothing is left again", || of("mirror_lag_records", tenant) == Some(0.0));
    let rebuilt = "reason=\"the topic was deleted and made anew\"";
    assert_eq!(of("mirror_rebuilds_total", rebuilt), Some(1.0));

    source.delete(&contact.topic);
    source.delete(&source.cycles_topic("Cust1"));
    until("a tenant that is no more leaves no series", || !scrape().contains(tenant));
    running.stop().unwrap();
    assert!(until_ready(&admin, 503, SHOWS).contains("has ended"));
}

#[test]
fn readiness_follows_the_destination() {
    let source = Source::new("broken");
    let contact = source.register("Cust1", &contact());
    source.create(&contact.topic, 1);
    source.commit(rows(&contact, 0..3));
    let destination = InMemory::default();
    let (running, admin) = start(settings(&source), &destination);
    until("it is mirrored", || destination.rows("Cust1", "contact").len() == 3);
    until_ready(&admin, 200, SHOWS);
    // Nothing comes from Kafka meanwhile: that it is asked suffices.
    destination.set_broken(true);
    assert!(until_ready(&admin, 503, SHOWS).contains("tenant Cust1 has waited"));
    // So long that the mirror asks less often.
    let broken = Instant::now();
    while broken.elapsed() < Duration::from_secs(20) {
        let (status, body) = get(admin.address(), "/readyz");
        assert!(status == 503 && body.contains("it is broken"), "{body}");
        std::thread::sleep(Duration::from_millis(100));
    }
    destination.set_broken(false);
    until_ready(&admin, 200, IS_OVER);
    running.stop().unwrap();
}

#[test]
fn readiness_follows_a_destination_that_does_not_answer() {
    let source = Source::new("silent");
    let contact = source.register("Cust1", &contact());
    source.create(&contact.topic, 1);
    source.commit(rows(&contact, 0..3));
    let destination = InMemory::default();
    let (running, admin) = start(settings(&source), &destination);
    until("it is mirrored", || destination.rows("Cust1", "contact").len() == 3);
    until_ready(&admin, 200, SHOWS);
    let silence = destination.hold();
    assert!(until_ready(&admin, 503, SHOWS).contains("the destination has not answered"));
    drop(silence);
    until_ready(&admin, 200, IS_OVER);
    running.stop().unwrap();
}

/// Who notices first: the probe, or a listing that is under way.
fn is_of_kafka(said: &str) -> bool {
    said.contains("kafka has not answered") || said.contains("topics could not be listed")
}

#[test]
fn readiness_follows_kafka_whether_it_is_gone_or_silent() {
    let folder = TempDir::new().unwrap();
    let mut options = Options::new(folder.path(), None, 1);
    options.proxied_listeners = 1;
    let services = Services::start(&options, &mut |_| {}).unwrap();
    let [proxied] = services.proxied(1) else { panic!("one listener") };
    let proxy = Proxy::start(proxied.proxy_port, proxied.broker_port, Protocol::Kafka).unwrap();
    let source = Source::at(&services.bootstrap_servers(), "away");
    let contact = source.register("Cust1", &contact());
    source.create(&contact.topic, 1);
    source.commit(rows(&contact, 0..3));
    let destination = InMemory::default();
    // In a group, which gives up a member that is cut off for longer than its session.
    source.create(&source.cycles_topic("Cust1"), 1);
    let kafka = format!("127.0.0.1:{}", proxied.proxy_port);
    let through = Settings { kafka, group: Some("away".to_owned()), ..settings(&source) };
    let (running, admin) = start(through, &destination);
    until("it is mirrored", || destination.rows("Cust1", "contact").len() == 3);
    until_ready(&admin, 200, SHOWS);

    proxy.cut();
    assert!(is_of_kafka(&until_ready(&admin, 503, SHOWS)));
    // So long that librdkafka connects anew less often.
    std::thread::sleep(Duration::from_secs(25));
    source.commit(rows(&contact, 3..6));
    proxy.restore().unwrap();
    until_ready(&admin, 200, IS_OVER);
    until("it goes on", || destination.rows("Cust1", "contact").len() == 6);
    assert_eq!(destination.owners("Cust1"), 2, "it was lost and given anew");

    let frozen = Conditions { frozen: true, ..Conditions::default() };
    proxy.set_all(Direction::Down, frozen);
    assert!(is_of_kafka(&until_ready(&admin, 503, SHOWS)));
    proxy.set_all(Direction::Down, Conditions::default());
    until_ready(&admin, 200, IS_OVER);
    running.stop().unwrap();
}
