#![doc = include_str!("../README.md")]
#![allow(unsafe_code)]

mod admin;
mod allocator;
mod consumer;
mod event;
mod log;
mod producer;

use std::ffi::CStr;
use std::time::Duration;

use rdkafka::bindings as native;
use thiserror::Error;

pub use self::admin::{
    Isolation, Spec, TopicDescription, TopicRights, TopicsAsked, ask_topics, describe_topics, drain,
    list_offsets, topic_rights,
};
pub use self::allocator::share_heaps;
pub use self::consumer::{ConsumedRecord, Fetched, Polled, fetch, poll};
pub use self::log::{log, take_log};
pub use self::producer::{Deliveries, Delivery, commit, flush, serve};

/// A failed librdkafka call.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("{call}: {reason}")]
pub struct NativeError {
    /// Which call.
    pub call: &'static str,
    /// What librdkafka said.
    pub reason: String,
    /// A partition has no leader, or another than the one that was asked: it will have one in a moment, if enough
    /// brokers are there.
    pub in_election: bool,
}

impl NativeError {
    pub(crate) fn new(call: &'static str, reason: impl Into<String>) -> Self {
        Self { call, reason: reason.into(), in_election: false }
    }

    pub(crate) fn with_code(
        call: &'static str,
        code: native::rd_kafka_resp_err_t,
        reason: impl Into<String>,
    ) -> Self {
        Self { call, reason: reason.into(), in_election: is_election(code) }
    }
}

fn is_election(code: native::rd_kafka_resp_err_t) -> bool {
    use native::rd_kafka_resp_err_t as Code;
    matches!(
        code,
        // librdkafka's own, when no partition has a leader.
        Code::RD_KAFKA_RESP_ERR__NOENT
            | Code::RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE
            | Code::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION
            | Code::RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH
            | Code::RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH
            | Code::RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE
    )
}

pub(crate) fn millis(timeout: Duration) -> i32 {
    i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX)
}

pub(crate) fn code_text(code: native::rd_kafka_resp_err_t) -> String {
    // SAFETY: librdkafka returns a static string for every code.
    unsafe { text(native::rd_kafka_err2str(code)) }
}

pub(crate) unsafe fn text(pointer: *const std::ffi::c_char) -> String {
    if pointer.is_null() {
        return String::new();
    }
    // SAFETY: the caller's pointer leads to a NUL-ended string that lives while it is copied.
    unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned()
}
