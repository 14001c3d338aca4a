//! Kafka: which cluster, how topics are made, and the librdkafka settings that an operator may add.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use mirrorbus_schemas::topic::Prefix;
use rdkafka::config::ClientConfig;
use rdkafka::error::KafkaError;

use super::section::{Entry, Section};
use super::{Warnings, secret_text};
use crate::bus::settings::{BusSettings, OnWipe, RESERVED_PROPERTIES};

const MIB: i64 = 1024 * 1024;
/// librdkafka settings whose value is a secret.
const SECRET_PROPERTIES: [&str; 7] = [
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.config",
    "sasl.password",
    "ssl.key.password",
    "ssl.key.pem",
    "ssl.keystore.password",
    "sasl_password",
];

/// What all applications' buses share.
pub(super) struct Kafka {
    bootstrap_servers: String,
    properties: BTreeMap<String, String>,
    partitions: i32,
    replication_factor: i32,
    min_insync_replicas: i32,
    max_record_bytes: usize,
    delete_retention: Duration,
}

impl Kafka {
    /// An application's settings, its own ones still missing.
    pub(super) fn settings(&self, prefix: Prefix) -> BusSettings {
        BusSettings {
            prefix,
            bootstrap_servers: self.bootstrap_servers.clone(),
            properties: self.properties.clone(),
            partitions: self.partitions,
            replication_factor: self.replication_factor,
            min_insync_replicas: self.min_insync_replicas,
            max_record_bytes: self.max_record_bytes,
            delete_retention: self.delete_retention,
            ignore_tables: BTreeSet::new(),
            key_columns: BTreeMap::new(),
            on_wipe: OnWipe::default(),
        }
    }
}

pub(super) fn read(section: &Section<'_>, folder: &Path, warnings: &mut Warnings) -> Kafka {
    let mut kafka = Kafka {
        bootstrap_servers: bootstrap_servers(section),
        properties: BTreeMap::new(),
        partitions: section.number("partitions", 1..=1000, 1),
        replication_factor: section.number("replication_factor", 1..=100, 3),
        min_insync_replicas: section.number("min_insync_replicas", 1..=100, 2),
        // Twice the largest fits the producer's queue of 128 MiB.
        max_record_bytes: section.number("max_record_bytes", MIB..=64 * MIB, 16 * 1024 * 1024),
        delete_retention: Duration::from_secs(
            3600 * section.number::<u64>("delete_retention_hours", 1..=87_600, 168),
        ),
    };
    if kafka.replication_factor < kafka.min_insync_replicas {
        section.fault("min_insync_replicas", "must not be above kafka.replication_factor");
    }
    if kafka.min_insync_replicas == 1 {
        warnings.add("kafka.min_insync_replicas", "with 1, losing one broker can lose acknowledged rows");
    }
    for entry in section.entries("properties") {
        if SECRET_PROPERTIES.contains(&entry.name.as_str()) {
            entry.fault("is a secret: name a file that holds it, under kafka.property_files");
        } else if let Some(value) = entry.scalar() {
            kafka.add(&entry, &value);
        }
    }
    for entry in section.entries("property_files") {
        if let Some(file) = entry.scalar() {
            match secret_text(&folder.join(&file), &entry.name, warnings) {
                Ok(value) => kafka.add(&entry, &value),
                Err(rule) => entry.fault(format!("{file}: {rule}")),
            }
        }
    }
    section.refuse_unknown_keys();
    kafka
}

fn bootstrap_servers(section: &Section<'_>) -> String {
    let servers = section.required_text("bootstrap_servers").unwrap_or_default();
    let is_server = |server: &str| {
        let place = server.trim().rsplit_once("://").map_or(server.trim(), |(_, place)| place);
        place.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
    };
    if !servers.is_empty() && !servers.split(',').all(is_server) {
        section.fault("bootstrap_servers", "must be host:port, several separated by commas");
    }
    servers
}

impl Kafka {
    /// Takes a librdkafka setting if the bridge leaves it to the operator and librdkafka accepts it.
    fn add(&mut self, entry: &Entry<'_>, value: &str) {
        let name = entry.name.as_str();
        if RESERVED_PROPERTIES.contains(&entry.name.as_str()) {
            return entry.fault("carries the promise and cannot be set");
        }
        if self.properties.contains_key(name) {
            return entry.fault("stands in kafka.properties and in kafka.property_files");
        }
        if let Err(KafkaError::ClientConfig(_, description, ..)) =
            ClientConfig::new().set(name, value).create_native_config()
        {
            // The description may repeat the value.
            let shown = description.contains(value).then_some("its value is refused");
            return entry.fault(format!("librdkafka: {}", shown.unwrap_or(&description)));
        }
        self.properties.insert(name.to_owned(), value.to_owned());
        if self.is_overridden(name, value) {
            entry.fault("is set by the bridge itself and cannot be set");
        }
    }

    /// Whether one of the bridge's clients would silently get another value.
    fn is_overridden(&self, name: &str, value: &str) -> bool {
        let Ok(prefix) = Prefix::new("any") else { return false };
        let settings = self.settings(prefix);
        let clients = [settings.admin(), settings.producer(), settings.reader()];
        clients.iter().any(|client| client.get(name) != Some(value))
    }
}
