//! What an application's bus is configured with, and the librdkafka settings that follow from it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mirrorbus_schemas::topic::Prefix;
use rdkafka::config::ClientConfig;

use crate::failpoint;

/// Bytes that a record may need beyond its key and value: headers, batch framing.
const RECORD_OVERHEAD_BYTES: usize = 1024 * 1024;

/// librdkafka settings that carry the promise, or that the bridge derives itself: an operator may not set them.
pub const RESERVED_PROPERTIES: &[&str] = &[
    "acks",
    "allow.auto.create.topics",
    "auto.offset.reset",
    "bootstrap.servers",
    "delivery.timeout.ms",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.gapless.guarantee",
    "enable.idempotence",
    "enable.partition.eof",
    "group.id",
    "isolation.level",
    "max.in.flight",
    "max.in.flight.requests.per.connection",
    "message.max.bytes",
    "message.send.max.retries",
    "message.timeout.ms",
    "metadata.broker.list",
    "partitioner",
    "request.required.acks",
    "request.timeout.ms",
    "retries",
    "retry.backoff.max.ms",
    "retry.backoff.ms",
    "socket.timeout.ms",
    "statistics.interval.ms",
    "transaction.timeout.ms",
    "transactional.id",
];

/// What becomes of a table's rows when the source says Wipe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnWipe {
    /// They stay readable until the new population is complete; then those that did not come again are tombstoned.
    #[default]
    Sweep,
    /// They are tombstoned at once.
    Clear,
}

/// Settings of one application's bus. The properties can hold passwords, so it has no `Debug`.
#[derive(Clone)]
pub struct BusSettings {
    /// What the application's topics begin with.
    pub prefix: Prefix,
    /// `host:port`, comma-separated.
    pub bootstrap_servers: String,
    /// librdkafka settings passed through; none of [`RESERVED_PROPERTIES`].
    pub properties: BTreeMap<String, String>,
    /// Partitions of a new row topic.
    pub partitions: i32,
    /// Copies of every topic.
    pub replication_factor: i32,
    /// Copies that must have a record before it counts as written.
    pub min_insync_replicas: i32,
    /// Largest record.
    pub max_record_bytes: usize,
    /// How long a tombstone stays: a reader that needs longer may miss deletes.
    pub delete_retention: Duration,
    /// Tables whose rows are discarded.
    pub ignore_tables: BTreeSet<String>,
    /// Key columns of tables whose first column is not the key.
    pub key_columns: BTreeMap<String, Vec<String>>,
    /// What a Wipe does.
    pub on_wipe: OnWipe,
}

/// How long a crashed bridge may hide what other calls wrote after it.
const TRANSACTION_TIMEOUT_MS: u32 = 45_000;

/// How long a record may wait for its delivery: less than a call has.
const MESSAGE_TIMEOUT_MS: u32 = 25_000;

/// How long a request may wait for its answer.
const SOCKET_TIMEOUT_MS: u32 = 10_000;

/// How long a producer waits before it repeats a request for the first time, give or take a fifth. Long enough that a
/// commit or an abort that was repeated is known by the time it took, whatever happened to the first copy.
pub(super) const RETRY_BACKOFF_MS: u32 = 400;

fn transaction_timeout_ms() -> u32 {
    let set = failpoint::setting(failpoint::TRANSACTION_TIMEOUT_MS);
    set.and_then(|set| set.parse().ok()).unwrap_or(TRANSACTION_TIMEOUT_MS)
}

impl BusSettings {
    fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        for (name, value) in &self.properties {
            config.set(name, value);
        }
        // A cluster that comes back is found within a second, not within ten: a caller who asks then does not wait longer.
        if !self.properties.contains_key("reconnect.backoff.max.ms") {
            config.set("reconnect.backoff.max.ms", "1000");
        }
        config
            .set("bootstrap.servers", &self.bootstrap_servers)
            .set("allow.auto.create.topics", "false")
            .set("connections.max.idle.ms", "0")
            .set("socket.keepalive.enable", "true")
            .set("socket.timeout.ms", SOCKET_TIMEOUT_MS.to_string());
        config
    }

    /// For administration and queries.
    #[must_use]
    pub fn admin(&self) -> ClientConfig {
        self.client()
    }

    /// For a tenant's transactional producer; `transactional.id` is still missing.
    #[must_use]
    pub fn producer(&self) -> ClientConfig {
        let mut config = self.client();
        let defaults = [("linger.ms", "5"), ("batch.size", "1000000"), ("compression.type", "lz4")];
        for (name, value) in defaults {
            if !self.properties.contains_key(name) {
                config.set(name, value);
            }
        }
        config
            .set("acks", "all")
            .set("enable.idempotence", "true")
            // Neither may be above the transaction's: librdkafka refuses that.
            .set("message.timeout.ms", MESSAGE_TIMEOUT_MS.min(transaction_timeout_ms()).to_string())
            .set("socket.timeout.ms", SOCKET_TIMEOUT_MS.min(transaction_timeout_ms()).to_string())
            .set("request.timeout.ms", "10000")
            .set("retry.backoff.ms", RETRY_BACKOFF_MS.to_string())
            .set("retry.backoff.max.ms", "1000")
            .set("transaction.timeout.ms", transaction_timeout_ms().to_string())
            .set("message.max.bytes", self.max_message_bytes().to_string())
            .set("queue.buffering.max.messages", "600000")
            .set("queue.buffering.max.kbytes", "131072")
            // The Java clients' default, so that others who produce or join by key land in the same partition.
            .set("partitioner", "murmur2_random");
        config
    }

    /// For reading a topic to its end.
    #[must_use]
    pub fn reader(&self) -> ClientConfig {
        let mut config = self.client();
        config
            // Never joined: librdkafka wants the name all the same.
            .set("group.id", format!("{}-bridge", self.prefix))
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("isolation.level", "read_committed")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "error")
            .set("check.crcs", "true")
            // The end of a topic is told when a fetch comes back empty.
            .set("fetch.wait.max.ms", "10")
            // A sweep reads millions of records: what waits to be looked at must not grow with them.
            .set("queued.max.messages.kbytes", "16384")
            .set("fetch.max.bytes", (4 * self.max_message_bytes()).to_string())
            .set("receive.message.max.bytes", (4 * self.max_message_bytes() + 1024 * 1024).to_string());
        config
    }

    /// Largest message: record and overhead.
    #[must_use]
    pub fn max_message_bytes(&self) -> usize {
        self.max_record_bytes + RECORD_OVERHEAD_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::super::producer::SLOW_END;
    use super::*;

    #[test]
    fn nothing_is_repeated_faster_than_the_rule_of_the_slow_end_notices() {
        let settings = BusSettings {
            prefix: Prefix::new("crm").unwrap(),
            bootstrap_servers: "localhost:9092".to_owned(),
            properties: BTreeMap::from([("retry.backoff.ms".to_owned(), "1".to_owned())]),
            partitions: 1,
            replication_factor: 1,
            min_insync_replicas: 1,
            max_record_bytes: 1024,
            delete_retention: Duration::from_secs(3600),
            ignore_tables: BTreeSet::new(),
            key_columns: BTreeMap::new(),
            on_wipe: OnWipe::Sweep,
        };
        let producer = settings.producer();
        let ms = |name| producer.get(name).unwrap().parse::<u64>().unwrap();
        // librdkafka waits a fifth less or more, and never longer than the largest backoff.
        let shortest = (ms("retry.backoff.ms") * 4 / 5).min(ms("retry.backoff.max.ms"));
        assert!(Duration::from_millis(shortest) > SLOW_END, "{shortest} ms");
    }
}
