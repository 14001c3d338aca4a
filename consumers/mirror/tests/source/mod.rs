//! A source of records in the bridge's format: topics, schemas and transactions on real Kafka and a real registry.
// Two crates' tests use it, and neither all of it.
#![allow(dead_code)]

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use apache_avro::Schema;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use mirrorbus_librdkafka::{Isolation, Polled, Spec, list_offsets, poll};
use mirrorbus_schemas::event::{self, CycleEvent, End, Kind, TableReceipt};
use mirrorbus_schemas::topic::{Prefix, Table, Tenant};
use mirrorbus_schemas::wire;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::runtime::Runtime;

const TIMEOUT: Duration = Duration::from_secs(30);

/// Kafka and registry of this test run, and a prefix that no other test has.
pub(crate) struct Source {
    pub(crate) kafka: String,
    pub(crate) registry: String,
    pub(crate) prefix: Prefix,
    producer: ThreadedProducer<DefaultProducerContext>,
    admin: AdminClient<DefaultClientContext>,
    runtime: Runtime,
    http: reqwest::Client,
}

/// A table's columns: name, Avro type as JSON, SQL type. The first is the key.
#[derive(Clone)]
pub(crate) struct Shape {
    pub(crate) table: &'static str,
    pub(crate) columns: Vec<(&'static str, &'static str, &'static str)>,
}

/// A shape whose schemas are registered.
pub(crate) struct Registered {
    pub(crate) topic: String,
    pub(crate) value_id: u32,
    key_id: u32,
    key: Schema,
    value: Schema,
    columns: Vec<&'static str>,
}

/// One transaction's records.
pub(crate) struct Records(Vec<Record>);

struct Record {
    topic: String,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    epoch: i64,
    partition: Option<i32>,
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run through make test"))
}

impl Source {
    pub(crate) fn new(test: &str) -> Self {
        Self::at(&variable("MIRRORBUS_TEST_KAFKA"), test)
    }

    /// In another Kafka than the test run's.
    pub(crate) fn at(kafka: &str, test: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (kafka, registry) = (kafka.to_owned(), variable("MIRRORBUS_TEST_REGISTRY"));
        let time = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let prefix = Prefix::new(format!("{test}-{}-{time:x}-{number}", std::process::id())).unwrap();
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &kafka);
        let admin = config.create().unwrap();
        let producer: ThreadedProducer<_> =
            config.set("transactional.id", prefix.as_str()).set("linger.ms", "5").create().unwrap();
        producer.init_transactions(TIMEOUT).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { kafka, registry, prefix, producer, admin, runtime, http: reqwest::Client::new() }
    }

    pub(crate) fn rows_topic(&self, tenant: &str, table: &str) -> String {
        self.prefix.rows(&Tenant::new(tenant).unwrap(), &Table::new(table).unwrap()).unwrap()
    }

    pub(crate) fn cycles_topic(&self, tenant: &str) -> String {
        self.prefix.cycles(&Tenant::new(tenant).unwrap())
    }

    pub(crate) fn create(&self, topic: &str, partitions: i32) {
        let policy = if topic.ends_with(".cycles") { "delete" } else { "compact" };
        self.create_with(topic, partitions, policy);
    }

    pub(crate) fn create_with(&self, topic: &str, partitions: i32, policy: &str) {
        self.create_set(topic, partitions, &[("cleanup.policy", policy)]);
    }

    /// Makes a topic with settings of its own.
    pub(crate) fn create_set(&self, topic: &str, partitions: i32, settings: &[(&str, &str)]) {
        let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
        let topics = [settings.iter().fold(new, |new, (name, value)| new.set(name, value))];
        // A topic of the same name that was just deleted may not be gone yet.
        until("create a topic", || {
            let created = self.admin.create_topics(&topics, &AdminOptions::new());
            self.runtime.block_on(created).unwrap().remove(0).is_ok()
        });
    }

    pub(crate) fn delete(&self, topic: &str) {
        let deleted = self.admin.delete_topics(&[topic], &AdminOptions::new());
        self.runtime.block_on(deleted).unwrap().remove(0).unwrap();
    }

    /// Cuts off what lies before an offset of the first partition.
    pub(crate) fn cut(&self, topic: &str, before: i64) {
        let mut offsets = TopicPartitionList::new();
        offsets.add_partition_offset(topic, 0, Offset::Offset(before)).unwrap();
        let options = AdminOptions::new();
        let cut = self.admin.delete_records(&offsets, &options);
        let cut = self.runtime.block_on(cut).unwrap();
        cut.elements().into_iter().for_each(|element| element.error().unwrap());
    }

