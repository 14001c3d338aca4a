//! librdkafka's own log lines, as events with the target `librdkafka`.
//!
//! Where nobody takes them librdkafka prints them on standard error, in the middle of everybody's log.

use std::ffi::{c_char, c_int};

use rdkafka::bindings as native;
use rdkafka::client::{Client, ClientContext};

use crate::text;

/// Of syslog's numbers: critical, and warning.
const CRITICAL: i32 = 2;
const WARNING: i32 = 4;

/// Writes one line of librdkafka's. `level` is syslog's. What is an error to librdkafka, such as a connection that
/// broke, is retried by it or fails a call, which tells so itself: hence warnings.
pub fn log(level: i32, facility: &str, line: &str) {
    if level <= CRITICAL {
        tracing::error!(target: "librdkafka", facility, "{line}");
    } else if level <= WARNING {
        tracing::warn!(target: "librdkafka", facility, "{line}");
    } else {
        tracing::debug!(target: "librdkafka", facility, "{line}");
    }
}

/// Sends the lines of a client that is polled by [`crate::poll`] or [`crate::fetch`] to [`log()`]. To be called before
/// the first poll.
pub fn take_log<C: ClientContext>(client: &Client<C>) {
    // SAFETY: the client is alive, and the function lives as long as the process.
    unsafe { native::rd_kafka_set_logger(client.native_ptr(), Some(take_line)) }
}

unsafe extern "C" fn take_line(
    _: *const native::rd_kafka_t,
    level: c_int,
    facility: *const c_char,
    line: *const c_char,
) {
    // SAFETY: librdkafka hands over two strings that end in NUL and live during the call.
    let (facility, line) = unsafe { (text(facility), text(line)) };
    log(level, &facility, &line);
}

/// Writes the line that an event of a queue holds, if it holds one.
///
/// # Safety
/// The event is alive.
pub(crate) unsafe fn log_event(event: *mut native::rd_kafka_event_t) {
    let (mut facility, mut line, mut level) = (std::ptr::null(), std::ptr::null(), 0);
    // SAFETY: the caller vouches for the event, which owns the strings.
    unsafe {
        if native::rd_kafka_event_log(event, &raw mut facility, &raw mut line, &raw mut level) == 0 {
            log(level, &text(facility), &text(line));
        }
    }
}
