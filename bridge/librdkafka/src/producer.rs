//! Flush and commit without the safe API's 100 ms floor.

use std::time::Duration;

use rdkafka::bindings as native;
use rdkafka::client::{Client, ClientContext};

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
        let failure =
            NativeError { call: "commit transaction", reason: text(native::rd_kafka_error_string(error)) };
        native::rd_kafka_error_destroy(error);
        Err(failure)
    }
}
