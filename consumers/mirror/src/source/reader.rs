//! Kafka, as far as a mirror needs it: which topics there are, which very topics they are, and their records.
//!
//! Partitions are assigned by hand and not through a consumer group, for three reasons. A tenant is one transaction
//! domain: its rows and its cycle events must come to one mirror, and a group's assignors deal out single partitions.
//! Every table that appears would be a rebalance, and a tenant's first load makes hundreds of them within minutes. And
//! a topic that was deleted and made anew under its name causes no rebalance at all, while it is the one thing that
//! must not be missed. So all topics are listed every second with their ids; processes that share the work are dealt
//! whole tenants: see [`member`](super::member).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use mirrorbus_librdkafka::{self as librdkafka, Fetched, Isolation, Spec, TopicDescription, TopicsAsked};
use mirrorbus_schemas::topic::{Prefix, Table, Tenant};
use rdkafka::admin::AdminClient;
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::admin::Watch;
use crate::error::chain;
use crate::pattern::Patterns;
use crate::settings::Settings;
use crate::source::probe::Probe;

const TIMEOUT: Duration = Duration::from_secs(10);
/// Nothing waits for these but numbers.
const ENDS_TIMEOUT: Duration = Duration::from_secs(2);

/// What a topic brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Feed {
    Rows(Table),
    Cycles,
}

/// A topic of the application, as it was listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Topic {
    pub(crate) name: String,
    pub(crate) feed: Feed,
    pub(crate) id: String,
    pub(crate) partitions: i32,
}

/// First offset and end of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) first: i64,
    pub(crate) end: i64,
}

pub(crate) struct Reader {
    consumer: BaseConsumer,
    /// Asks. A consumer's own connections are busy with fetches, which brokers hold until something comes: every answer
    /// behind one would take half a second.
    pub(crate) admin: Arc<AdminClient<DefaultClientContext>>,
    watch: Option<Watch>,
    prefix: Prefix,
    tenants: Patterns,
    tables: Patterns,
}

impl Reader {
    pub(crate) fn new(settings: &Settings) -> Result<Self, KafkaError> {
        Self::with(settings, &settings.consumer())
    }

    /// For reading topics to an end that is known, one after another: a broker that has no more says so soon.
    pub(crate) fn to_the_end(settings: &Settings) -> Result<Self, KafkaError> {
        Self::with(settings, settings.consumer().set("fetch.wait.max.ms", "5"))
    }

    fn with(settings: &Settings, config: &ClientConfig) -> Result<Self, KafkaError> {
        let consumer: BaseConsumer = config.create()?;
        let admin = Arc::new(settings.admin().create()?);
        librdkafka::take_log(consumer.client());
        let Settings { prefix, tenants, tables, .. } = settings.clone();
        Ok(Self { consumer, admin, watch: None, prefix, tenants, tables })
    }

    /// Shows there whether Kafka answers.
    pub(crate) fn watched(self, watch: Watch) -> Self {
        Self { watch: Some(watch), ..self }
    }

    /// Asks whether Kafka answers, as long as the value lives.
    pub(crate) fn probe(&self) -> std::io::Result<Option<Probe>> {
        let start = |watch: &Watch| Probe::start(Arc::clone(&self.admin), watch.clone());
        self.watch.as_ref().map(start).transpose()
    }

    /// Every topic of the application with its id.
    pub(crate) fn list(&self) -> Result<Vec<(Tenant, Topic)>, String> {
        let listed = self.list_all();
        if let Some(watch) = &self.watch {
            watch.listed(listed.as_ref().map(drop).map_err(Clone::clone));
        }
        listed
    }

    fn list_all(&self) -> Result<Vec<(Tenant, Topic)>, String> {
        librdkafka::drain(&self.admin);
        let metadata = self.admin.inner().fetch_metadata(None, TIMEOUT).map_err(|error| chain(&error))?;
        let mut feeds = HashMap::new();
        for topic in metadata.topics() {
            if let Some(feed) = self.feed(topic.name()) {
                feeds.insert(topic.name().to_owned(), feed);
            }
        }
        let names: Vec<String> = feeds.keys().cloned().collect();
        let described = self.describe(&names)?;
        let topics = feeds.into_iter().filter_map(|(name, (tenant, feed))| {
            let TopicDescription { id, partitions } = described.get(&name)?.clone();
            Some((tenant, Topic { name, feed, id, partitions: i32::try_from(partitions).ok()? }))
        });
        Ok(topics.collect())
    }

    fn feed(&self, topic: &str) -> Option<(Tenant, Feed)> {
        let (tenant, feed) = match self.prefix.parse_rows(topic) {
            Some((tenant, table)) => (tenant, Feed::Rows(table)),
            None => (self.prefix.parse_cycles(topic)?, Feed::Cycles),
        };
        let is_wanted = match &feed {
            Feed::Rows(table) => self.tables.matches(table.as_str()),
            Feed::Cycles => true,
        };
        (is_wanted && self.tenants.matches(tenant.as_str())).then_some((tenant, feed))
    }

    /// Ids of those of the topics that exist.
    pub(crate) fn describe(&self, names: &[String]) -> Result<HashMap<String, TopicDescription>, String> {
        librdkafka::describe_topics(self.admin.inner(), names, TIMEOUT).map_err(|error| error.to_string())
    }

