//! What a user of the services does with them: transactions, reading a topic, schemas.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
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
    let admin: AdminClient<DefaultClientContext> = settings(kafka).create().unwrap();
    let brokers = [ResourceSpecifier::Broker(1)];
    let answer = runtime().block_on(admin.describe_configs(&brokers, &admin_options())).unwrap();
    answer.into_iter().flat_map(|broker| broker.unwrap().entries).map(|entry| entry.name).collect()
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
