//! A tenant's transactional producer and its transactions.
//!
//! Opening it fences every earlier producer of the tenant, in this process or another, and finishes what they left
//! open. One thread of its own serves delivery reports while it lives. A transaction ends in one of three ways:
//! committed, aborted, or unknown; unknown spoils the producer, and the truth is read from the topics by the next.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mirrorbus_librdkafka as librdkafka;
use rdkafka::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use xxhash_rust::xxh3::Xxh3;

use super::error::BusError;
use crate::clock::Deadline;

/// librdkafka may have repeated EndTxn inside a commit or an abort that took longer; such a producer is not used again.
const SLOW_END: Duration = Duration::from_secs(1);
/// How often the polling thread looks whether it should stop.
const POLL: Duration = Duration::from_millis(100);
/// An abort that takes longer spoils the producer; the next one's opening finishes it.
const ABORT: Duration = Duration::from_secs(5);

/// What the delivery reports said of one topic's partition within a transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Delivered {
    pub(super) first: i64,
    pub(super) last: i64,
    pub(super) rows: u64,
    pub(super) hash: u64,
}

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
    partitions: HashMap<(usize, i32), Delivered>,
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
}

impl ProducerContext for Context {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, tag: usize) {
        let mut reports = self.reports();
        if tag >> SLOT_BITS != reports.transaction as usize {
            return;
        }
        let slot = tag & MAX_SLOT;
        match result {
            Ok(message) => {
                let mut hash = Xxh3::new();
                hash.update(message.key().unwrap_or_default());
                hash.update(message.payload().unwrap_or_default());
                let hash = hash.digest();
                reports.confirmed += 1;
                let offset = message.offset();
                reports
                    .partitions
                    .entry((slot, message.partition()))
                    .and_modify(|delivered| {
                        delivered.first = delivered.first.min(offset);
                        delivered.last = delivered.last.max(offset);
                        delivered.rows += 1;
                        delivered.hash = delivered.hash.wrapping_add(hash);
                    })
                    .or_insert(Delivered { first: offset, last: offset, rows: 1, hash });
            }
            Err((error, _)) => {
                reports.failure.get_or_insert_with(|| error.to_string());
            }
        }
    }
}

/// An initialised transactional producer.
pub(super) struct TransactionalProducer {
    producer: Arc<BaseProducer<Context>>,
    stop: Arc<AtomicBool>,
    poller: Option<JoinHandle<()>>,
    spoiled: AtomicBool,
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
                        producer.poll(POLL);
                    }
                }
            })
            .map_err(|error| BusError::kafka("start poll thread", error.to_string()))?;
        let opened = Self { producer, stop, poller: Some(poller), spoiled: AtomicBool::new(false) };
        opened
            .producer
            .init_transactions(deadline.left())
            .map_err(|error| BusError::kafka("init transactions", error.to_string()))?;
        Ok(opened)
    }

    /// Whether another transaction may be begun with it.
    pub(super) fn is_usable(&self) -> bool {
        !self.spoiled.load(Ordering::Relaxed)
    }

    /// Whether librdkafka may have repeated an EndTxn that began then: the copy could end a later transaction.
    fn may_have_repeated(&self, began: Instant) -> bool {
        began.elapsed() > SLOW_END || self.producer.context().disturbed.load(Ordering::Relaxed)
    }

    fn spoil(&self) {
        self.spoiled.store(true, Ordering::Relaxed);
    }

    /// Begins a transaction; dropped without a commit it is aborted.
    pub(super) fn begin(&self, deadline: Deadline) -> Result<Transaction<'_>, BusError> {
        if !self.is_usable() {
            return Err(BusError::kafka("begin transaction", "the producer is spent"));
        }
        if deadline.is_over() {
            return Err(BusError::Deadline { before: "begin" });
        }
        let transaction = {
            let mut reports = self.producer.context().reports();
            let transaction = reports.transaction.wrapping_add(1);
            *reports = Reports { transaction, ..Reports::default() };
            transaction
        };
        self.producer.context().disturbed.store(false, Ordering::Relaxed);
        self.producer.begin_transaction().map_err(|error| {
            self.spoil();
            BusError::kafka("begin transaction", error.to_string())
        })?;
        Ok(Transaction { producer: self, number: transaction, sent: 0, open: true, deadline })
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

/// One open transaction.
pub(super) struct Transaction<'p> {
    producer: &'p TransactionalProducer,
    number: u32,
    sent: u64,
    open: bool,
    deadline: Deadline,
}

impl Transaction<'_> {
    /// Hands a record to librdkafka. `value` of `None` is a tombstone. Waits while its queue is full.
    pub(super) fn send(
        &mut self,
        topic: &str,
        slot: usize,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: OwnedHeaders,
    ) -> Result<(), BusError> {
        let mut record = BaseRecord::with_opaque_to(topic, tag(self.number, slot)).headers(headers);
        record.key = key;
        record.payload = value;
        loop {
            match self.producer.producer.send(record) {
                Ok(()) => {
                    self.sent += 1;
                    return Ok(());
                }
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), again)) => {
                    record = again;
                    self.confirm()?;
                }
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::MessageSizeTooLarge), _)) => {
                    return Err(BusError::TooLarge);
                }
                Err((error, _)) => return Err(BusError::kafka("send", error.to_string())),
            }
        }
    }

    /// Waits until every record sent so far is confirmed: sends accepted = deliveries confirmed, or an error.
    pub(super) fn confirm(&self) -> Result<(), BusError> {
        librdkafka::flush(self.producer.producer.client(), self.deadline.left())?;
        let reports = self.producer.producer.context().reports();
        if let Some(failure) = &reports.failure {
            return Err(BusError::kafka("deliver", failure.clone()));
        }
        if reports.confirmed != self.sent {
            let (confirmed, sent) = (reports.confirmed, self.sent);
            return Err(BusError::kafka("deliver", format!("{confirmed} of {sent} records confirmed")));
        }
        Ok(())
    }

    /// What was delivered so far for `slot`, by partition.
    pub(super) fn delivered(&self, slot: usize) -> Vec<(i32, Delivered)> {
        let reports = self.producer.producer.context().reports();
        let mut delivered: Vec<_> = reports
            .partitions
            .iter()
            .filter(|((of, _), _)| *of == slot)
            .map(|((_, partition), delivered)| (*partition, *delivered))
            .collect();
        delivered.sort_unstable_by_key(|(partition, _)| *partition);
        delivered
    }

    /// Commits. After this was begun there is no abort: an error leaves the outcome unknown, even where librdkafka asks
    /// for one, because it does so too when its EndTxn may have succeeded.
    pub(super) fn commit(mut self) -> Result<(), BusError> {
        self.confirm()?;
        if self.deadline.is_over() {
            return Err(BusError::Deadline { before: "commit" });
        }
        let began = Instant::now();
        self.open = false;
        match librdkafka::commit(self.producer.producer.client(), self.deadline.left()) {
            Ok(()) => {
                if self.producer.may_have_repeated(began) {
                    self.producer.spoil();
                }
                Ok(())
            }
            Err(error) => {
                self.producer.spoil();
                Err(BusError::Unknown { reason: error.reason })
            }
        }
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if !self.open {
            return;
        }
        // Purges what is queued, too. Purging before it would look like a gap in the sequence of records.
        let began = Instant::now();
        if let Err(error) = self.producer.producer.abort_transaction(ABORT) {
            tracing::warn!(%error, "a transaction could not be aborted; the next opening finishes it");
            self.producer.spoil();
        } else if self.producer.may_have_repeated(began) {
            self.producer.spoil();
        }
    }
}
