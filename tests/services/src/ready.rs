//! Whether a service really answers, asked the way its users will ask, and who leads what.
//!
//! An open port says little: Kafka opens it before it knows its topics, and the first transaction waits
//! until the log of transactions has been created.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::error::KafkaResult;
use rdkafka::metadata::{Metadata, MetadataBroker, MetadataTopic};
use rdkafka::producer::{BaseProducer, Producer};

/// One question's time limit. Questions are repeated, so it only bounds how late a failure is noticed.
const ASK: Duration = Duration::from_secs(1);

/// A client for the questions here but [`begins_transactions`].
pub(crate) fn client(bootstrap_servers: &str) -> KafkaResult<BaseProducer> {
    settings(bootstrap_servers).create()
}

/// A client for [`begins_transactions`].
pub(crate) fn transactional_client(bootstrap_servers: &str) -> KafkaResult<BaseProducer> {
    let mut settings = settings(bootstrap_servers);
    // Below whatever a test lets brokers allow.
    settings.set("transactional.id", "mirrorbus-services-ready").set("transaction.timeout.ms", "10000");
    settings.create()
}

fn settings(bootstrap_servers: &str) -> ClientConfig {
    let mut settings = ClientConfig::new();
    settings.set("bootstrap.servers", bootstrap_servers);
    // A broker that is just starting refuses connections: ask again soon, not after ten seconds.
    settings.set("reconnect.backoff.ms", "20").set("reconnect.backoff.max.ms", "100");
    settings
}

/// Whether the node at this port knows all brokers of its cluster, and every partition has all its copies.
pub(crate) fn is_whole(client: &BaseProducer, port: u16, brokers: usize) -> bool {
    let Some(metadata) = metadata(client, port) else { return false };
    let mut partitions = metadata.topics().iter().flat_map(MetadataTopic::partitions);
    metadata.brokers().len() == brokers
        && partitions
            .all(|partition| partition.leader() >= 0 && partition.isr().len() == partition.replicas().len())
}

/// Whether the node at this port counts itself among the brokers of its cluster.
pub(crate) fn lists_broker(client: &BaseProducer, port: u16, id: u32) -> bool {
    let metadata = metadata(client, port);
    let is_it = |broker: &MetadataBroker| u32::try_from(broker.id()) == Ok(id);
    metadata.is_some_and(|metadata| metadata.brokers().iter().any(is_it))
}

fn metadata(client: &BaseProducer, port: u16) -> Option<Metadata> {
    connect(port).ok()?;
    client.client().fetch_metadata(None, ASK).ok()
}

/// The node that leads a partition.
pub(crate) fn leader(client: &BaseProducer, topic: &str, partition: i32) -> Option<u32> {
    let metadata = client.client().fetch_metadata(Some(topic), ASK).ok()?;
    let topic = metadata.topics().iter().find(|found| found.name() == topic)?;
    let partition = topic.partitions().iter().find(|found| found.id() == partition)?;
    u32::try_from(partition.leader()).ok()
}

/// How many partitions a topic has.
pub(crate) fn partitions(client: &BaseProducer, topic: &str) -> Option<usize> {
    let metadata = client.client().fetch_metadata(Some(topic), ASK).ok()?;
    let topic = metadata.topics().iter().find(|found| found.name() == topic)?;
    Some(topic.partitions().len()).filter(|count| *count > 0)
}

/// Whether the cluster gives out a producer's epoch, for which it needs its log of transactions.
pub(crate) fn begins_transactions(client: &BaseProducer) -> bool {
    client.init_transactions(ASK).is_ok()
}

/// Whether a GET of this path is answered with 200.
pub(crate) fn answers_ok(port: u16, path: &str) -> bool {
    status_line(port, path).is_ok_and(|line| line.split(' ').nth(1) == Some("200"))
}

/// Whether PostgreSQL lets its superuser in, which it does not before its data are repaired.
pub(crate) fn answers_postgres(port: u16) -> bool {
    first_answer(port).is_ok_and(|kind| kind == b'R')
}

/// What kind of message answers a connection's first one: `R` asks for or, here, spares the password, `E` is an error.
fn first_answer(port: u16) -> io::Result<u8> {
    let mut stream = connect(port)?;
    stream.set_read_timeout(Some(ASK))?;
    // Its length, version 3.0, parameters, the end of them.
    let body = b"\0\x03\0\0user\0postgres\0database\0postgres\0\0";
    let length = u32::try_from(body.len() + 4).unwrap_or_default();
    stream.write_all(&[&length.to_be_bytes()[..], body].concat())?;
    let mut kind = [0];
    stream.read_exact(&mut kind)?;
    Ok(kind[0])
}

fn status_line(port: u16, path: &str) -> io::Result<String> {
    let mut stream = connect(port)?;
    stream.set_read_timeout(Some(ASK))?;
    // HTTP 1.0: the server closes the connection after its answer.
    write!(stream, "GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\nAccept: */*\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let text = String::from_utf8_lossy(&answer);
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

fn connect(port: u16) -> io::Result<TcpStream> {
    TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), ASK)
}
