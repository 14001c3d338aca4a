//! The librdkafka calls that rdkafka's safe API lacks or slows down, behind safe functions.
//!
//! This is the only module of the project in which `unsafe` is allowed. What it adds: commit and flush without the
//! safe API's 100 ms floor (its `flush` polls for the whole remaining time even after the queue is empty), topic
//! ids from DescribeTopics, ListOffsets for many partitions with a chosen isolation level, and the offset at which a
//! PartitionEOF stands (without it, the end of a topic whose last record is a transaction marker cannot be told from
//! an end that a lagging leader shows for a moment).
//!
//! Every native object made here is owned by a guard that destroys it, and every pointer read from a result is
//! used only while the event that owns it lives.

#![allow(unsafe_code)]

use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::time::Duration;

use rdkafka::bindings as native;
use rdkafka::client::{Client, ClientContext};
use thiserror::Error;

use super::offsets::{Isolation, Spec, TopicDescription};

/// A failed librdkafka call.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("{call}: {reason}")]
pub(super) struct NativeError {
    pub(super) call: &'static str,
    pub(super) reason: String,
    /// The transaction can still be aborted and the producer used on.
    pub(super) requires_abort: bool,
}

impl NativeError {
    fn new(call: &'static str, reason: impl Into<String>) -> Self {
        Self { call, reason: reason.into(), requires_abort: false }
    }
}

/// Waits until every message handed to the producer has its delivery report served. Ends linger at once.
///
/// Another thread must be polling the producer.
pub(super) fn flush<C: ClientContext>(client: &Client<C>, timeout: Duration) -> Result<(), NativeError> {
    // SAFETY: the client outlives the call.
    let code = unsafe { native::rd_kafka_flush(client.native_ptr(), millis(timeout)) };
    if code == native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
        Ok(())
    } else {
        Err(NativeError::new("flush", code_text(code)))
    }
}

/// Commits the open transaction. An error means that the outcome is unknown, unless it asks for an abort.
///
/// Blocks; another thread must be polling the producer.
pub(super) fn commit<C: ClientContext>(client: &Client<C>, timeout: Duration) -> Result<(), NativeError> {
    // SAFETY: the client outlives the call; the returned error is owned by us.
    let error = unsafe { native::rd_kafka_commit_transaction(client.native_ptr(), millis(timeout)) };
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: `error` is not null, read before it is destroyed, and destroyed once.
    unsafe {
        let failure = NativeError {
            call: "commit transaction",
            reason: text(native::rd_kafka_error_string(error)),
            requires_abort: native::rd_kafka_error_txn_requires_abort(error) != 0,
        };
        native::rd_kafka_error_destroy(error);
        Err(failure)
    }
}

/// Topic id and partitions of each topic that exists; topics that the cluster says it does not know are absent.
pub(super) fn describe_topics<C: ClientContext>(
    client: &Client<C>,
    names: &[String],
    timeout: Duration,
) -> Result<HashMap<String, TopicDescription>, NativeError> {
    const CALL: &str = "describe topics";
    if names.is_empty() {
        return Ok(HashMap::new());
    }
    let names: Vec<CString> = names
        .iter()
        .map(|name| CString::new(name.as_str()).map_err(|_| NativeError::new(CALL, "a name holds NUL")))
        .collect::<Result<_, _>>()?;
    let mut pointers: Vec<_> = names.iter().map(|name| name.as_ptr()).collect();
    // SAFETY: `pointers` and the strings behind it live until the collection has copied them.
    let topics = Collection(unsafe {
        native::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len())
    });
    let request =
        Request::new(client, native::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS, timeout)?;
    // SAFETY: all four objects are alive; the call copies what it needs.
    unsafe {
        native::rd_kafka_DescribeTopics(client.native_ptr(), topics.0, request.options, request.queue);
    }
    let event = request.answer(CALL, timeout)?;
    // SAFETY: the event is of the type asked for, and everything read from it is copied while it lives.
    unsafe {
        let result = native::rd_kafka_event_DescribeTopics_result(event.0);
        let mut count = 0;
        let first = native::rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
        let mut found = HashMap::new();
        for index in 0..count {
            let topic = *first.add(index);
            let name = text(native::rd_kafka_TopicDescription_name(topic));
            let error = native::rd_kafka_TopicDescription_error(topic);
            match native::rd_kafka_error_code(error) {
                native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => {
                    found.insert(name, description(topic));
                }
                native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART => {}
                _ => return Err(NativeError::new(CALL, text(native::rd_kafka_error_string(error)))),
            }
        }
        Ok(found)
    }
}

