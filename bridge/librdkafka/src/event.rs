//! A client's main queue and the events on it.

use std::time::Duration;

use rdkafka::bindings as native;
use rdkafka::client::{Client, ClientContext};

use crate::millis;

/// A reference to a queue of librdkafka's.
pub(crate) struct Queue(*mut native::rd_kafka_queue_t);

impl Queue {
    /// The queue on which a client's errors, log lines and reports arrive.
    pub(crate) fn main<C: ClientContext>(client: &Client<C>) -> Self {
        // SAFETY: the client is alive; the reference is given back once, by the guard.
        Self(unsafe { native::rd_kafka_queue_get_main(client.native_ptr()) })
    }

    /// The next event; one that is null says that there was none within the time.
    pub(crate) fn poll(&self, timeout: Duration) -> Event {
        // SAFETY: the queue is alive; the event is owned by the guard.
        Event(unsafe { native::rd_kafka_queue_poll(self.0, millis(timeout)) })
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: made by `main`, destroyed once.
        unsafe { native::rd_kafka_queue_destroy(self.0) };
    }
}

/// An event that is ours, or null.
pub(crate) struct Event(pub(crate) *mut native::rd_kafka_event_t);

impl Drop for Event {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: the event came from a queue and is destroyed once.
            unsafe { native::rd_kafka_event_destroy(self.0) };
        }
    }
}
