//! A tenant's transactional producer and its transactions.
//!
//! Opening it fences every earlier producer of the tenant, in this process or another, and finishes what they left
//! open. One thread of its own serves delivery reports while it lives. A transaction ends in one of three ways:
//! committed, aborted, or unknown; unknown spoils the producer, and the truth is read from the topics by the next.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mirrorbus_librdkafka as librdkafka;
use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext};

use super::error::BusError;
use super::log::{Delivered, Outgoing, Producer};
use crate::clock::Deadline;
use crate::failpoint;
use crate::metrics;

/// librdkafka may have repeated EndTxn inside a commit or an abort that took longer; such a producer is not used again.
/// It tells of that in no other way where a connection broke, but waits before it: see [`super::settings::RETRY_BACKOFF_MS`].
pub(super) const SLOW_END: Duration = Duration::from_millis(300);
/// How often the polling thread looks whether it should stop.
const POLL: Duration = Duration::from_millis(100);
/// An abort that takes longer spoils the producer; the next one's opening finishes it.
const ABORT: Duration = Duration::from_secs(5);

/// What a record is sent with and its delivery report brings back: the transaction's number within the producer, and
/// the slot. Reports of an aborted transaction may still come when the next one is open.
fn tag(transaction: u32, slot: usize) -> usize {
    (transaction as usize) << SLOT_BITS | slot
}

const SLOT_BITS: u32 = 32;
const _: () = assert!(usize::BITS == 64, "a tag travels through librdkafka in a pointer's place");
/// Largest slot number.
pub(super) const MAX_SLOT: usize = (1 << SLOT_BITS) - 1;

/// Sums of a transaction's delivery reports, by the slot number that each record was sent with.
#[derive(Default)]
struct Reports {
    transaction: u32,
    confirmed: u64,
    failure: Option<String>,
    /// By slot and partition, in the order in which they came first. Few, and one row's is mostly the row's before.
    partitions: Vec<((usize, i32), Delivered)>,
}

#[derive(Default)]
struct Context {
    reports: Mutex<Reports>,
    /// A connection broke or the client died since it was opened or last asked.
    disturbed: AtomicBool,
}