/// Offsets of the given partitions; an error of any of them fails the call.
pub(super) fn list_offsets<C: ClientContext>(
    client: &Client<C>,
    partitions: &[(String, i32)],
    spec: Spec,
    isolation: Isolation,
    timeout: Duration,
) -> Result<HashMap<(String, i32), i64>, NativeError> {
    const CALL: &str = "list offsets";
    if partitions.is_empty() {
        return Ok(HashMap::new());
    }
    let asked = PartitionList::new(partitions, spec)?;
    let request = Request::new(client, native::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTOFFSETS, timeout)?;
    request.isolation(isolation)?;
    // SAFETY: all objects are alive; the call copies what it needs.
    unsafe {
        native::rd_kafka_ListOffsets(client.native_ptr(), asked.0, request.options, request.queue);
    }
    let event = request.answer(CALL, timeout)?;
    // SAFETY: as in `describe_topics`.
    unsafe {
        let result = native::rd_kafka_event_ListOffsets_result(event.0);
        let mut count = 0;
        let first = native::rd_kafka_ListOffsets_result_infos(result, &raw mut count);
        let mut found = HashMap::with_capacity(count);
        for index in 0..count {
            let partition = native::rd_kafka_ListOffsetsResultInfo_topic_partition(*first.add(index));
            if (*partition).err != native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                return Err(NativeError::new(CALL, code_text((*partition).err)));
            }
            found.insert((text((*partition).topic), (*partition).partition), (*partition).offset);
        }
        Ok(found)
    }
}

/// What a poll of a consumer brought.
pub(super) enum Polled {
    /// Nothing within the time.
    Nothing,
    /// A record.
    Record(ConsumedRecord),
    /// The end of a partition, as its leader sees it now.
    End { partition: i32, offset: i64 },
}

/// Polls a consumer that was assigned partitions, with `enable.partition.eof` on.
pub(super) fn poll<C: ClientContext>(client: &Client<C>, timeout: Duration) -> Result<Polled, NativeError> {
    // SAFETY: the client outlives the call; the message is owned by the guard.
    let record =
        ConsumedRecord(unsafe { native::rd_kafka_consumer_poll(client.native_ptr(), millis(timeout)) });
    if record.0.is_null() {
        return Ok(Polled::Nothing);
    }
    // SAFETY: the message is not null and lives until the guard is dropped.
    let message = unsafe { &*record.0 };
    match message.err {
        native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(Polled::Record(record)),
        native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__PARTITION_EOF => {
            Ok(Polled::End { partition: message.partition, offset: message.offset })
        }
        code => Err(NativeError::new("read", code_text(code))),
    }
}

/// A record owned by us, its key and value still in librdkafka's buffers.
pub(super) struct ConsumedRecord(*mut native::rd_kafka_message_t);

impl ConsumedRecord {
    fn message(&self) -> &native::rd_kafka_message_t {
        // SAFETY: never null in a record that `poll` handed out; destroyed only with the guard.
        unsafe { &*self.0 }
    }

    pub(super) fn partition(&self) -> i32 {
        self.message().partition
    }

    pub(super) fn offset(&self) -> i64 {
        self.message().offset
    }

    pub(super) fn key(&self) -> Option<&[u8]> {
        // SAFETY: librdkafka's pointer and length belong together and live as long as the message.
        unsafe { bytes(self.message().key, self.message().key_len) }
    }

    pub(super) fn payload(&self) -> Option<&[u8]> {
        // SAFETY: as for the key.
        unsafe { bytes(self.message().payload, self.message().len) }
    }
}

impl Drop for ConsumedRecord {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: came from `rd_kafka_consumer_poll`, destroyed once.
            unsafe { native::rd_kafka_message_destroy(self.0) };
        }
    }
}

unsafe fn bytes<'a>(pointer: *const std::ffi::c_void, length: usize) -> Option<&'a [u8]> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: the caller vouches for pointer, length and lifetime.
    Some(unsafe { std::slice::from_raw_parts(pointer.cast::<u8>(), length) })
}

unsafe fn description(topic: *const native::rd_kafka_TopicDescription_t) -> TopicDescription {
    // SAFETY: the caller's topic is alive; its id and partitions belong to it.
    unsafe {
        let id = native::rd_kafka_TopicDescription_topic_id(topic);
        let high = native::rd_kafka_Uuid_most_significant_bits(id);
        let low = native::rd_kafka_Uuid_least_significant_bits(id);
        let mut partitions = 0;
        native::rd_kafka_TopicDescription_partitions(topic, &raw mut partitions);
        TopicDescription { id: format!("{high:016x}{low:016x}"), partitions }
    }
}

/// An admin request's options and the queue on which its answer arrives.
struct Request {
    options: *mut native::rd_kafka_AdminOptions_t,
    queue: *mut native::rd_kafka_queue_t,
}