    /// Asks for the ids of those of the topics that exist, and does not wait for the answer.
    pub(crate) fn ask(&self, names: &[String]) -> Result<TopicsAsked, String> {
        librdkafka::ask_topics(self.admin.inner(), names, TIMEOUT).map_err(|error| error.to_string())
    }

    /// Where each partition of a topic begins and ends.
    pub(crate) fn spans(&self, topic: &Topic) -> Result<Vec<Span>, String> {
        let partitions = partitions(topic);
        let list = |spec| self.offsets(&partitions, spec);
        let (first, end) = (list(Spec::Earliest)?, list(Spec::Latest)?);
        let offset = |of: &HashMap<(String, i32), i64>, partition| of.get(partition).copied().unwrap_or(0);
        Ok(partitions.iter().map(|p| Span { first: offset(&first, p), end: offset(&end, p) }).collect())
    }

    /// Where each partition of topics ends for a reader of committed records. Lies before the end of [`Reader::spans`]
    /// while a transaction is open.
    pub(crate) fn stable_ends(&self, topics: &[Topic]) -> Result<HashMap<(String, i32), i64>, String> {
        self.ends(&topics.iter().flat_map(partitions).collect::<Vec<_>>())
    }

    /// Where partitions end, for those who read only what is committed.
    pub(crate) fn ends(&self, partitions: &[(String, i32)]) -> Result<HashMap<(String, i32), i64>, String> {
        let client = self.admin.inner();
        librdkafka::list_offsets(client, partitions, Spec::Latest, Isolation::ReadCommitted, ENDS_TIMEOUT)
            .map_err(|error| error.to_string())
    }

    /// Where partitions end, open transactions included.
    pub(crate) fn watermarks(&self, of: &[(String, i32)]) -> Result<HashMap<(String, i32), i64>, String> {
        self.offsets(of, Spec::Latest)
    }

    fn offsets(&self, of: &[(String, i32)], spec: Spec) -> Result<HashMap<(String, i32), i64>, String> {
        let client = self.admin.inner();
        librdkafka::list_offsets(client, of, spec, Isolation::ReadUncommitted, TIMEOUT)
            .map_err(|error| error.to_string())
    }

    /// Begins to read partitions, each at its next offset; 0 is the beginning, wherever that is by now.
    pub(crate) fn start(&self, partitions: &[(String, i32, i64)]) -> Result<(), KafkaError> {
        if partitions.is_empty() {
            return Ok(());
        }
        let beginnings = self.beginnings(partitions);
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for (topic, partition, next) in partitions {
            let offset = match beginnings.get(&(topic.clone(), *partition)) {
                Some(first) => Offset::Offset(*first),
                None if *next == 0 => Offset::Beginning,
                None => Offset::Offset(*next),
            };
            list.add_partition_offset(topic, *partition, offset)?;
        }
        self.consumer.incremental_assign(&list)?;
        self.learn_leaders(partitions);
        Ok(())
    }

    /// A client that is connected already looks for the leader of a new topic once a second, unless it hears of it.
    fn learn_leaders(&self, partitions: &[(String, i32, i64)]) {
        let is_only =
            |(first, _, _): &&(String, i32, i64)| partitions.iter().all(|(topic, _, _)| topic == first);
        let only = partitions.first().filter(is_only).map(|(topic, _, _)| topic.as_str());
        if let Err(error) = self.consumer.fetch_metadata(only, ENDS_TIMEOUT) {
            tracing::debug!(%error, "the leaders of topics are not known yet");
        }
    }

    /// First offsets of the partitions that are to be read from their beginning. A consumer finds them, too, but waits
    /// half a second first where it does not know the leader. Empty where Kafka does not tell.
    fn beginnings(&self, partitions: &[(String, i32, i64)]) -> HashMap<(String, i32), i64> {
        let from_beginning = partitions.iter().filter(|(_, _, next)| *next == 0);
        let wanted: Vec<_> =
            from_beginning.map(|(topic, partition, _)| (topic.clone(), *partition)).collect();
        if wanted.is_empty() {
            return HashMap::new();
        }
        let (client, isolation) = (self.admin.inner(), Isolation::ReadUncommitted);
        let first = librdkafka::list_offsets(client, &wanted, Spec::Earliest, isolation, ENDS_TIMEOUT);
        first.unwrap_or_else(|error| {
            tracing::debug!(%error, "the beginnings of topics are not known");
            HashMap::new()
        })
    }

    /// Ends reading partitions; records of them that wait in librdkafka's queues never come.
    pub(crate) fn end(&self, partitions: &[(String, i32)]) -> Result<(), KafkaError> {
        if partitions.is_empty() {
            return Ok(());
        }
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for (topic, partition) in partitions {
            list.add_partition(topic, *partition);
        }
        self.consumer.incremental_unassign(&list)
    }

    /// What comes next. Partitions assigned by hand need no group: that it may not be asked for is not told.
    pub(crate) fn fetch(&self, timeout: Duration) -> Fetched {
        match librdkafka::fetch(self.consumer.client(), timeout) {
            Fetched::Failed(RDKafkaErrorCode::GroupAuthorizationFailed) => Fetched::Nothing,
            fetched => fetched,
        }
    }
}

fn partitions(topic: &Topic) -> Vec<(String, i32)> {
    (0..topic.partitions).map(|partition| (topic.name.clone(), partition)).collect()
}
