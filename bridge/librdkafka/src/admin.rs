//! Topic ids and offsets, asked for many topics at once.

use std::collections::HashMap;
use std::ffi::CString;
use std::time::Duration;

use rdkafka::admin::AdminClient;
use rdkafka::bindings as native;
use rdkafka::client::{Client, ClientContext};

use crate::event::{Event, Queue};
use crate::log::log_event;
use crate::{NativeError, code_text, millis, text};

/// Which offset of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spec {
    /// The first record that is still there.
    Earliest,
    /// One past the newest record, or past the last stable one with [`Isolation::ReadCommitted`].
    Latest,
}

/// Whether open transactions hide what follows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// Up to the last stable offset.
    ReadCommitted,
    /// Up to the high watermark.
    ReadUncommitted,
}

/// Identity and shape of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicDescription {
    /// The cluster's id of this very topic, 32 hex digits: a topic of the same name made anew has another.
    pub id: String,
    /// Number of partitions.
    pub partitions: usize,
}

/// Topic id and partitions of each topic that exists; topics that the cluster says it does not know are absent.
///
/// # Errors
/// [`NativeError`] when librdkafka says so or did not answer in time.
pub fn describe_topics<C: ClientContext>(
    client: &Client<C>,
    names: &[String],
    timeout: Duration,
) -> Result<HashMap<String, TopicDescription>, NativeError> {
    ask_topics(client, names, timeout)?.answer()
}

/// Asks for topics, as [`describe_topics`] does, and does not wait for the answer.
///
/// # Errors
/// [`NativeError`] when librdkafka says so.
pub fn ask_topics<C: ClientContext>(
    client: &Client<C>,
    names: &[String],
    timeout: Duration,
) -> Result<TopicsAsked, NativeError> {
    Ok(TopicsAsked { request: request_topics(client, names, timeout, false)?, timeout })
}

/// A question about topics whose answer is under way. Must be answered or dropped before its client.
pub struct TopicsAsked {
    /// None where no topic was named.
    request: Option<Request>,
    timeout: Duration,
}

impl TopicsAsked {
    /// Waits for the answer.
    ///
    /// # Errors
    /// [`NativeError`] when librdkafka says so or did not answer in time.
    pub fn answer(self) -> Result<HashMap<String, TopicDescription>, NativeError> {
        // SAFETY: `read_topics` hands out topics that are alive.
        read_topics(self.request.as_ref(), self.timeout, |topic| unsafe { description(topic) })
    }
}

const DESCRIBE: &str = "describe topics";

fn request_topics<C: ClientContext>(
    client: &Client<C>,
    names: &[String],
    timeout: Duration,
    with_rights: bool,
) -> Result<Option<Request>, NativeError> {
    if names.is_empty() {
        return Ok(None);
    }
    let names: Vec<CString> = names
        .iter()
        .map(|name| CString::new(name.as_str()).map_err(|_| NativeError::new(DESCRIBE, "a name holds NUL")))
        .collect::<Result<_, _>>()?;
    let mut pointers: Vec<_> = names.iter().map(|name| name.as_ptr()).collect();
    // SAFETY: `pointers` and the strings behind it live until the collection has copied them.
    let topics = Collection(unsafe {
        native::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len())
    });
    let request =
        Request::new(client, native::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS, timeout)?;
    if with_rights {
        request.include_rights()?;
    }
    // SAFETY: all four objects are alive; the call copies what it needs.
    unsafe {
        native::rd_kafka_DescribeTopics(client.native_ptr(), topics.0, request.options, request.queue);
    }
    Ok(Some(request))
}

/// Waits for the answer and takes from each topic that exists what `read` copies of it.
fn read_topics<T>(
    request: Option<&Request>,
    timeout: Duration,
    read: impl Fn(*const native::rd_kafka_TopicDescription_t) -> T,
) -> Result<HashMap<String, T>, NativeError> {
    let Some(request) = request else { return Ok(HashMap::new()) };
    let event = request.answer(DESCRIBE, timeout)?;
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
                    found.insert(name, read(topic));
                }
                native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART => {}
                _ => return Err(NativeError::new(DESCRIBE, text(native::rd_kafka_error_string(error)))),
            }
        }
        Ok(found)
    }
}