impl Request {
    fn new<C: ClientContext>(
        client: &Client<C>,
        operation: native::rd_kafka_admin_op_t,
        timeout: Duration,
    ) -> Result<Self, NativeError> {
        let mut reason = [0; 256];
        // SAFETY: the client outlives the request; `reason` is as long as said.
        unsafe {
            let request = Self {
                options: native::rd_kafka_AdminOptions_new(client.native_ptr(), operation),
                queue: native::rd_kafka_queue_new(client.native_ptr()),
            };
            let code = native::rd_kafka_AdminOptions_set_request_timeout(
                request.options,
                millis(timeout),
                reason.as_mut_ptr(),
                reason.len(),
            );
            if code == native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                Ok(request)
            } else {
                Err(NativeError::new("set request timeout", text(reason.as_ptr())))
            }
        }
    }

    fn isolation(&self, isolation: Isolation) -> Result<(), NativeError> {
        let level = match isolation {
            Isolation::ReadCommitted => {
                native::rd_kafka_IsolationLevel_t::RD_KAFKA_ISOLATION_LEVEL_READ_COMMITTED
            }
            Isolation::ReadUncommitted => {
                native::rd_kafka_IsolationLevel_t::RD_KAFKA_ISOLATION_LEVEL_READ_UNCOMMITTED
            }
        };
        // SAFETY: the options are alive; a returned error is owned by us and destroyed once.
        unsafe {
            let error = native::rd_kafka_AdminOptions_set_isolation_level(self.options, level);
            if error.is_null() {
                return Ok(());
            }
            let reason = text(native::rd_kafka_error_string(error));
            native::rd_kafka_error_destroy(error);
            Err(NativeError::new("set isolation level", reason))
        }
    }

    fn answer(&self, call: &'static str, timeout: Duration) -> Result<Event, NativeError> {
        // SAFETY: the queue is alive; the event is owned by the guard.
        let event = Event(unsafe { native::rd_kafka_queue_poll(self.queue, millis(timeout) + 1000) });
        if event.0.is_null() {
            return Err(NativeError::new(call, "no answer in time"));
        }
        // SAFETY: the event is not null.
        unsafe {
            if native::rd_kafka_event_error(event.0)
                == native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR
            {
                Ok(event)
            } else {
                Err(NativeError::new(call, text(native::rd_kafka_event_error_string(event.0))))
            }
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        // SAFETY: both were made by `new` and are destroyed once.
        unsafe {
            native::rd_kafka_AdminOptions_destroy(self.options);
            native::rd_kafka_queue_destroy(self.queue);
        }
    }
}

struct Event(*mut native::rd_kafka_event_t);

impl Drop for Event {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: the event came from a queue and is destroyed once.
            unsafe { native::rd_kafka_event_destroy(self.0) };
        }
    }
}

struct Collection(*mut native::rd_kafka_TopicCollection_t);

impl Drop for Collection {
    fn drop(&mut self) {
        // SAFETY: made by `rd_kafka_TopicCollection_of_topic_names`, destroyed once.
        unsafe { native::rd_kafka_TopicCollection_destroy(self.0) };
    }
}

struct PartitionList(*mut native::rd_kafka_topic_partition_list_t);

impl PartitionList {
    fn new(partitions: &[(String, i32)], spec: Spec) -> Result<Self, NativeError> {
        let offset = match spec {
            Spec::Earliest => native::rd_kafka_OffsetSpec_t::RD_KAFKA_OFFSET_SPEC_EARLIEST,
            Spec::Latest => native::rd_kafka_OffsetSpec_t::RD_KAFKA_OFFSET_SPEC_LATEST,
        };
        let size =
            i32::try_from(partitions.len()).map_err(|_| NativeError::new("list offsets", "too many"))?;
        // SAFETY: the list is owned by the guard; `add` copies the name and returns a pointer into the list.
        unsafe {
            let list = Self(native::rd_kafka_topic_partition_list_new(size));
            for (topic, partition) in partitions {
                let topic = CString::new(topic.as_str())
                    .map_err(|_| NativeError::new("list offsets", "a name holds NUL"))?;
                let entry = native::rd_kafka_topic_partition_list_add(list.0, topic.as_ptr(), *partition);
                (*entry).offset = offset as i64;
            }
            Ok(list)
        }
    }
}

impl Drop for PartitionList {
    fn drop(&mut self) {
        // SAFETY: made by `new`, destroyed once.
        unsafe { native::rd_kafka_topic_partition_list_destroy(self.0) };
    }
}

fn millis(timeout: Duration) -> i32 {
    i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX)
}

fn code_text(code: native::rd_kafka_resp_err_t) -> String {
    // SAFETY: librdkafka returns a static string for every code.
    unsafe { text(native::rd_kafka_err2str(code)) }
}

unsafe fn text(pointer: *const std::ffi::c_char) -> String {
    if pointer.is_null() {
        return String::new();
    }
    // SAFETY: the caller's pointer leads to a NUL-ended string that lives while it is copied.
    unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned()
}
