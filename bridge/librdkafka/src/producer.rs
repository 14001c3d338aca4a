//! Flush and commit without the safe API's 100 ms floor, and deliveries without its busy waiting.

use std::time::Duration;

use rdkafka::bindings as native;
use rdkafka::client::{Client, ClientContext};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;

use crate::consumer::bytes;
use crate::event::{Event, Queue};
use crate::{NativeError, code_text, millis, text};

/// Waits until every message handed to the producer has its delivery report served. Ends linger at once.
///
/// Another thread must be polling the producer.
///
/// # Errors
/// [`NativeError`] when librdkafka says so or did not answer in time.
pub fn flush<C: ClientContext>(client: &Client<C>, timeout: Duration) -> Result<(), NativeError> {
    // SAFETY: the client outlives the call.
    let code = unsafe { native::rd_kafka_flush(client.native_ptr(), millis(timeout)) };
    if code == native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
        Ok(())
    } else {
        Err(NativeError::new("flush", code_text(code)))
    }
}

/// Commits the open transaction. An error means that the outcome is unknown.
///
/// Blocks; another thread must be polling the producer.
///
/// # Errors
/// [`NativeError`] when librdkafka says so or did not answer in time.
pub fn commit<C: ClientContext>(client: &Client<C>, timeout: Duration) -> Result<(), NativeError> {
    // SAFETY: the client outlives the call; the returned error is owned by us.
    let error = unsafe { native::rd_kafka_commit_transaction(client.native_ptr(), millis(timeout)) };
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: `error` is not null, read before it is destroyed, and destroyed once.
    unsafe {
        let failure = NativeError::new("commit transaction", text(native::rd_kafka_error_string(error)));
        native::rd_kafka_error_destroy(error);
        Err(failure)
    }
}

/// Serves what a producer has to say: hands reports of deliveries to `take`, errors and log lines to the client's
/// context. Returns when there was something, or after `timeout`.
///
/// rdkafka's own poll asks without a pause in the last millisecond before its timeout: one producer costs little,
/// but hundreds that idle cost a processor.
pub fn serve<C: ClientContext>(client: &Client<C>, timeout: Duration, take: impl FnOnce(Deliveries<'_>)) {
    let event = Queue::main(client).poll(timeout);
    if event.0.is_null() {
        return;
    }
    // SAFETY: the event is not null and lives until the end of this function; texts are copied before.
    unsafe {
        match native::rd_kafka_event_type(event.0) {
            native::RD_KAFKA_EVENT_DR => take(Deliveries(&event)),
            native::RD_KAFKA_EVENT_ERROR => {
                let error = KafkaError::Global(native::rd_kafka_event_error(event.0).into());
                client.context().error(error, text(native::rd_kafka_event_error_string(event.0)).trim());
            }
            native::RD_KAFKA_EVENT_LOG => tell_log(client, &event),
            _ => {}
        }
    }
}

unsafe fn tell_log<C: ClientContext>(client: &Client<C>, event: &Event) {
    let (mut facility, mut line, mut level) = (std::ptr::null(), std::ptr::null(), 0);
    // SAFETY: the caller's event is not null; what it points to lives as long as it does.
    unsafe {
        if native::rd_kafka_event_log(event.0, &raw mut facility, &raw mut line, &raw mut level) == 0 {
            client.context().log(log_level(level), text(facility).trim(), text(line).trim());
        }
    }
}

/// By syslog's numbers.
fn log_level(level: i32) -> RDKafkaLogLevel {
    match level {
        0 => RDKafkaLogLevel::Emerg,
        1 => RDKafkaLogLevel::Alert,
        2 => RDKafkaLogLevel::Critical,
        3 => RDKafkaLogLevel::Error,
        4 => RDKafkaLogLevel::Warning,
        5 => RDKafkaLogLevel::Notice,
        6 => RDKafkaLogLevel::Info,
        _ => RDKafkaLogLevel::Debug,
    }
}

/// Reports that came together.
pub struct Deliveries<'e>(&'e Event);

impl<'e> Iterator for Deliveries<'e> {
    type Item = Delivery<'e>;

    fn next(&mut self) -> Option<Delivery<'e>> {
        // SAFETY: the event is not null, and keeps its messages until it is destroyed.
        unsafe { native::rd_kafka_event_message_next(self.0.0).as_ref() }.map(Delivery)
    }
}

/// What became of one record.
pub struct Delivery<'e>(&'e native::rd_kafka_message_t);

impl Delivery<'_> {
    /// The number that the record was sent with.
    #[must_use]
    pub fn tag(&self) -> usize {
        self.0._private as usize
    }

    /// Why it was not written, if it was not.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        (self.0.err != native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR).then(|| code_text(self.0.err))
    }

    /// Partition number.
    #[must_use]
    pub fn partition(&self) -> i32 {
        self.0.partition
    }

    /// Offset in the partition.
    #[must_use]
    pub fn offset(&self) -> i64 {
        self.0.offset
    }

    /// The key's bytes, if it has one.
    #[must_use]
    pub fn key(&self) -> Option<&[u8]> {
        // SAFETY: librdkafka's pointer and length belong together and live as long as the message.
        unsafe { bytes(self.0.key, self.0.key_len) }
    }

    /// The value's bytes; `None` for a tombstone.
    #[must_use]
    pub fn payload(&self) -> Option<&[u8]> {
        // SAFETY: as for the key.
        unsafe { bytes(self.0.payload, self.0.len) }
    }
}