/// Offsets of the given partitions; an error of any of them fails the call.
///
/// # Errors
/// [`NativeError`] when librdkafka says so or did not answer in time.
pub fn list_offsets<C: ClientContext>(
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
                let code = (*partition).err;
                return Err(NativeError::with_code(CALL, code, code_text(code)));
            }
            // A partition whose leader librdkafka does not know is not asked and stays at its "invalid", without an error
            // if others were: taken for an end, it would contradict every position.
            if (*partition).offset < 0 {
                return Err(NativeError {
                    call: CALL,
                    reason: format!("offset {} of {}", (*partition).offset, text((*partition).topic)),
                    in_election: true,
                });
            }
            found.insert((text((*partition).topic), (*partition).partition), (*partition).offset);
        }
        Ok(found)
    }
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

/// What we may do with a topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TopicRights {
    /// Read its records.
    pub read: bool,
    /// Write more.
    pub write: bool,
    /// Delete it.
    pub delete: bool,
    /// See its settings.
    pub describe_settings: bool,
}

/// Our rights on each topic that exists and that we may know of. Where the cluster checks no rights, all are ours.
///
/// # Errors
/// [`NativeError`] when librdkafka says so or did not answer in time.
pub fn topic_rights<C: ClientContext>(
    client: &Client<C>,
    names: &[String],
    timeout: Duration,
) -> Result<HashMap<String, TopicRights>, NativeError> {
    use native::rd_kafka_AclOperation_t as Operation;
    let read = |topic: *const native::rd_kafka_TopicDescription_t| {
        let mut count = 0;
        // SAFETY: the topic is alive; its operations belong to it, and there are `count` of them.
        let operations = unsafe {
            let first = native::rd_kafka_TopicDescription_authorized_operations(topic, &raw mut count);
            if first.is_null() { &[] } else { std::slice::from_raw_parts(first, count) }
        };
        TopicRights {
            read: operations.contains(&Operation::RD_KAFKA_ACL_OPERATION_READ),
            write: operations.contains(&Operation::RD_KAFKA_ACL_OPERATION_WRITE),
            delete: operations.contains(&Operation::RD_KAFKA_ACL_OPERATION_DELETE),
            describe_settings: operations.contains(&Operation::RD_KAFKA_ACL_OPERATION_DESCRIBE_CONFIGS),
        }
    };
    read_topics(request_topics(client, names, timeout, true)?.as_ref(), timeout, read)
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
        // SAFETY: the options are alive; a returned error is owned by us.
        unsafe {
            let error = native::rd_kafka_AdminOptions_set_isolation_level(self.options, level);
            option_set("set isolation level", error)
        }
    }

    fn include_rights(&self) -> Result<(), NativeError> {
        // SAFETY: as in `isolation`.
        unsafe {
            let error = native::rd_kafka_AdminOptions_set_include_authorized_operations(self.options, 1);
            option_set("ask for rights", error)
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
            match native::rd_kafka_event_error(event.0) {
                native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(event),
                code => {
                    let reason = text(native::rd_kafka_event_error_string(event.0));
                    Err(NativeError::with_code(call, code, reason))
                }
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

unsafe fn option_set(call: &'static str, error: *mut native::rd_kafka_error_t) -> Result<(), NativeError> {
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: the caller's error is not null, read before it is destroyed, and destroyed once.
    unsafe {
        let reason = text(native::rd_kafka_error_string(error));
        native::rd_kafka_error_destroy(error);
        Err(NativeError::new(call, reason))
    }
}

/// Empties an admin client's main queue: rdkafka sends log lines and errors there and never looks, so that they would be
/// kept for the life of the process. Log lines are written, errors are told by the calls that they fail. Takes the admin
/// client itself and nothing else, because a consumer's records come through its main queue.
pub fn drain<C: ClientContext>(admin: &AdminClient<C>) {
    let queue = Queue::main(admin.inner());
    loop {
        let event = queue.poll(Duration::ZERO);
        if event.0.is_null() {
            break;
        }
        // SAFETY: the event is not null and lives until the end of the loop's turn.
        unsafe { log_event(event.0) };
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
