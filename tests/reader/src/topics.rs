//! Reads topics to their ends.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use anyhow::{anyhow, bail, ensure};
use mirrorbus_librdkafka::{self as librdkafka, ConsumedRecord, Fetched, Isolation, Spec};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::Record;

/// One question to the cluster.
const ANSWER: Duration = Duration::from_secs(60);
/// One question to the leaders of partitions: librdkafka waits for a dead one that it remembers as long as it is let.
const LEADERS_ANSWER: Duration = Duration::from_secs(5);
/// Nothing new for so long is no end, and no reader comes.
const SILENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(20);
/// Every topic of the tests has but this partition.
const PARTITION: i32 = 0;

type Place = (String, i32);

/// A cluster's topics, seen from outside.
pub struct Topics {
    kafka: String,
    admin: AdminClient<DefaultClientContext>,
}

impl Topics {
    /// Of the cluster at these addresses.
    ///
    /// # Errors
    /// When librdkafka takes no such addresses.
    pub fn new(kafka: &str) -> anyhow::Result<Self> {
        let admin = ClientConfig::new().set("bootstrap.servers", kafka).create()?;
        Ok(Self { kafka: kafka.to_owned(), admin })
    }

    /// Names of all topics.
    ///
    /// # Errors
    /// When the cluster does not answer.
    pub fn names(&self) -> anyhow::Result<Vec<String>> {
        let metadata = self.admin.inner().fetch_metadata(None, ANSWER)?;
        Ok(metadata.topics().iter().map(|topic| topic.name().to_owned()).collect())
    }

    /// Every record of the first partition of these topics, which must exist, up to the ends at the time of the call.
    /// All topics are read at once.
    ///
    /// # Errors
    /// When a topic is missing, or a cluster does not answer.
    pub fn read(
        &self,
        topics: &[String],
        isolation: Isolation,
    ) -> anyhow::Result<BTreeMap<String, Vec<Record>>> {
        let mut records: BTreeMap<String, Vec<Record>> = BTreeMap::new();
        let places: Vec<Place> = topics.iter().map(|topic| (topic.clone(), PARTITION)).collect();
        let mut ends = self.offsets(&places, Spec::Latest, isolation)?;
        let mut assignment = TopicPartitionList::new();
        // Asked for by name, the beginning costs half a second more.
        for ((topic, partition), first) in self.offsets(&places, Spec::Earliest, isolation)? {
            assignment.add_partition_offset(&topic, partition, Offset::Offset(first))?;
            records.entry(topic).or_default();
        }
        let consumer = self.consumer(isolation)?;
        consumer.assign(&assignment)?;
        let mut heard = Instant::now();
        while !ends.is_empty() {
            ensure!(heard.elapsed() < SILENCE, "{} of the topics have no end", ends.len());
            match librdkafka::fetch(consumer.client(), POLL) {
                Fetched::Nothing => continue,
                Fetched::Record(record) => {
                    let of_topic = records.entry(record.topic().to_owned()).or_default();
                    of_topic.push(owned(&record));
                }
                Fetched::End { topic, partition, offset } => {
                    let place = (topic, partition);
                    if ends.get(&place).is_some_and(|end| offset >= *end) {
                        ends.remove(&place);
                    }
                }
                Fetched::PartitionFailed { topic, code, .. } => bail!("{topic} cannot be read: {code}"),
                Fetched::Failed(code) => bail!("the topics cannot be read: {code}"),
            }
            heard = Instant::now();
        }
        Ok(records)
    }

    /// Deletes these topics, and waits until the cluster knows them no longer.
    ///
    /// # Errors
    /// When one of them does not exist, or the cluster does not answer.
    pub fn delete(&self, topics: &[String]) -> anyhow::Result<()> {
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        for deleted in runtime.block_on(self.admin.delete_topics(&names, &AdminOptions::new()))? {
            deleted.map_err(|(topic, code)| anyhow!("{topic} cannot be deleted: {code}"))?;
        }
        let began = Instant::now();
        while self.names()?.iter().any(|name| topics.contains(name)) {
            ensure!(began.elapsed() < ANSWER, "deleted topics stay");
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// First or last offsets of these partitions. Waits for elections: librdkafka remembers leaders until it is told to
    /// look again.
    ///
    /// # Errors
    /// When a partition is missing or finds no leader within a minute, or the cluster does not answer.
    pub fn offsets(
        &self,
        places: &[Place],
        spec: Spec,
        isolation: Isolation,
    ) -> anyhow::Result<HashMap<Place, i64>> {
        let asked = Instant::now();
        loop {
            let client = self.admin.inner();
            match librdkafka::list_offsets(client, places, spec, isolation, LEADERS_ANSWER) {
                Err(error) if error.in_election && asked.elapsed() < SILENCE => {
                    std::thread::sleep(PAUSE);
                    client.fetch_metadata(None, ANSWER)?;
                }
                answer => return Ok(answer?),
            }
        }
    }

    fn consumer(&self, isolation: Isolation) -> anyhow::Result<BaseConsumer> {
        let level = match isolation {
            Isolation::ReadCommitted => "read_committed",
            Isolation::ReadUncommitted => "read_uncommitted",
        };
        let consumer = ClientConfig::new()
            .set("bootstrap.servers", &self.kafka)
            .set("group.id", "never-joined")
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "error")
            .set("enable.partition.eof", "true")
            // The end is told when a fetch comes back empty.
            .set("fetch.wait.max.ms", "10")
            .set("isolation.level", level)
            .create()?;
        Ok(consumer)
    }
}

fn owned(record: &ConsumedRecord) -> Record {
    Record {
        offset: record.offset(),
        key: record.key().unwrap_or_default().to_vec(),
        value: record.payload().map(<[u8]>::to_vec),
    }
}
