//! A transaction as a call's, with the bridge's own settings: written, committed, fenced by a second producer, read back.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mirrorbus_librdkafka::{self as librdkafka, Fetched};
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message as _};
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::Check;
use super::clock::Other;
use super::cluster::{self, Cluster};
use super::rights::{self, Right};
use crate::clock::{Clock as _, Deadline, SystemClock};

const POLL: Duration = Duration::from_millis(100);
const ABORT: Duration = Duration::from_secs(5);
/// How long one question about the group may take before its refusal is looked for.
const GROUP_ROUND: Duration = Duration::from_secs(1);
const COMMITTED: &[u8] = b"committed";
const FENCED: &[u8] = b"fenced";

/// Why a step of the probe failed.
enum Failure {
    /// Kafka said so.
    Kafka { what: &'static str, error: KafkaError, right: Right },
    /// Kafka did something else than it must.
    Broken { what: String, advice: &'static str },
}

/// Delivery reports: where the first record of a transaction lies, and what went wrong.
#[derive(Default)]
struct Reports(Mutex<Said>);

#[derive(Default)]
struct Said {
    written: Option<Written>,
    failure: Option<KafkaError>,
}

/// A record that Kafka has.
#[derive(Clone, Copy)]
struct Written {
    offset: i64,
    /// Kafka's clock, in milliseconds since 1970.
    time_ms: Option<i64>,
}

impl Reports {
    fn said(&self) -> MutexGuard<'_, Said> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for Reports {
    fn error(&self, _: KafkaError, _: &str) {}
}

impl ProducerContext for Reports {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let mut reports = self.said();
        match result {
            Ok(message) => {
                let (offset, time_ms) = (message.offset(), message.timestamp().to_millis());
                reports.written.get_or_insert(Written { offset, time_ms });
            }
            Err((error, _)) => {
                reports.failure.get_or_insert_with(|| error.clone());
            }
        }
    }
}

/// A transactional producer with the bridge's own settings.
struct Prober<'a> {
    producer: ThreadedProducer<Reports>,
    topic: &'a str,
    id: &'a str,
    patience: Duration,
}

impl<'a> Prober<'a> {
    fn open(check: &Check<'_>, cluster: &Cluster<'_>, topic: &'a str, id: &'a str) -> Result<Self, Failure> {
        let fail = |error| Failure::Kafka {
            what: "open a transactional producer",
            error,
            right: Right::Transactions("Write"),
        };
        let mut config = cluster.settings.producer();
        config.set("transactional.id", id);
        let producer: ThreadedProducer<Reports> =
            config.create_with_context(Reports::default()).map_err(fail)?;
        let patience = check.patience();
        producer.init_transactions(patience).map_err(fail)?;
        Ok(Self { producer, topic, id, patience })
    }

    /// Begins a transaction and waits until Kafka has its one record.
    fn write(&self, value: &[u8]) -> Result<Written, Failure> {
        let fail = |error| Failure::Kafka { what: "write", error, right: Right::System("Write") };
        self.producer.begin_transaction().map_err(fail)?;
        let record = BaseRecord::to(self.topic).key(self.id).payload(value);
        self.producer.send(record).map_err(|(error, _)| fail(error))?;
        self.producer.flush(self.patience).map_err(fail)?;
        let said = std::mem::take(&mut *self.producer.context().said());
        match (said.written, said.failure) {
            (_, Some(error)) => Err(fail(self.cause(error))),
            (Some(written), None) => Ok(written),
            (None, None) => Err(fail(KafkaError::MessageProduction(RDKafkaErrorCode::MessageTimedOut))),
        }
    }

    /// Why a record was not written: that a transaction's queue was purged says only that the transaction failed.
    fn cause(&self, error: KafkaError) -> KafkaError {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::PurgeQueue | RDKafkaErrorCode::PurgeInflight) => {
                self.commit().err().unwrap_or(error)
            }
            _ => error,
        }
    }

    fn commit(&self) -> Result<(), KafkaError> {
        self.producer.commit_transaction(self.patience)
    }

    /// Leaves nothing open that would hide what follows it.
    fn abort(&self) {
        // A producer that cannot even abort leaves it to the transaction's timeout.
        let _ = self.producer.abort_transaction(ABORT);
    }
}

