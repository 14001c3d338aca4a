//! Reading with the offset at which a PartitionEOF stands.

use std::ffi::CStr;
use std::time::Duration;

use rdkafka::bindings as native;
use rdkafka::client::{Client, ClientContext};
use rdkafka::error::RDKafkaErrorCode;

use crate::{NativeError, code_text, millis};

/// What a poll of a consumer brought.
pub enum Polled {
    /// Nothing within the time.
    Nothing,
    /// A record.
    Record(ConsumedRecord),
    /// The end of a partition, as its leader sees it now.
    End {
        /// Which partition.
        partition: i32,
        /// Where it ends.
        offset: i64,
    },
}

/// Polls a consumer that was assigned partitions, with `enable.partition.eof` on.
///
/// # Errors
/// [`NativeError`] when librdkafka says so or did not answer in time.
pub fn poll<C: ClientContext>(client: &Client<C>, timeout: Duration) -> Result<Polled, NativeError> {
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

/// What a poll of a consumer of many topics brought.
pub enum Fetched {
    /// Nothing within the time.
    Nothing,
    /// A record.
    Record(ConsumedRecord),
    /// The end of a partition, as its leader sees it now.
    End {
        /// Of which topic.
        topic: String,
        /// Which partition.
        partition: i32,
        /// Where it ends.
        offset: i64,
    },
    /// One partition cannot be read; the others can.
    PartitionFailed {
        /// Of which topic.
        topic: String,
        /// Which partition.
        partition: i32,
        /// Why.
        code: RDKafkaErrorCode,
    },
    /// Something that concerns no partition in particular, such as brokers that do not answer.
    Failed(RDKafkaErrorCode),
}

/// Polls a consumer that was assigned partitions of many topics, with `enable.partition.eof` on. Unlike [`poll`] it
/// says of which topic an end or an error speaks, and an error of one partition is no error of the others.
pub fn fetch<C: ClientContext>(client: &Client<C>, timeout: Duration) -> Fetched {
    // SAFETY: the client outlives the call; the message is owned by the guard.
    let record =
        ConsumedRecord(unsafe { native::rd_kafka_consumer_poll(client.native_ptr(), millis(timeout)) });
    if record.0.is_null() {
        return Fetched::Nothing;
    }
    let message = record.message();
    let (partition, offset) = (message.partition, message.offset);
    match message.err {
        native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => Fetched::Record(record),
        native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__PARTITION_EOF => {
            Fetched::End { topic: record.topic().to_owned(), partition, offset }
        }
        code if message.rkt.is_null() => Fetched::Failed(code.into()),
        code => Fetched::PartitionFailed { topic: record.topic().to_owned(), partition, code: code.into() },
    }
}

/// A record owned by us, its key and value still in librdkafka's buffers.
pub struct ConsumedRecord(*mut native::rd_kafka_message_t);

impl ConsumedRecord {
    fn message(&self) -> &native::rd_kafka_message_t {
        // SAFETY: never null in a record that `poll` handed out; destroyed only with the guard.
        unsafe { &*self.0 }
    }

    /// The topic's name; empty where librdkafka names none.
    #[must_use]
    pub fn topic(&self) -> &str {
        let topic = self.message().rkt;
        if topic.is_null() {
            return "";
        }
        // SAFETY: the message holds a reference to its topic, which owns the name, a string that ends in NUL.
        unsafe { CStr::from_ptr(native::rd_kafka_topic_name(topic)) }.to_str().unwrap_or_default()
    }

    /// Whether another record is of the same topic; quicker than to compare names.
    #[must_use]
    pub fn is_of_same_topic(&self, other: &Self) -> bool {
        self.message().rkt == other.message().rkt
    }

    /// The newest header of this name, if it has a value.
    #[must_use]
    pub fn header(&self, name: &CStr) -> Option<&[u8]> {
        let mut headers = std::ptr::null_mut();
        let (mut value, mut size) = (std::ptr::null(), 0);
        // SAFETY: the message is alive; headers and values belong to it and live as long as it does.
        unsafe {
            let code = native::rd_kafka_message_headers(self.0, &raw mut headers);
            if code != native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                return None;
            }
            let code =
                native::rd_kafka_header_get_last(headers, name.as_ptr(), &raw mut value, &raw mut size);
            if code != native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                return None;
            }
            bytes(value, size)
        }
    }

    /// Partition number.
    #[must_use]
    pub fn partition(&self) -> i32 {
        self.message().partition
    }

    /// Offset in the partition.
    #[must_use]
    pub fn offset(&self) -> i64 {
        self.message().offset
    }

    /// The record's time by its producer's or its broker's clock, whichever the topic keeps, in milliseconds since 1970
    /// UTC.
    #[must_use]
    pub fn timestamp_ms(&self) -> Option<i64> {
        let mut kind = native::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: the message is alive; the kind is written only during the call.
        let time = unsafe { native::rd_kafka_message_timestamp(self.0, &raw mut kind) };
        (kind != native::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE).then_some(time)
    }

    /// The key's bytes, if it has one.
    #[must_use]
    pub fn key(&self) -> Option<&[u8]> {
        // SAFETY: librdkafka's pointer and length belong together and live as long as the message.
        unsafe { bytes(self.message().key, self.message().key_len) }
    }

    /// The value's bytes; `None` for a tombstone.
    #[must_use]
    pub fn payload(&self) -> Option<&[u8]> {
        // SAFETY: as for the key.
        unsafe { bytes(self.message().payload, self.message().len) }
    }
}

impl std::fmt::Debug for ConsumedRecord {
    /// Never shows key or value.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} [{}] @ {}", self.topic(), self.partition(), self.offset())
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

pub(crate) unsafe fn bytes<'a>(pointer: *const std::ffi::c_void, length: usize) -> Option<&'a [u8]> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: the caller vouches for pointer, length and lifetime.
    Some(unsafe { std::slice::from_raw_parts(pointer.cast::<u8>(), length) })
}