impl Context {
    fn reports(&self) -> MutexGuard<'_, Reports> {
        self.reports.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for Context {
    fn error(&self, error: KafkaError, reason: &str) {
        self.disturbed.store(true, Ordering::Relaxed);
        tracing::debug!(%error, reason, "transactional producer disturbed");
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        librdkafka::log(level as i32, facility, text);
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = usize;

    /// Only reports of what is thrown away when the producer is dropped come this way.
    fn delivery(&self, _: &DeliveryResult<'_>, _: usize) {}
}

impl Reports {
    fn take(&mut self, delivery: &librdkafka::Delivery<'_>) {
        if delivery.tag() >> SLOT_BITS != self.transaction as usize {
            return;
        }
        if let Some(failure) = delivery.failure() {
            self.failure.get_or_insert(failure);
            return;
        }
        let (key, value) = (delivery.key().unwrap_or_default(), delivery.payload().unwrap_or_default());
        let one = Delivered::one(delivery.offset(), key, value);
        self.confirmed += 1;
        let place = (delivery.tag() & MAX_SLOT, delivery.partition());
        match self.partitions.iter_mut().rev().find(|(known, _)| *known == place) {
            Some((_, sum)) => *sum = sum.and(one),
            None => self.partitions.push((place, one)),
        }
    }
}

/// An initialised transactional producer.
pub(super) struct TransactionalProducer {
    producer: Arc<BaseProducer<Context>>,
    stop: Arc<AtomicBool>,
    poller: Option<JoinHandle<()>>,
    spoiled: bool,
    /// Number of the open transaction, and how many records it was given.
    transaction: u32,
    sent: u64,
    /// Something of the open transaction failed at Kafka.
    failed: bool,
    _counted: metrics::Open,
}

impl TransactionalProducer {
    /// Fences all earlier producers with the same id and waits until their transactions are finished.
    pub(super) fn open(config: &ClientConfig, id: &str, deadline: &Deadline) -> Result<Self, BusError> {
        let producer: BaseProducer<Context> = config
            .clone()
            .set("transactional.id", id)
            .create_with_context(Context::default())
            .map_err(|error| BusError::kafka("create producer", error.to_string()))?;
        let producer = Arc::new(producer);
        let stop = Arc::new(AtomicBool::new(false));
        let poller = std::thread::Builder::new()
            .name("mirrorbus-poll".to_owned())
            .spawn({
                let (producer, stop) = (Arc::clone(&producer), Arc::clone(&stop));
                move || {
                    while !stop.load(Ordering::Relaxed) {
                        librdkafka::serve(producer.client(), POLL, |deliveries| {
                            let mut reports = producer.context().reports();
                            deliveries.for_each(|delivery| reports.take(&delivery));
                        });
                    }
                }
            })
            .map_err(|error| BusError::kafka("start poll thread", error.to_string()))?;
        let (poller, _counted) = (Some(poller), metrics::producer());
        let opened =
            Self { producer, stop, poller, spoiled: false, transaction: 0, sent: 0, failed: false, _counted };
        failpoint::reach(failpoint::BEFORE_FENCE);
        opened
            .producer
            .init_transactions(deadline.left())
            .map_err(|error| BusError::kafka("init transactions", error.to_string()))?;
        failpoint::reach(failpoint::FENCED);
        Ok(opened)
    }

    /// Whether librdkafka may have repeated an EndTxn that began then: the copy could end a later transaction.
    fn may_have_repeated(&self, began: Instant) -> bool {
        began.elapsed() > SLOW_END || self.producer.context().disturbed.load(Ordering::Relaxed)
    }

    /// Waits for the reports of everything sent: sends accepted = deliveries confirmed, or an error.
    fn await_reports(&self, deadline: &Deadline) -> Result<(), BusError> {
        librdkafka::flush(self.producer.client(), deadline.left())?;
        let reports = self.producer.context().reports();
        if let Some(failure) = &reports.failure {
            return Err(BusError::kafka("deliver", failure.clone()));
        }
        if reports.confirmed != self.sent {
            let (confirmed, sent) = (reports.confirmed, self.sent);
            return Err(BusError::kafka("deliver", format!("{confirmed} of {sent} records confirmed")));
        }
        Ok(())
    }
}

impl Drop for TransactionalProducer {
    /// Joining the poll thread and destroying the client takes up to a second: not on the caller's time.
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let (poller, producer) = (self.poller.take(), Arc::clone(&self.producer));
        let close = move || {
            if let Some(poller) = poller
                && poller.join().is_err()
            {
                tracing::error!("the poll thread of a producer panicked");
            }
            drop(producer);
        };
        if let Err(error) = std::thread::Builder::new().name("mirrorbus-close".to_owned()).spawn(close) {
            tracing::warn!(%error, "a producer is closed on the caller's thread");
        }
    }
}

impl Producer for TransactionalProducer {
    fn is_usable(&self) -> bool {
        !self.spoiled || failpoint::is_on(failpoint::KEEP_SPOILED)
    }

    fn begin(&mut self) -> Result<(), BusError> {
        let context = self.producer.context();
        self.transaction = self.transaction.wrapping_add(1);
        self.sent = 0;
        self.failed = false;
        *context.reports() = Reports { transaction: self.transaction, ..Reports::default() };
        context.disturbed.store(false, Ordering::Relaxed);
        if let Err(error) = self.producer.begin_transaction() {
            self.spoiled = true;
            return Err(BusError::kafka("begin transaction", error.to_string()));
        }
        failpoint::reach(failpoint::TRANSACTION_BEGUN);
        Ok(())
    }

    fn send(&mut self, outgoing: Outgoing<'_>, deadline: &Deadline) -> Result<(), BusError> {
        let tag = tag(self.transaction, outgoing.slot);
        let mut record = BaseRecord::with_opaque_to(outgoing.topic, tag).headers(outgoing.headers);
        record.key = outgoing.key;
        record.payload = outgoing.value;
        loop {
            match self.producer.send(record) {
                Ok(()) => {
                    self.sent += 1;
                    failpoint::reach(failpoint::ROW_SENT);
                    return Ok(());
                }
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), again)) => {
                    record = again;
                    self.confirm(deadline)?;
                }
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::MessageSizeTooLarge), _)) => {
                    return Err(BusError::TooLarge);
                }
                Err((error, _)) => {
                    self.failed = true;
                    return Err(BusError::kafka("send", error.to_string()));
                }
            }
        }
    }

    fn confirm(&mut self, deadline: &Deadline) -> Result<(), BusError> {
        let confirmed = self.await_reports(deadline);
        self.failed |= confirmed.is_err();
        confirmed
    }

    fn delivered(&self, slot: usize) -> Vec<(i32, Delivered)> {
        let reports = self.producer.context().reports();
        let of_slot = reports.partitions.iter().filter(|((of, _), _)| *of == slot);
        let mut delivered: Vec<_> =
            of_slot.map(|((_, partition), delivered)| (*partition, *delivered)).collect();
        delivered.sort_unstable_by_key(|(partition, _)| *partition);
        delivered
    }

    /// librdkafka asks for an abort also when its EndTxn may have succeeded: every error is an unknown outcome.
    fn commit(&mut self, deadline: &Deadline) -> Result<(), BusError> {
        let began = Instant::now();
        let committed = librdkafka::commit(self.producer.client(), deadline.left());
        self.spoiled |= committed.is_err() || self.may_have_repeated(began);
        committed.map_err(|error| BusError::Unknown { reason: error.reason })
    }

    /// Purges what is queued, too. Purging before it would look like a gap in the sequence of records. After a failure
    /// librdkafka may initialise the producer anew inside, which fences whoever came after us: it is not used again then.
    fn abort(&mut self) {
        let began = Instant::now();
        if let Err(error) = self.producer.abort_transaction(ABORT) {
            tracing::warn!(%error, "a transaction could not be aborted; the next opening finishes it");
            self.spoiled = true;
        }
        self.spoiled |= self.failed || self.may_have_repeated(began);
    }
}