/// Gives Kafka's clock.
pub(super) fn check(check: &mut Check<'_>, cluster: &Cluster<'_>, topic: &str, id: &str) -> Option<Other> {
    let prefix = &cluster.settings.prefix;
    let (transaction, fencing) = (format!("{prefix} probe transaction"), format!("{prefix} fencing"));
    let (first, written, clock) = match committed(check, cluster, topic, id) {
        Ok(committed) => committed,
        Err(failure) => {
            failed(check, cluster, &transaction, failure);
            return None;
        }
    };
    match fence(check, cluster, &first) {
        Ok(()) => check.ok(fencing, "a second producer fenced the first"),
        Err(failure) => failed(check, cluster, &fencing, failure),
    }
    match read(check, cluster, topic, id, written.offset) {
        Ok(values) if values == [COMMITTED] => {
            check.ok(transaction, "written, committed and read back; what was not committed is hidden");
        }
        Ok(values) => {
            let what = format!("read back {} records, one was committed", values.len());
            let advice = "this Kafka does not keep transactions: use Apache Kafka 4.0 or newer";
            failed(check, cluster, &transaction, Failure::Broken { what, advice });
        }
        Err(failure) => failed(check, cluster, &transaction, failure),
    }
    check_group(check, cluster, topic);
    clock
}

/// A first producer with one committed record.
fn committed<'a>(
    check: &Check<'_>,
    cluster: &Cluster<'_>,
    topic: &'a str,
    id: &'a str,
) -> Result<(Prober<'a>, Written, Option<Other>), Failure> {
    let first = Prober::open(check, cluster, topic, id)?;
    let before = SystemClock.now_ms();
    let written = first.write(COMMITTED).inspect_err(|_| first.abort())?;
    let after = SystemClock.now_ms();
    first.commit().map_err(|error| Failure::Kafka {
        what: "commit",
        error,
        right: Right::Transactions("Write"),
    })?;
    let clock = written.time_ms.map(|time_ms| Other::new("kafka", time_ms, before, after, 1));
    Ok((first, written, clock))
}

/// A second producer takes over while the first has a transaction open: the first must fail, and nothing of it show.
fn fence(check: &Check<'_>, cluster: &Cluster<'_>, first: &Prober<'_>) -> Result<(), Failure> {
    first.write(FENCED)?;
    let second = Prober::open(check, cluster, first.topic, first.id);
    if second.is_err() {
        first.abort();
    }
    let _second = second?;
    match first.commit() {
        Err(KafkaError::Transaction(error)) if is_fence(error.code()) => Ok(()),
        Err(error) => Err(Failure::Kafka {
            what: "commit as a fenced producer",
            error,
            right: Right::Transactions("Write"),
        }),
        Ok(()) => Err(Failure::Broken {
            what: "a producer committed though a second one had taken over".to_owned(),
            advice: "two bridges would write at once: use Apache Kafka 4.0 or newer",
        }),
    }
}

fn is_fence(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::Fenced | RDKafkaErrorCode::ProducerFenced | RDKafkaErrorCode::InvalidProducerEpoch
    )
}

/// A consumer that prints nothing: what librdkafka has to log of one goes to standard error.
fn reader(cluster: &Cluster<'_>) -> Result<BaseConsumer, KafkaError> {
    cluster.settings.reader().set_log_level(RDKafkaLogLevel::Emerg).create()
}

