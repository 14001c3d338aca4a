//! Making topics, with every setting that matters named: broker defaults are never relied on.

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::RDKafkaErrorCode;
use tokio::runtime::Handle;

use super::cluster::QUESTION_TIMEOUT;
use super::error::BusError;
use super::settings::BusSettings;

const HOUR_MS: u64 = 60 * 60 * 1000;
const DAY_MS: u64 = 24 * HOUR_MS;
/// Records younger than this are never compacted away: an auditor can compare them with the calls' manifests.
pub(super) const MIN_COMPACTION_LAG_MS: u64 = 60 * 60 * 1000;

/// What a topic is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A table's rows.
    Rows,
    /// A tenant's positions.
    Positions,
    /// A tenant's cycle events.
    Cycles,
    /// What `mirrorbus check` tries a transaction in.
    Probe,
}

/// Creates the topics in one request; those that exist are left as they are. Blocks; not for async threads.
pub(super) fn create(
    admin: &AdminClient<DefaultClientContext>,
    settings: &BusSettings,
    runtime: &Handle,
    wanted: &[(String, Kind)],
) -> Result<(), BusError> {
    if wanted.is_empty() {
        return Ok(());
    }
    let configs: Vec<Vec<(&str, String)>> =
        wanted.iter().map(|(_, kind)| wanted_settings(*kind, settings)).collect();
    let topics: Vec<NewTopic<'_>> = wanted
        .iter()
        .zip(&configs)
        .map(|((name, kind), config)| {
            let partitions = if *kind == Kind::Rows { settings.partitions } else { 1 };
            let mut topic =
                NewTopic::new(name, partitions, TopicReplication::Fixed(settings.replication_factor));
            for (key, value) in config {
                topic = topic.set(key, value);
            }
            topic
        })
        .collect();
    let options =
        AdminOptions::new().request_timeout(Some(QUESTION_TIMEOUT)).operation_timeout(Some(QUESTION_TIMEOUT));
    let results = runtime
        .block_on(admin.create_topics(&topics, &options))
        .map_err(|error| BusError::kafka("create topics", error.to_string()))?;
    for result in results {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((name, code)) => return Err(BusError::kafka("create topic", format!("{name}: {code}"))),
        }
    }
    Ok(())
}

/// What a topic is made with: the one place that says so.
pub(crate) fn wanted_settings(kind: Kind, settings: &BusSettings) -> Vec<(&'static str, String)> {
    let mut config = vec![
        ("min.insync.replicas", settings.min_insync_replicas.to_string()),
        ("unclean.leader.election.enable", "false".to_owned()),
        ("message.timestamp.type", "LogAppendTime".to_owned()),
        ("max.message.bytes", settings.max_message_bytes().to_string()),
        ("compression.type", "producer".to_owned()),
    ];
    match kind {
        Kind::Rows => config.extend([
            ("cleanup.policy", "compact".to_owned()),
            ("delete.retention.ms", settings.delete_retention.as_millis().to_string()),
            ("min.compaction.lag.ms", MIN_COMPACTION_LAG_MS.to_string()),
            ("max.compaction.lag.ms", (7 * DAY_MS).to_string()),
        ]),
        Kind::Positions => config
            .extend([("cleanup.policy", "compact".to_owned()), ("segment.bytes", (1024 * 1024).to_string())]),
        Kind::Cycles => config
            .extend([("cleanup.policy", "delete".to_owned()), ("retention.ms", (30 * DAY_MS).to_string())]),
        Kind::Probe => {
            config.extend([("cleanup.policy", "delete".to_owned()), ("retention.ms", HOUR_MS.to_string())]);
        }
    }
    config
}
