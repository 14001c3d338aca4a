//! Making topics, with every setting that matters named: broker defaults are never relied on.

use std::time::Duration;

use rdkafka::admin::{AdminOptions, NewTopic, TopicReplication};
use rdkafka::error::RDKafkaErrorCode;
use tokio::runtime::Handle;

use super::error::BusError;
use super::offsets::Cluster;
use super::settings::BusSettings;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// Records younger than this are never compacted away: an auditor can compare them with the calls' manifests.
const MIN_COMPACTION_LAG_MS: u64 = 60 * 60 * 1000;

/// What a topic is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A table's rows.
    Rows,
    /// A tenant's positions.
    Positions,
    /// A tenant's cycle events.
    Cycles,
}

/// Creates the topics in one request; those that exist are left as they are. Blocks; not for async threads.
pub(super) fn create(
    cluster: &Cluster,
    settings: &BusSettings,
    runtime: &Handle,
    wanted: &[(String, Kind)],
) -> Result<(), BusError> {
    if wanted.is_empty() {
        return Ok(());
    }
    let configs: Vec<Vec<(&str, String)>> = wanted.iter().map(|(_, kind)| config(*kind, settings)).collect();
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
    let options = AdminOptions::new()
        .request_timeout(Some(cluster.timeout))
        .operation_timeout(Some(cluster.timeout.min(Duration::from_secs(10))));
    let results = runtime
        .block_on(cluster.admin.create_topics(&topics, &options))
        .map_err(|error| BusError::kafka("create topics", error.to_string()))?;
    for result in results {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((name, code)) => return Err(BusError::kafka("create topic", format!("{name}: {code}"))),
        }
    }
    Ok(())
}

fn config(kind: Kind, settings: &BusSettings) -> Vec<(&'static str, String)> {
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
    }
    config
}
