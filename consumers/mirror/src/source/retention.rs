//! How long Kafka keeps tombstones.
//!
//! A reader that stays away for longer than a topic's `delete.retention.ms` can find a row's tombstone gone, and the row
//! with it: nothing tells it that the row is deleted.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, ConfigResource, OwnedResourceSpecifier, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use tokio::runtime::{Builder, Runtime};

use crate::error::chain;

/// How long an answer counts.
const FRESH: Duration = Duration::from_secs(600);
/// Kafka's own default, for topics whose settings we may not see.
const DEFAULT_MS: i64 = 24 * 60 * 60 * 1000;
const TIMEOUT: Duration = Duration::from_secs(10);

/// The answers so far, by topic: milliseconds, or nothing where tombstones are kept like every other record.
pub(crate) struct Retentions {
    runtime: Runtime,
    known: HashMap<String, (Instant, Option<i64>)>,
}

impl Retentions {
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self { runtime: Builder::new_current_thread().build()?, known: HashMap::new() })
    }

    /// Asks for what is not known, or was asked too long ago.
    pub(crate) fn learn(
        &mut self,
        admin: &AdminClient<DefaultClientContext>,
        topics: &[&str],
    ) -> Result<(), String> {
        let is_fresh =
            |topic: &&&str| self.known.get(**topic).is_some_and(|(asked, _)| asked.elapsed() < FRESH);
        let wanted: Vec<_> = topics.iter().filter(|topic| !is_fresh(topic)).copied().collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let resources: Vec<_> = wanted.iter().map(|topic| ResourceSpecifier::Topic(topic)).collect();
        let options = AdminOptions::new().request_timeout(Some(TIMEOUT));
        let answers = self.runtime.block_on(admin.describe_configs(&resources, &options));
        let answers = answers.map_err(|error| chain(&error))?;
        let mut told: HashMap<String, Option<i64>> = HashMap::new();
        for resource in answers.into_iter().flatten() {
            // What we may not see comes without an error, and without entries.
            if let OwnedResourceSpecifier::Topic(topic) = &resource.specifier
                && !resource.entries.is_empty()
            {
                told.insert(topic.clone(), retention_ms(&resource));
            }
        }
        for topic in wanted {
            let retention = told.remove(topic).unwrap_or_else(|| {
                tracing::warn!(topic, "its settings cannot be read: delete.retention.ms is taken for a day");
                Some(DEFAULT_MS)
            });
            self.known.insert(topic.to_owned(), (Instant::now(), retention));
        }
        Ok(())
    }

    /// A topic's `delete.retention.ms`; nothing where it is not compacted.
    pub(crate) fn of(&self, topic: &str) -> Option<i64> {
        self.known.get(topic).map_or(Some(DEFAULT_MS), |(_, retention)| *retention)
    }
}

fn retention_ms(topic: &ConfigResource) -> Option<i64> {
    let value = |name| topic.get(name).and_then(|entry| entry.value.as_deref());
    let is_compacted =
        value("cleanup.policy").is_none_or(|policy| policy.split(',').any(|one| one.trim() == "compact"));
    let retention = value("delete.retention.ms").and_then(|value| value.parse().ok()).unwrap_or(DEFAULT_MS);
    is_compacted.then_some(retention)
}
