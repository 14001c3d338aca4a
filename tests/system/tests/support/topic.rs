//! What any subscriber sees, and what an operator can do to topics.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use mirrorbus_librdkafka::{self as librdkafka, Isolation, Spec, TopicDescription};
use mirrorbus_schemas::checksum::TableChecksum;
use rdkafka::ClientConfig;
use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
pub use reader::Record;
use reader::{Decoder, Topics};

const LONG: Duration = Duration::from_secs(60);

/// A cluster and its registry, seen from outside.
pub struct Cluster {
    pub kafka: String,
    pub registry: String,
    admin: AdminClient<DefaultClientContext>,
    topics: Topics,
}

impl Cluster {
    pub fn new(kafka: &str, registry: &str) -> Self {
        let admin = ClientConfig::new().set("bootstrap.servers", kafka).create().unwrap();
        let topics = Topics::new(kafka).unwrap();
        Self { kafka: kafka.to_owned(), registry: registry.to_owned(), admin, topics }
    }

    /// Names of all topics.
    pub fn topics(&self) -> Vec<String> {
        self.topics.names().unwrap()
    }

    /// The id of the topic; `None` where there is no such topic.
    pub fn topic_id(&self, topic: &str) -> Option<String> {
        self.describe(topic).map(|topic| topic.id)
    }

    fn describe(&self, topic: &str) -> Option<TopicDescription> {
        // librdkafka waits for the controller that it knows, even when that is dead: this tells it of another.
        self.broker_ids();
        librdkafka::describe_topics(self.admin.inner(), &[topic.to_owned()], LONG).unwrap().remove(topic)
    }

    /// One past the last record: the last stable one with `ReadCommitted`.
    pub fn end(&self, topic: &str, isolation: Isolation) -> i64 {
        self.offset(topic, Spec::Latest, isolation)
    }

    /// One past the last record that was ever written, of a topic that may not exist.
    pub fn end_if_there(&self, topic: &str) -> i64 {
        self.topic_id(topic).map_or(0, |_| self.end(topic, Isolation::ReadUncommitted))
    }

    /// The same of several topics, in one question.
    pub fn ends<const N: usize>(&self, topics: &[String; N], isolation: Isolation) -> [i64; N] {
        self.offsets(topics, Spec::Latest, isolation)
    }

    /// One past the last record once no transaction is open in the topic.
    pub fn settled_end(&self, topic: &str) -> i64 {
        let mut end = 0;
        wait_until("no transaction is open", || {
            let stable = self.end(topic, Isolation::ReadCommitted);
            end = self.end(topic, Isolation::ReadUncommitted);
            stable == end
        });
        end
    }

    fn offset(&self, topic: &str, spec: Spec, isolation: Isolation) -> i64 {
        let [offset] = self.offsets(&[topic.to_owned()], spec, isolation);
        offset
    }

    fn offsets<const N: usize>(&self, topics: &[String; N], spec: Spec, isolation: Isolation) -> [i64; N] {
        let partitions = topics.clone().map(|topic| (topic, 0));
        let offsets = self.topics.offsets(&partitions, spec, isolation).unwrap();
        partitions.map(|partition| offsets[&partition])
    }

    /// Deletes the topic and waits until the cluster no longer knows it.
    pub fn delete_topic(&self, topic: &str) {
        runtime().block_on(self.admin.delete_topics(&[topic], &AdminOptions::new())).unwrap();
        wait_until("the topic is gone", || self.topic_id(topic).is_none());
    }

    /// Makes a topic of one partition with its copies on these nodes, which the first of them leads.
    pub fn create_topic_on(&self, nodes: &[i32], topic: &str, settings: &[(&str, &str)]) {
        self.create_topic(NewTopic::new(topic, 1, TopicReplication::Variable(&[nodes])), topic, settings);
    }

    fn create_topic(&self, new: NewTopic<'_>, topic: &str, settings: &[(&str, &str)]) {
        let new = settings.iter().fold(new, |new, (name, value)| new.set(name, value));
        for result in runtime().block_on(self.admin.create_topics(&[new], &AdminOptions::new())).unwrap() {
            result.unwrap();
        }
        wait_until("the topic is there", || self.topic_id(topic).is_some());
    }

    /// Adds partitions to a topic.
    pub fn grow(&self, topic: &str, partitions: usize) {
        let new = NewPartitions::new(topic, partitions);
        let done = runtime().block_on(self.admin.create_partitions([&new], &AdminOptions::new())).unwrap();
        done.into_iter().for_each(|result| drop(result.unwrap()));
        wait_until("the topic has grown", || self.partitions(topic) == partitions);
    }