/// What a read_committed reader sees of this probe's records.
fn read(
    check: &Check<'_>,
    cluster: &Cluster<'_>,
    topic: &str,
    id: &str,
    from: i64,
) -> Result<Vec<Vec<u8>>, Failure> {
    let fail = |error| Failure::Kafka { what: "read", error, right: Right::System("Read") };
    let consumer = reader(cluster).map_err(fail)?;
    let deadline = Deadline::start(check.patience());
    let mut assignment = TopicPartitionList::new();
    assignment.add_partition_offset(topic, 0, Offset::Offset(from)).map_err(fail)?;
    consumer.assign(&assignment).map_err(fail)?;
    // The end that matters lies behind the aborted record and its marker.
    let (_, end) = consumer.fetch_watermarks(topic, 0, deadline.left()).map_err(fail)?;
    let mut values = Vec::new();
    while !deadline.is_over() {
        match librdkafka::fetch(consumer.client(), POLL.min(deadline.left())) {
            Fetched::Record(record) if record.key() == Some(id.as_bytes()) => {
                values.push(record.payload().unwrap_or_default().to_vec());
            }
            Fetched::End { offset, .. } if offset >= end => return Ok(values),
            // The group is asked of by itself.
            Fetched::Failed(code) if code != RDKafkaErrorCode::GroupAuthorizationFailed => {
                return Err(fail(KafkaError::MessageConsumption(code)));
            }
            Fetched::PartitionFailed { code, .. } => {
                return Err(fail(KafkaError::MessageConsumption(code)));
            }
            Fetched::Nothing | Fetched::Record(_) | Fetched::End { .. } | Fetched::Failed(_) => {}
        }
    }
    Err(Failure::Broken {
        what: "the end of the topic was not reached: a transaction before it does not end".to_owned(),
        advice: "look for it with kafka-transactions.sh find-hanging, then check again",
    })
}

/// Readers name a group though they join none.
fn check_group(check: &mut Check<'_>, cluster: &Cluster<'_>, topic: &str) {
    let settings = cluster.settings;
    let item = format!("{} group", settings.prefix);
    match ask_group(check, cluster, topic) {
        Ok(()) => check.ok(item, format!("{}-bridge may be named", settings.prefix)),
        Err(error) if cluster::error_code(&error).is_some_and(rights::is_refusal) => {
            let right = Right::Group("Read");
            check.fault(item, right.refused(settings), right.advice(settings));
        }
        Err(error) => cluster::unanswered(check, settings, &item, "offsets", Right::Group("Read"), &error),
    }
}

/// A question that needs a right on the group. That it is refused is told to who polls; the question itself only
/// takes its time.
fn ask_group(check: &Check<'_>, cluster: &Cluster<'_>, topic: &str) -> Result<(), KafkaError> {
    let consumer = reader(cluster)?;
    let deadline = Deadline::start(check.patience());
    loop {
        let mut partitions = TopicPartitionList::new();
        partitions.add_partition(topic, 0);
        let Err(error) = consumer.committed_offsets(partitions, GROUP_ROUND) else { return Ok(()) };
        if deadline.is_over() {
            return Err(error);
        }
        if let Fetched::Failed(code) = librdkafka::fetch(consumer.client(), POLL)
            && rights::is_refusal(code)
        {
            return Err(KafkaError::OffsetFetch(code));
        }
    }
}

fn failed(check: &mut Check<'_>, cluster: &Cluster<'_>, item: &str, failure: Failure) {
    let settings = cluster.settings;
    let (what, error, right) = match failure {
        Failure::Broken { what, advice } => return check.fault(item, what, advice),
        Failure::Kafka { what, error, right } => (what, error, right),
    };
    match cluster::error_code(&error) {
        Some(RDKafkaErrorCode::ClusterAuthorizationFailed) => {
            let right = Right::Cluster("IdempotentWrite");
            check.fault(item, format!("{what}: {}", right.refused(settings)), right.advice(settings));
        }
        Some(RDKafkaErrorCode::TransactionalIdAuthorizationFailed) => {
            let right = Right::Transactions("Write");
            check.fault(item, format!("{what}: {}", right.refused(settings)), right.advice(settings));
        }
        Some(code) if rights::is_refusal(code) => {
            check.fault(item, format!("{what}: {}", right.refused(settings)), right.advice(settings));
        }
        Some(RDKafkaErrorCode::InvalidTransactionTimeout) => {
            let ours = settings.producer().get("transaction.timeout.ms").unwrap_or_default().to_owned();
            let advice = format!("set transaction.max.timeout.ms to {ours} at least on every broker");
            check.fault(item, format!("{what}: transactions of {ours} ms are refused"), advice);
        }
        _ => {
            let found = format!("{what} at {}: {error}", settings.bootstrap_servers);
            check.fault(item, found, "look at the brokers' logs, then check again");
        }
    }
}
