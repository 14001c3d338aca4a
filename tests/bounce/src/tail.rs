//! Reads every topic of a prefix while it grows, new topics too, through whatever happens to the brokers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use mirrorbus_librdkafka::{self as librdkafka, Fetched, Isolation, Spec};
use rdkafka::ClientConfig;
use rdkafka::admin::AdminClient;
use rdkafka::client::DefaultClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use reader::Record;

use crate::log::{Log, Place};

/// Between two looks for new topics.
const LISTING: Duration = Duration::from_secs(1);
/// One question to the cluster; a broker may be down.
const ANSWER: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(100);
/// How long the ends may stay out of reach once nothing is written any more.
const REACH: Duration = Duration::from_secs(60);

/// A reader in a thread of its own; it ends with the value.
pub(crate) struct Tail {
    log: Arc<Mutex<Log>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    admin: AdminClient<DefaultClientContext>,
    isolation: Isolation,
}

impl Tail {
    /// Reads all topics of `prefix`: rows and the bridge's own.
    pub(crate) fn start(kafka: &str, prefix: &str, isolation: Isolation) -> anyhow::Result<Self> {
        let consumer = consumer(kafka, isolation)?;
        let admin = ClientConfig::new()
            .set("bootstrap.servers", kafka)
            .set_log_level(RDKafkaLogLevel::Emerg)
            .create()?;
        let (log, stop) = (Arc::<Mutex<Log>>::default(), Arc::<AtomicBool>::default());
        let reader = Reader { consumer, prefix: prefix.to_owned(), log: Arc::clone(&log), known: Vec::new() };
        let flag = Arc::clone(&stop);
        let thread = std::thread::Builder::new().name("tail".to_owned()).spawn(move || reader.run(&flag))?;
        Ok(Self { log, stop, thread: Some(thread), admin, isolation })
    }

    /// What was read so far.
    pub(crate) fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until everything that is there now has been read, and checks that no open transaction hides anything.
    pub(crate) fn reach_ends(&self) -> anyhow::Result<()> {
        let began = Instant::now();
        loop {
            match self.behind() {
                Ok(None) => return Ok(()),
                Ok(Some(behind)) => ensure!(began.elapsed() < REACH, "{behind}"),
                Err(error) if began.elapsed() < REACH => drop(error),
                Err(error) => return Err(error),
            }
            std::thread::sleep(POLL);
        }
    }

    /// A partition that is not read to its end, in words.
    fn behind(&self) -> anyhow::Result<Option<String>> {
        let places: Vec<Place> = self.log().partitions.keys().cloned().collect();
        let ends = |isolation| {
            librdkafka::list_offsets(self.admin.inner(), &places, Spec::Latest, isolation, ANSWER)
        };
        let (stable, ends) = (ends(Isolation::ReadCommitted)?, ends(Isolation::ReadUncommitted)?);
        for place in &places {
            let (stable, end) = (stable.get(place).context("no end")?, ends.get(place).context("no end")?);
            let next = self.log().partitions.get(place).map_or(0, |partition| partition.next);
            if stable < end && self.isolation == Isolation::ReadCommitted {
                return Ok(Some(format!("{place:?}: an open transaction hides offsets {stable} to {end}")));
            }
            if next < *end {
                return Ok(Some(format!("{place:?} ends at {end} and was read to {next}")));
            }
        }
        Ok(None)
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A reader that panicked has told so on standard error.
            let _ = thread.join();
        }
    }
}

fn consumer(kafka: &str, isolation: Isolation) -> anyhow::Result<BaseConsumer> {
    let level = match isolation {
        Isolation::ReadCommitted => "read_committed",
        Isolation::ReadUncommitted => "read_uncommitted",
    };
    let consumer = ClientConfig::new()
        .set("bootstrap.servers", kafka)
        .set("group.id", "never-joined")
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "error")
        .set("enable.partition.eof", "true")
        .set("reconnect.backoff.max.ms", "1000")
        .set("isolation.level", level)
        // Brokers that go away are what is wanted here.
        .set_log_level(RDKafkaLogLevel::Emerg)
        .create()?;
    Ok(consumer)
}

struct Reader {
    consumer: BaseConsumer,
    prefix: String,
    log: Arc<Mutex<Log>>,
    known: Vec<Place>,
}

impl Reader {
    fn run(mut self, stop: &AtomicBool) {
        let mut listed: Option<Instant> = None;
        while !stop.load(Ordering::Relaxed) {
            if listed.is_none_or(|listed| listed.elapsed() >= LISTING) {
                // A cluster that does not answer now is asked again.
                let _ = self.list();
                listed = Some(Instant::now());
            }
            let fetched = librdkafka::fetch(self.consumer.client(), POLL);
            let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
            match fetched {
                Fetched::Record(record) => {
                    let place = (record.topic().to_owned(), record.partition());
                    let key = record.key().unwrap_or_default().to_vec();
                    let value = record.payload().map(<[u8]>::to_vec);
                    log.take(&place, Record { offset: record.offset(), key, value });
                }
                Fetched::End { topic, partition, offset } => log.end(&(topic, partition), offset),
                Fetched::PartitionFailed { topic, partition, code } if is_loss(code) => {
                    log.faults.push(format!("{topic}, partition {partition}: {code}"));
                }
                Fetched::PartitionFailed { .. } | Fetched::Failed(_) | Fetched::Nothing => {}
            }
        }
    }

    fn list(&mut self) -> anyhow::Result<()> {
        let metadata = self.consumer.fetch_metadata(None, ANSWER)?;
        let mut new = TopicPartitionList::new();
        for topic in metadata.topics() {
            let partitions = if self.is_ours(topic.name()) { topic.partitions() } else { &[] };
            for partition in partitions {
                let place = (topic.name().to_owned(), partition.id());
                if !self.known.contains(&place) {
                    new.add_partition_offset(&place.0, place.1, Offset::Offset(0))?;
                    self.known.push(place);
                }
            }
        }
        if new.count() > 0 {
            self.consumer.incremental_assign(&new)?;
        }
        Ok(())
    }

    fn is_ours(&self, topic: &str) -> bool {
        let rest = topic.strip_prefix(&self.prefix);
        rest.is_some_and(|rest| rest.starts_with('.') || rest.starts_with("-sys."))
    }
}

/// What no broker that comes and goes explains: what was read is not there any more.
fn is_loss(code: RDKafkaErrorCode) -> bool {
    matches!(code, RDKafkaErrorCode::OffsetOutOfRange | RDKafkaErrorCode::AutoOffsetReset)
}
