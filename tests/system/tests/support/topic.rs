//! What any subscriber sees: reads a topic to its end with librdkafka and Avro, and nothing of the bridge.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use mirrorbus_librdkafka::{self as librdkafka, Isolation, Polled, Spec};
use mirrorbus_schemas::checksum::{Canonical, TableChecksum};
use mirrorbus_schemas::wire;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

const LONG: Duration = Duration::from_secs(20);

/// A record as it lies in the topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub offset: i64,
    pub key: Vec<u8>,
    pub value: Option<Vec<u8>>,
}

/// A cluster and its registry, seen from outside.
pub struct Cluster {
    pub kafka: String,
    pub registry: String,
    admin: AdminClient<DefaultClientContext>,
}

impl Cluster {
    pub fn new(kafka: &str, registry: &str) -> Self {
        let admin = ClientConfig::new().set("bootstrap.servers", kafka).create().unwrap();
        Self { kafka: kafka.to_owned(), registry: registry.to_owned(), admin }
    }

    /// The id of the topic; `None` where there is no such topic.
    pub fn topic_id(&self, topic: &str) -> Option<String> {
        let found = librdkafka::describe_topics(self.admin.inner(), &[topic.to_owned()], LONG).unwrap();
        found.get(topic).map(|topic| topic.id.clone())
    }

    /// One past the last record: the last stable one with `ReadCommitted`.
    pub fn end(&self, topic: &str, isolation: Isolation) -> i64 {
        self.offset(topic, Spec::Latest, isolation)
    }

    fn offset(&self, topic: &str, spec: Spec, isolation: Isolation) -> i64 {
        let partition = (topic.to_owned(), 0);
        let asked = std::slice::from_ref(&partition);
        let offsets = librdkafka::list_offsets(self.admin.inner(), asked, spec, isolation, LONG).unwrap();
        offsets[&partition]
    }

    /// Deletes the topic and waits until the cluster no longer knows it.
    pub fn delete_topic(&self, topic: &str) {
        runtime().block_on(self.admin.delete_topics(&[topic], &AdminOptions::new())).unwrap();
        wait_until("the topic is gone", || self.topic_id(topic).is_none());
    }

    /// A topic that the bridge did not make, with records that it did not write.
    pub fn create_topic_with_records(&self, topic: &str, records: usize) {
        let new = NewTopic::new(topic, 1, TopicReplication::Fixed(1));
        for result in runtime().block_on(self.admin.create_topics(&[new], &AdminOptions::new())).unwrap() {
            result.unwrap();
        }
        let producer: BaseProducer =
            ClientConfig::new().set("bootstrap.servers", &self.kafka).create().unwrap();
        for number in 0..records {
            let (key, value) = (format!("key{number}"), "value");
            producer
                .send(BaseRecord::to(topic).key(&key).payload(value))
                .map_err(|(error, _)| error)
                .unwrap();
        }
        producer.flush(LONG).unwrap();
    }

