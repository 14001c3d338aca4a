//! What a user of the services does with them: transactions, reading a topic, schemas.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, ConfigEntry, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use tokio::runtime::{Builder, Runtime};

const LIMIT: Duration = Duration::from_secs(30);

/// The schema that [`register`] registers, in the registry's own envelope.
const SCHEMA: &str = r#"{"schema": "\"string\""}"#;

fn settings(kafka: &str) -> ClientConfig {
    let mut settings = ClientConfig::new();
    settings.set("bootstrap.servers", kafka);
    settings
}

pub(crate) fn create_topic(kafka: &str, topic: &str, copies: i32) {
    let admin: AdminClient<DefaultClientContext> = settings(kafka).create().unwrap();
    let topic = NewTopic::new(topic, 1, TopicReplication::Fixed(copies));
    let results = runtime().block_on(admin.create_topics(&[topic], &admin_options())).unwrap();
    assert!(results.iter().all(Result::is_ok), "{results:?}");
}

/// For the admin client, whose calls are asynchronous.
fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn admin_options() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(LIMIT)).request_timeout(Some(LIMIT))
}

/// Writes one record in a transaction, which is committed or else aborted.
pub(crate) fn write(kafka: &str, topic: &str, value: &str, commit: bool) {
    let producer: BaseProducer = settings(kafka).set("transactional.id", topic).create().unwrap();
    producer.init_transactions(LIMIT).unwrap();
    producer.begin_transaction().unwrap();
    producer.send(BaseRecord::<str, str>::to(topic).key("key").payload(value)).unwrap();
    producer.flush(LIMIT).unwrap();
    if commit {
        producer.commit_transaction(LIMIT).unwrap();
    } else {
        producer.abort_transaction(LIMIT).unwrap();
    }
}

/// All committed values from the beginning of the topic, once there are so many. A partition that has just been
/// recovered shows its records when its followers have them.
pub(crate) fn read(kafka: &str, topic: &str, at_least: usize) -> Vec<String> {
    let consumer: BaseConsumer = settings(kafka)
        .set("group.id", "services-test")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("isolation.level", "read_committed")
        .create()
        .unwrap();
    let mut start = TopicPartitionList::new();
    start.add_partition_offset(topic, 0, Offset::Beginning).unwrap();
    consumer.assign(&start).unwrap();
    let begin = Instant::now();
    let mut values = Vec::new();
    while begin.elapsed() < LIMIT {
        match consumer.poll(LIMIT) {
            Some(Ok(record)) => values.push(String::from_utf8(record.payload().unwrap().to_vec()).unwrap()),
            Some(Err(KafkaError::PartitionEOF(_))) if values.len() >= at_least => return values,
            Some(Err(KafkaError::PartitionEOF(_))) => {}
            Some(Err(error)) => panic!("{error}"),
            None => {}
        }
    }
    panic!("no end of {topic} within {LIMIT:?}");
}

/// The names of all settings that a broker knows.
pub(crate) fn broker_settings(kafka: &str) -> BTreeSet<String> {
    broker_config(kafka).into_iter().map(|entry| entry.name).collect()
}

/// What a broker says of one setting.
pub(crate) fn broker_setting(kafka: &str, name: &str) -> String {
    let entry = broker_config(kafka).into_iter().find(|entry| entry.name == name);
    entry.unwrap().value.unwrap()
}

fn broker_config(kafka: &str) -> Vec<ConfigEntry> {
    let admin: AdminClient<DefaultClientContext> = settings(kafka).create().unwrap();
    let brokers = [ResourceSpecifier::Broker(1)];
    let answer = runtime().block_on(admin.describe_configs(&brokers, &admin_options())).unwrap();
    answer.into_iter().flat_map(|broker| broker.unwrap().entries).collect()
}

pub(crate) fn brokers(kafka: &str) -> usize {
    let client: BaseConsumer = settings(kafka).create().unwrap();
    client.fetch_metadata(None, LIMIT).unwrap().brokers().len()
}

/// Registers a schema and returns the registry's answer, which holds its id.
pub(crate) fn register(registry: &str, subject: &str) -> String {
    let mut answer = ureq::post(format!("{registry}/subjects/{subject}/versions"))
        .header("Content-Type", "application/vnd.schemaregistry.v1+json")
        .send(SCHEMA)
        .unwrap();
    answer.body_mut().read_to_string().unwrap()
}

pub(crate) fn subjects(registry: &str) -> String {
    ureq::get(format!("{registry}/subjects")).call().unwrap().body_mut().read_to_string().unwrap()
}

/// The node that coordinates a transactional id's transactions: FindCoordinator, version 1, spoken by hand because no
/// client here tells its answer.
pub(crate) fn coordinator(kafka: &str, transactional_id: &str) -> u32 {
    let mut stream = TcpStream::connect(kafka.split(',').next().unwrap()).unwrap();
    let text = |text: &str| [&(text.len() as u16).to_be_bytes(), text.as_bytes()].concat();
    let head = [0, 10, 0, 1, 0, 0, 0, 0];
    let transactions = [1];
    let request = [&head[..], &text("test"), &text(transactional_id), &transactions].concat();
    stream.write_all(&[&(request.len() as u32).to_be_bytes()[..], &request].concat()).unwrap();
    let mut length = [0; 4];
    stream.read_exact(&mut length).unwrap();
    let mut answer = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut answer).unwrap();
    // Correlation id, throttle time, error code, no message, the node.
    let (error, message) = (&answer[8..10], i16::from_be_bytes([answer[10], answer[11]]));
    assert_eq!(error, [0, 0], "an error of Kafka");
    let node = 12 + usize::try_from(message).unwrap_or_default();
    u32::from_be_bytes(answer[node..node + 4].try_into().unwrap())
}
