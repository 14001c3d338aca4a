//! What a mirror is told: where Kafka and the registry are, and whose topics it reads.

use std::time::Duration;

use mirrorbus_schemas::topic::Prefix;
use rdkafka::config::ClientConfig;

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
    /// More librdkafka settings, such as those of TLS and SASL. Those that the mirror relies on win over them.
    pub kafka_settings: Vec<(String, String)>,
    /// How many records a transaction of the destination takes at most.
    pub batch_records: usize,
    /// How many bytes of records a transaction takes at most; one record is taken whatever its size.
    pub batch_bytes: usize,
    /// How long records wait for more of their tenant while its topics are not read to their ends.
    pub linger: Duration,
    /// How often topics are listed and their ids compared; never more than a tenth of the time is spent on it.
    pub refresh: Duration,
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
            kafka_settings: Vec::new(),
            batch_records: 10_000,
            batch_bytes: 8 * 1024 * 1024,
            linger: Duration::from_millis(200),
            refresh: Duration::from_secs(1),
        }
    }

    /// For questions about topics.
    pub(crate) fn admin(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        for (name, value) in &self.kafka_settings {
            config.set(name, value);
        }
        config.set("bootstrap.servers", &self.kafka);
        config
    }

    pub(crate) fn consumer(&self) -> ClientConfig {
        let mut config = self.admin();
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
