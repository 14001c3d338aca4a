//! What a mirror is told: where Kafka and the registry are, and whose topics it reads.

use std::time::Duration;

use mirrorbus_schemas::topic::Prefix;
use rdkafka::config::ClientConfig;

use crate::pattern::Patterns;

/// What is said of these is meant for the group alone.
const OF_MEMBERS: [&str; 4] =
    ["group.instance.id", "heartbeat.interval.ms", "max.poll.interval.ms", "session.timeout.ms"];

/// Settings of [`crate::run`].
#[derive(Clone, Debug)]
pub struct Settings {
    /// Brokers, `HOST:PORT`, several separated by commas.
    pub kafka: String,
    /// Base of the registry's Confluent-compatible API.
    pub registry: String,
    /// User name and password for the registry's basic authentication.
    pub registry_basic: Option<(String, String)>,
    /// What the application's topics begin with.
    pub prefix: Prefix,
    /// Whose tables are mirrored.
    pub tenants: Patterns,
    /// Which tables are mirrored.
    pub tables: Patterns,
    /// More librdkafka settings, such as those of TLS and SASL. Those that the mirror relies on win over them.
    pub kafka_settings: Vec<(String, String)>,
    /// Name of a group of processes that share the tenants: each is mirrored by exactly one of them. It is a consumer
    /// group of Kafka's, so brokers must allow it. All of them have the same prefix, patterns and destinations. What
    /// `kafka_settings` says of `session.timeout.ms`, `heartbeat.interval.ms` and `max.poll.interval.ms` holds: after
    /// the first of them a process that died is replaced, after the last one a process whose batch does not end.
    pub group: Option<String>,
    /// How many records a transaction of the destination takes at most.
    pub batch_records: usize,
    /// How many bytes of records a transaction takes at most; one record is taken whatever its size.
    pub batch_bytes: usize,
    /// How many bytes of records all tenants together keep in memory at most, beside a batch that is applied and one that
    /// was prepared meanwhile, and what librdkafka fetches ahead: see its `queued.max.messages.kbytes`.
    pub total_bytes: usize,
    /// How long records wait for more of their tenant while its topics are not read to their ends.
    pub linger: Duration,
    /// How often topics are listed and their ids compared; never more than a tenth of the time is spent on it.
    pub refresh: Duration,
    /// Shows whole cycles only: a transaction of the destination ends only where no cycle of the source is half applied.
    pub whole_cycles: bool,
    /// Run by `/bin/sh -c` after a cycle is whole in the destination, with `MIRROR_TENANT` and `MIRROR_CYCLE` in its
    /// environment. See the crate's documentation for what happens when it fails.
    pub after_cycle_command: Option<String>,
    /// How long that command may run before it is killed.
    pub after_cycle_limit: Duration,
}

impl Settings {
    /// Settings with the defaults of everything that need not be said.
    #[must_use]
    pub fn new(kafka: impl Into<String>, registry: impl Into<String>, prefix: Prefix) -> Self {
        Self {
            kafka: kafka.into(),
            registry: registry.into(),
            registry_basic: None,
            prefix,
            tenants: Patterns::default(),
            tables: Patterns::default(),
            kafka_settings: Vec::new(),
            group: None,
            batch_records: 50_000,
            batch_bytes: 32 * 1024 * 1024,
            total_bytes: 64 * 1024 * 1024,
            linger: Duration::from_millis(200),
            refresh: Duration::from_secs(1),
            whole_cycles: false,
            after_cycle_command: None,
            after_cycle_limit: Duration::from_secs(600),
        }
    }

    /// For questions about topics.
    pub(crate) fn admin(&self) -> ClientConfig {
        self.client(&[], |name| !OF_MEMBERS.contains(&name))
    }

    /// For a member of a group that reads nothing.
    pub(crate) fn member(&self, group: &str) -> ClientConfig {
        let defaults = [
            ("session.timeout.ms", "10000"),
            // Members learn with it that the group deals anew.
            ("heartbeat.interval.ms", "1000"),
            ("max.poll.interval.ms", "60000"),
            // How soon a new tenant is found.
            ("topic.metadata.refresh.interval.ms", "1000"),
        ];
        let mut config = self.client(&defaults, |_| true);
        config
            .set("group.id", group)
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "latest")
            .set("allow.auto.create.topics", "false");
        config
    }

    /// Defaults, unless something else is said of them, and the brokers.
    fn client(&self, defaults: &[(&str, &str)], takes: impl Fn(&str) -> bool) -> ClientConfig {
        let mut config = ClientConfig::new();
        // A cluster that is back is found within seconds, not ten.
        config.set("reconnect.backoff.max.ms", "2000");
        for (name, value) in defaults {
            config.set(*name, *value);
        }
        for (name, value) in self.kafka_settings.iter().filter(|(name, _)| takes(name)) {
            config.set(name, value);
        }
        config.set("bootstrap.servers", &self.kafka);
        config
    }

    pub(crate) fn consumer(&self) -> ClientConfig {
        // While a batch is applied, more is fetched ahead until the queue is full. Then librdkafka waits, for a second
        // unless told otherwise, in which the queue runs empty.
        let defaults = [("fetch.queue.backoff.ms", "10")];
        let mut config = self.client(&defaults, |name| !OF_MEMBERS.contains(&name));
        config
            // librdkafka wants one for any assignment. The group is never joined and nothing committed to it.
            .set("group.id", format!("{}-mirror", self.prefix))
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("isolation.level", "read_committed")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "error")
            .set("check.crcs", "true")
            // A topic that is new to us waits for the end of the fetch that is under way.
            .set("fetch.wait.max.ms", "100")
            .set("allow.auto.create.topics", "false");
        config
    }
}
