//! What an application's bus is configured with, and the librdkafka settings that follow from it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mirrorbus_schemas::topic::Prefix;
use rdkafka::config::ClientConfig;

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
    "socket.timeout.ms",
    "statistics.interval.ms",
    "transaction.timeout.ms",
    "transactional.id",
];

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
}

impl BusSettings {
    fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        for (name, value) in &self.properties {
            config.set(name, value);
        }
        config
            .set("bootstrap.servers", &self.bootstrap_servers)
            .set("allow.auto.create.topics", "false")
            .set("connections.max.idle.ms", "0")
            .set("socket.keepalive.enable", "true")
            .set("socket.timeout.ms", "10000");
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
            // Below the transaction's timeout, as librdkafka demands, and within a call's time.
            .set("message.timeout.ms", "25000")
            .set("request.timeout.ms", "10000")
            // How long a crashed bridge may hide what other calls wrote after it.
            .set("transaction.timeout.ms", "45000")
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
            .set("fetch.message.max.bytes", (2 * self.max_message_bytes()).to_string())
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