    pub fn partitions(&self, topic: &str) -> usize {
        self.describe(topic).unwrap().partitions
    }

    pub fn broker_ids(&self) -> Vec<i32> {
        let metadata = self.admin.inner().fetch_metadata(Some(""), LONG).unwrap();
        metadata.brokers().iter().map(|broker| broker.id()).collect()
    }

    /// One setting of a topic, which until now had those that the bridge gave it; the others fall back to defaults.
    pub fn set(&self, topic: &str, name: &str, value: &str) {
        let change = AlterConfig::new(ResourceSpecifier::Topic(topic)).set(name, value);
        let done = runtime().block_on(self.admin.alter_configs([&change], &AdminOptions::new())).unwrap();
        done.into_iter().for_each(|result| drop(result.unwrap()));
    }

    /// What the cluster says of a topic's setting.
    pub fn setting(&self, topic: &str, name: &str) -> String {
        let topics = [ResourceSpecifier::Topic(topic)];
        let found = runtime().block_on(self.admin.describe_configs(&topics, &AdminOptions::new())).unwrap();
        found[0].as_ref().unwrap().get(name).unwrap().value.clone().unwrap()
    }

    /// Cuts off what is before this offset.
    pub fn cut(&self, topic: &str, before: i64) {
        let mut offsets = TopicPartitionList::new();
        offsets.add_partition_offset(topic, 0, Offset::Offset(before)).unwrap();
        let done = runtime().block_on(self.admin.delete_records(&offsets, &AdminOptions::new())).unwrap();
        done.elements().iter().for_each(|element| element.error().unwrap());
    }

    /// A topic that the bridge did not make.
    pub fn create_empty_topic(&self, topic: &str) {
        self.create_topic(NewTopic::new(topic, 1, TopicReplication::Fixed(1)), topic, &[]);
    }

    /// A topic that the bridge did not make, with records that it did not write.
    pub fn create_topic_with_records(&self, topic: &str, records: usize) {
        self.create_empty_topic(topic);
        let record = |number| Record {
            offset: 0,
            key: format!("key{number}").into_bytes(),
            value: Some(b"value".to_vec()),
        };
        self.write(topic, &(0..records).map(record).collect::<Vec<_>>());
    }

    /// Writes records as they are, whatever their offsets.
    pub fn write(&self, topic: &str, records: &[Record]) {
        let producer: BaseProducer =
            ClientConfig::new().set("bootstrap.servers", &self.kafka).create().unwrap();
        for Record { key, value, .. } in records {
            let mut record = BaseRecord::<[u8], [u8]>::to(topic).key(key);
            record.payload = value.as_deref();
            producer.send(record).map_err(|(error, _)| error).unwrap();
        }
        producer.flush(LONG).unwrap();
    }

    /// Every record up to the end at the time of the call; `read_committed` or `read_uncommitted`.
    pub fn read(&self, topic: &str, isolation: Isolation) -> Vec<Record> {
        self.topics.read(&[topic.to_owned()], isolation).unwrap().remove(topic).unwrap()
    }

    /// The table as the upsert rule of the README's first paragraph gives it: newest value per key, keys without a
    /// value dropped. A topic that does not exist is an empty table.
    pub fn upsert(&self, topic: &str) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let records = self.records(topic);
        reader::upsert(&records).into_iter().map(|(key, value)| (key.to_vec(), value.to_vec())).collect()
    }

    /// Checksum of the table that [`Cluster::upsert`] gives.
    pub fn checksum(&self, topic: &str) -> TableChecksum {
        self.decoder().checksum(topic, &self.records(topic)).unwrap()
    }

    fn records(&self, topic: &str) -> Vec<Record> {
        self.topic_id(topic).map(|_| self.read(topic, Isolation::ReadCommitted)).unwrap_or_default()
    }

    /// What decodes keys and values.
    pub fn decoder(&self) -> Decoder {
        Decoder::new(&self.registry)
    }

    /// The newest value schema of a topic, as it was registered.
    pub fn newest_schema(&self, topic: &str) -> String {
        self.decoder().newest(topic).unwrap()
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Waits for something outside this process that tells nobody when it has happened.
pub fn wait_until(what: &str, mut happened: impl FnMut() -> bool) {
    let began = Instant::now();
    while !happened() {
        assert!(began.elapsed() < LONG, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