    /// Registers a table's schemas as the bridge does.
    pub(crate) fn register(&self, tenant: &str, shape: &Shape) -> Registered {
        let topic = self.rows_topic(tenant, shape.table);
        let (key_name, key_type, _) = shape.columns[0];
        let fields: Vec<String> = shape
            .columns
            .iter()
            .map(|(name, avro, sql)| match *name == key_name {
                true => format!(r#"{{"name":"{name}","type":{avro},"sqlType":"{sql}","sqlNullable":false}}"#),
                false => format!(
                    r#"{{"name":"{name}","type":["null",{avro}],"default":null,"sqlType":"{sql}","sqlNullable":true}}"#
                ),
            })
            .collect();
        let record = |name: &str, fields: &str| {
            let namespace = format!("mirrorbus.{}", shape.table);
            format!(r#"{{"type":"record","name":"{name}","namespace":"{namespace}","fields":[{fields}]}}"#)
        };
        let value_json = record("Value", &fields.join(","));
        let key_json = record("Key", &format!(r#"{{"name":"{key_name}","type":{key_type}}}"#));
        Registered {
            value_id: self.post(&format!("{topic}-value"), &value_json),
            key_id: self.post(&format!("{topic}-key"), &key_json),
            key: Schema::parse_str(&key_json).unwrap(),
            value: Schema::parse_str(&value_json).unwrap(),
            columns: shape.columns.iter().map(|column| column.0).collect(),
            topic,
        }
    }

    fn post(&self, subject: &str, schema: &str) -> u32 {
        let body = serde_json::json!({ "schema": schema }).to_string();
        let request = self
            .http
            .post(format!("{}/subjects/{subject}/versions", self.registry))
            .header("Content-Type", "application/vnd.schemaregistry.v1+json")
            .body(body);
        let text = self.runtime.block_on(async { request.send().await.unwrap().text().await.unwrap() });
        let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
        u32::try_from(answer["id"].as_u64().unwrap_or_else(|| panic!("{text}"))).unwrap()
    }

    /// Makes the topic, if there is none, and commits the records.
    pub(crate) fn commit(&self, records: Records) {
        self.send(records);
        self.producer.commit_transaction(TIMEOUT).unwrap();
    }

    pub(crate) fn abort(&self, records: Records) {
        self.send(records);
        self.producer.flush(TIMEOUT).unwrap();
        self.producer.abort_transaction(TIMEOUT).unwrap();
    }

    fn send(&self, records: Records) {
        self.producer.begin_transaction().unwrap();
        for Record { topic, key, value, epoch, partition } in records.0 {
            let epoch = epoch.to_string();
            let headers = OwnedHeaders::new().insert(Header { key: "epoch", value: Some(&epoch) });
            let mut record = BaseRecord::<[u8], [u8]>::to(&topic).headers(headers);
            record.key = key.as_deref();
            record.payload = value.as_deref();
            record.partition = partition;
            self.producer.send(record).map_err(|(error, _)| error).unwrap();
        }
    }

    /// The end of a topic's partition, past everything that was committed before this was asked. The last stable end
    /// can lie before it for a moment: a commit returns before the markers are written.
    pub(crate) fn end(&self, topic: &str, partition: i32) -> i64 {
        let wanted = [(topic.to_owned(), partition)];
        let ends =
            list_offsets(self.admin.inner(), &wanted, Spec::Latest, Isolation::ReadUncommitted, TIMEOUT)
                .unwrap();
        ends[&wanted[0]]
    }

    /// Offsets of the records that a topic's first partition still has.
    pub(crate) fn offsets(&self, topic: &str) -> Vec<i64> {
        let mut config = ClientConfig::new();
        let consumer: BaseConsumer = config
            .set("bootstrap.servers", &self.kafka)
            .set("group.id", self.prefix.as_str())
            .set("enable.partition.eof", "true")
            .create()
            .unwrap();
        let mut partitions = TopicPartitionList::new();
        partitions.add_partition_offset(topic, 0, Offset::Beginning).unwrap();
        consumer.assign(&partitions).unwrap();
        let mut offsets = Vec::new();
        loop {
            match poll(consumer.client(), TIMEOUT).unwrap() {
                Polled::Record(record) => offsets.push(record.offset()),
                Polled::End { .. } => return offsets,
                Polled::Nothing => panic!("{topic} cannot be read"),
            }
        }
    }

    /// An event of one table, as the bridge writes it.
    pub(crate) fn event(
        &self,
        tenant: &str,
        kind: Kind,
        table: &str,
        epoch: i64,
        value_id: u32,
        end: i64,
    ) -> Records {
        let receipt = TableReceipt {
            table: table.to_owned(),
            epoch,
            value_schema_id: i32::try_from(value_id).unwrap(),
            ends: vec![End { partition: 0, offset: end }],
            ..TableReceipt::default()
        };
        self.event_of(tenant, kind, "c1", vec![receipt])
    }

    /// An event as the bridge writes it.
    pub(crate) fn event_of(
        &self,
        tenant: &str,
        kind: Kind,
        cycle: &str,
        tables: Vec<TableReceipt>,
    ) -> Records {
        let id = self.post(&format!("{}-value", self.cycles_topic(tenant)), event::SCHEMA_JSON);
        let event = CycleEvent {
            kind,
            at: 1_795_000_000_000,
            tenant: tenant.to_owned(),
            cycle: cycle.to_owned(),
            message: String::new(),
            tables,
        };
        let writer = GenericDatumWriter::builder(&event::SCHEMA).build().unwrap();
        let mut value = Vec::new();
        wire::begin(&mut value, id);
        value.extend(writer.write_ser_to_vec(&event).unwrap());
        Records::one(self.cycles_topic(tenant), None, Some(value), 1)
    }

    /// The receipt of a completed cycle: tables with their partitions, as far as they go now.
    pub(crate) fn completed(&self, tenant: &str, cycle: &str, tables: &[(&str, i32)]) -> Records {
        let receipt = |(table, partitions): &(&str, i32)| {
            let topic = self.rows_topic(tenant, table);
            let end = |partition| End { partition, offset: self.end(&topic, partition) };
            TableReceipt {
                table: (*table).to_owned(),
                epoch: 1,
                ends: (0..*partitions).map(end).collect(),
                ..TableReceipt::default()
            }
        };
        self.event_of(tenant, Kind::CycleCompleted, cycle, tables.iter().map(receipt).collect())
    }

    /// The event that opens a cycle.
    pub(crate) fn opened(&self, tenant: &str, cycle: &str) -> Records {
        self.event_of(tenant, Kind::Authenticated, cycle, Vec::new())
    }
}

impl Records {
    fn one(topic: String, key: Option<Vec<u8>>, value: Option<Vec<u8>>, epoch: i64) -> Self {
        Self(vec![Record { topic, key, value, epoch, partition: None }])
    }

    /// A record whose value is no row at all.
    pub(crate) fn garbage(topic: &str) -> Self {
        Self::one(topic.to_owned(), Some(b"key".to_vec()), Some(b"value".to_vec()), 1)
    }

    pub(crate) fn of(parts: impl IntoIterator<Item = Self>) -> Self {
        Self(parts.into_iter().flat_map(|part| part.0).collect())
    }

    /// All of these go to one partition.
    pub(crate) fn in_partition(mut self, partition: i32) -> Self {
        for record in &mut self.0 {
            record.partition = Some(partition);
        }
        self
    }
}

impl Registered {
    /// A record with a row; columns that are left out are NULL.
    pub(crate) fn row(&self, epoch: i64, values: &[(&'static str, Value)]) -> Records {
        let find = |name: &str| values.iter().find(|(of, _)| *of == name).map(|(_, value)| value.clone());
        let fields = self.columns.iter().enumerate().map(|(index, name)| {
            let value = match find(name) {
                Some(value) if index == 0 => value,
                Some(value) => Value::Union(1, Box::new(value)),
                None => Value::Union(0, Box::new(Value::Null)),
            };
            ((*name).to_owned(), value)
        });
        let value = framed(self.value_id, &self.value, Value::Record(fields.collect()));
        let key = find(self.columns[0]).unwrap();
        Records::one(self.topic.clone(), Some(self.key_bytes(key)), Some(value), epoch)
    }

    /// A tombstone.
    pub(crate) fn delete(&self, epoch: i64, key: Value) -> Records {
        Records::one(self.topic.clone(), Some(self.key_bytes(key)), None, epoch)
    }

    fn key_bytes(&self, key: Value) -> Vec<u8> {
        framed(self.key_id, &self.key, Value::Record(vec![(self.columns[0].to_owned(), key)]))
    }
}

fn framed(id: u32, schema: &Schema, value: Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    wire::begin(&mut bytes, id);
    bytes.extend(GenericDatumWriter::builder(schema).build().unwrap().write_value_to_vec(value).unwrap());
    bytes
}

/// Waits until something is so; what a mirror's file tells can only be asked again and again.
pub(crate) fn until(what: &str, is_so: impl FnMut() -> bool) {
    until_within(TIMEOUT, what, is_so);
}

/// Waits for what Kafka itself takes its time for.
pub(crate) fn until_within(time: Duration, what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + time;
    while !is_so() {
        assert!(Instant::now() < deadline, "not within {time:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