    /// Every record up to the end at the time of the call; `read_committed` or `read_uncommitted`.
    pub fn read(&self, topic: &str, isolation: Isolation) -> Vec<Record> {
        let level = match isolation {
            Isolation::ReadCommitted => "read_committed",
            Isolation::ReadUncommitted => "read_uncommitted",
        };
        let end = self.end(topic, isolation);
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &self.kafka)
            .set("group.id", "never-joined")
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "error")
            .set("enable.partition.eof", "true")
            // The end is told when a fetch comes back empty.
            .set("fetch.wait.max.ms", "10")
            .set("isolation.level", level)
            .create()
            .unwrap();
        let mut assignment = TopicPartitionList::new();
        // Asked for by name, the beginning costs half a second more.
        let first = self.offset(topic, Spec::Earliest, isolation);
        assignment.add_partition_offset(topic, 0, Offset::Offset(first)).unwrap();
        consumer.assign(&assignment).unwrap();
        let (mut records, began) = (Vec::new(), Instant::now());
        loop {
            assert!(began.elapsed() < LONG, "{topic} has no end");
            match librdkafka::poll(consumer.client(), Duration::from_secs(1)).unwrap() {
                Polled::Nothing => {}
                Polled::End { offset, .. } if offset >= end => return records,
                Polled::End { .. } => {}
                Polled::Record(record) => records.push(Record {
                    offset: record.offset(),
                    key: record.key().unwrap_or_default().to_vec(),
                    value: record.payload().map(<[u8]>::to_vec),
                }),
            }
        }
    }

    /// The table as the upsert rule of the README's first paragraph gives it: newest value per key, keys without a
    /// value dropped. A topic that does not exist is an empty table.
    pub fn upsert(&self, topic: &str) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let mut rows = BTreeMap::new();
        if self.topic_id(topic).is_none() {
            return rows;
        }
        for record in self.read(topic, Isolation::ReadCommitted) {
            match record.value {
                Some(value) => rows.insert(record.key, value),
                None => rows.remove(&record.key),
            };
        }
        rows
    }

    /// Checksum of the table that [`Cluster::upsert`] gives, each row in the newest schema's columns: what
    /// came later than the row is NULL, what went is left out.
    pub fn checksum(&self, topic: &str) -> TableChecksum {
        let rows = self.upsert(topic);
        let mut sum = TableChecksum::default();
        if rows.is_empty() {
            return sum;
        }
        let newest = self.fetch_schema(&format!("subjects/{topic}-value/versions/latest"));
        let Schema::Record(newest) = newest else { panic!("no record") };
        let mut schemas = BTreeMap::new();
        for value in rows.into_values() {
            let Value::Record(fields) = self.decode(&value, &mut schemas) else { panic!("no record") };
            let fields: BTreeMap<_, _> = fields.into_iter().collect();
            let columns = newest.fields.iter().map(|column| column.name.as_str());
            sum.add(columns.map(|name| (name, fields.get(name).map_or(Canonical::Null, canonical))));
        }
        sum
    }

    /// Decodes a value by the schema that its first bytes name.
    pub fn decode(&self, value: &[u8], schemas: &mut BTreeMap<u32, Schema>) -> Value {
        let (id, mut datum) = wire::split(value).unwrap();
        let schema = schemas.entry(id).or_insert_with(|| self.schema(id));
        let value = GenericDatumReader::builder(schema).build().unwrap().read_value(&mut datum).unwrap();
        assert!(datum.is_empty(), "bytes after the datum");
        value
    }

    fn schema(&self, id: u32) -> Schema {
        self.fetch_schema(&format!("schemas/ids/{id}"))
    }

    fn fetch_schema(&self, path: &str) -> Schema {
        let url = format!("{}/{path}", self.registry);
        let text = ureq::get(url).call().unwrap().body_mut().read_to_string().unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        Schema::parse_str(json["schema"].as_str().unwrap()).unwrap()
    }
}

fn canonical(value: &Value) -> Canonical<'_> {
    match value {
        Value::Null => Canonical::Null,
        Value::Union(_, value) => canonical(value),
        Value::Boolean(value) => Canonical::Whole(i128::from(*value)),
        Value::Int(value) | Value::Date(value) => Canonical::Whole(i128::from(*value)),
        Value::Long(value)
        | Value::TimeMicros(value)
        | Value::TimestampMillis(value)
        | Value::TimestampMicros(value) => Canonical::Whole(i128::from(*value)),
        Value::Double(value) => Canonical::Double(*value),
        Value::String(value) => Canonical::Text(value),
        Value::Bytes(value) => Canonical::Bytes(value),
        Value::Decimal(value) => {
            let bytes: Vec<u8> = value.clone().try_into().unwrap();
            let negative = bytes.first().is_some_and(|first| first & 0x80 != 0);
            let start = if negative { -1i128 } else { 0 };
            Canonical::Whole(bytes.iter().fold(start, |number, byte| number << 8 | i128::from(*byte)))
        }
        other => panic!("no such type in a row: {other:?}"),
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
