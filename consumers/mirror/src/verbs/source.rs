//! Kafka and the registry, as a verb asks them: which topics there are, and their records between two offsets.

use std::collections::BTreeMap;
use std::time::Duration;

use mirrorbus_librdkafka::{ConsumedRecord, Fetched};
use mirrorbus_schemas::topic::{Table, Tenant};
use rdkafka::error::RDKafkaErrorCode;

use crate::copies::Scope;
use crate::error::{MirrorError, chain};
use crate::pattern::Patterns;
use crate::settings::Settings;
use crate::source::reader::{Feed, Reader, Span, Topic};
use crate::source::registry::Registry;
use crate::stop::Stop;
use crate::verbs::error::VerbError;

/// How long one poll waits at most: a wish to stop is heard after it.
const POLL: Duration = Duration::from_millis(100);

/// Next offsets by partition.
pub(crate) type Offsets = BTreeMap<i32, i64>;

impl Settings {
    /// The same, for one tenant and all or one of its tables, and shared with nobody.
    pub(crate) fn only(&self, tenant: &Tenant, scope: &Scope) -> Self {
        let tables = match scope {
            Scope::Tenant => self.tables.clone(),
            Scope::Table(table) => Patterns::new(&[table.as_str()], &[]),
        };
        Self {
            tenants: Patterns::new(&[tenant.as_str()], &[]),
            tables,
            group: None,
            after_cycle_command: None,
            ..self.clone()
        }
    }
}

pub(crate) struct Source {
    pub(crate) settings: Settings,
    pub(crate) registry: Registry,
    pub(crate) stop: Stop,
    /// Last, and so dropped last: closing librdkafka waits for every record that somebody still holds.
    pub(crate) reader: Reader,
}

impl Source {
    pub(crate) fn new(settings: &Settings, stop: &Stop) -> Result<Self, VerbError> {
        Ok(Self {
            reader: Reader::to_the_end(settings).map_err(MirrorError::from)?,
            registry: Registry::new(settings, stop.clone())?,
            settings: settings.clone(),
            stop: stop.clone(),
        })
    }

    /// The topics of all tenants that the settings choose.
    pub(crate) fn topics(&self) -> Result<BTreeMap<Tenant, Vec<Topic>>, VerbError> {
        let mut topics: BTreeMap<Tenant, Vec<Topic>> = BTreeMap::new();
        for (tenant, topic) in self.reader.list().map_err(VerbError::Kafka)? {
            topics.entry(tenant).or_default().push(topic);
        }
        Ok(topics)
    }

    /// The topics of a tenant's tables.
    pub(crate) fn tables(&self, tenant: &Tenant) -> Result<BTreeMap<Table, Topic>, VerbError> {
        Ok(tables(self.topics()?.remove(tenant).unwrap_or_default()))
    }

    pub(crate) fn spans(&self, topic: &Topic) -> Result<Vec<Span>, VerbError> {
        self.reader.spans(topic).map_err(VerbError::Kafka)
    }

    /// Where a topic ends for a reader of committed records.
    pub(crate) fn ends(&self, topic: &Topic) -> Result<Offsets, VerbError> {
        let ends = self.reader.stable_ends(std::slice::from_ref(topic)).map_err(VerbError::Kafka)?;
        Ok(ends.into_iter().map(|((_, partition), end)| (partition, end)).collect())
    }

    /// Whether a topic is still the one that was listed.
    pub(crate) fn is_same(&self, topic: &Topic) -> Result<bool, VerbError> {
        let described = self.reader.describe(std::slice::from_ref(&topic.name)).map_err(VerbError::Kafka)?;
        Ok(described.get(&topic.name).is_some_and(|found| found.id == topic.id))
    }

    /// Shows every committed record of a topic from some offsets up to, and not including, others. A partition that is
    /// not in `to` is not read.
    pub(crate) fn scan(
        &mut self,
        topic: &Topic,
        from: &Offsets,
        to: &Offsets,
        visit: &mut dyn FnMut(&ConsumedRecord, &mut Registry) -> Result<(), VerbError>,
    ) -> Result<(), VerbError> {
        let begin = |partition| from.get(partition).copied().unwrap_or(0);
        let mut open: Offsets =
            to.iter().filter(|(p, end)| **end > begin(p)).map(|(p, end)| (*p, *end)).collect();
        let starts: Vec<_> = open.keys().map(|p| (topic.name.clone(), *p, begin(p))).collect();
        self.reader.start(&starts).map_err(|error| VerbError::Kafka(chain(&error)))?;
        let mut scanned = Ok(());
        while scanned.is_ok() && !open.is_empty() {
            scanned = self.step(topic, &mut open, visit);
        }
        let left: Vec<_> = open.into_keys().map(|partition| (topic.name.clone(), partition)).collect();
        scanned.and(self.reader.end(&left).map_err(|error| VerbError::Kafka(chain(&error))))
    }

    fn step(
        &mut self,
        topic: &Topic,
        open: &mut Offsets,
        visit: &mut dyn FnMut(&ConsumedRecord, &mut Registry) -> Result<(), VerbError>,
    ) -> Result<(), VerbError> {
        if self.stop.is_requested() {
            return Err(VerbError::Stopped);
        }
        let (partition, next) = match self.reader.fetch(POLL) {
            Fetched::Record(record) if record.topic() == topic.name => {
                let (partition, offset) = (record.partition(), record.offset());
                if open.get(&partition).is_some_and(|end| offset < *end) {
                    visit(&record, &mut self.registry)?;
                }
                (partition, offset + 1)
            }
            // Markers of transactions take offsets: only the end tells that nothing more comes below it.
            Fetched::End { topic: name, partition, offset } if name == topic.name => (partition, offset),
            Fetched::PartitionFailed { topic: name, partition, code } if name == topic.name => {
                failed(&name, partition, code)?;
                return Ok(());
            }
            Fetched::Failed(code) => {
                tracing::warn!(%code, "kafka; trying on");
                return Ok(());
            }
            _ => return Ok(()),
        };
        if open.get(&partition).is_some_and(|end| next >= *end) {
            open.remove(&partition);
            let done = [(topic.name.clone(), partition)];
            self.reader.end(&done).map_err(|error| VerbError::Kafka(chain(&error)))?;
        }
        Ok(())
    }
}

fn failed(topic: &str, partition: i32, code: RDKafkaErrorCode) -> Result<(), VerbError> {
    match code {
        RDKafkaErrorCode::AutoOffsetReset
        | RDKafkaErrorCode::OffsetOutOfRange
        | RDKafkaErrorCode::UnknownTopicOrPartition
        | RDKafkaErrorCode::UnknownTopic
        | RDKafkaErrorCode::UnknownPartition
        | RDKafkaErrorCode::TopicAuthorizationFailed => {
            Err(VerbError::Kafka(format!("{topic}, partition {partition}: {code}")))
        }
        code => {
            tracing::warn!(topic, partition, %code, "a partition cannot be read; trying on");
            Ok(())
        }
    }
}

/// Those of the topics that bring rows, by table.
pub(crate) fn tables(topics: Vec<Topic>) -> BTreeMap<Table, Topic> {
    let table = |topic: Topic| match &topic.feed {
        Feed::Rows(table) => Some((table.clone(), topic)),
        Feed::Cycles => None,
    };
    topics.into_iter().filter_map(table).collect()
}
