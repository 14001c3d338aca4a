//! The probe: a transaction as a call's, written, committed, read back, and fenced by a second producer.
//!
//! It has a topic of its own under the application's system topics, `<prefix>-sys.mirrorbus-check.<when>-<chance>`,
//! deleted at the end, and a transactional id of its own, `<prefix>.mirrorbus-check-<when>-<chance>`, which Kafka
//! forgets after `transactional.id.expiration.ms`. Who may not delete topics would leave one behind each time: what
//! the first check had to leave, later ones use again. Its records last an hour.

use std::time::Duration;

use mirrorbus_librdkafka as librdkafka;
use rdkafka::admin::{NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::clock::Other;
use super::cluster::{self, Cluster};
use super::rights::{self, Right};
use super::{Check, NAME, topics, transaction, unique};
use crate::bus::topics::{Kind, wanted_settings};
use crate::clock::{Clock as _, Deadline, SystemClock};

/// A probe topic this old belongs to no check that is under way.
const ABANDONED_SECONDS: i64 = 3600;
/// Between two looks for a topic that was just made.
const PAUSE: Duration = Duration::from_millis(20);
/// A topic's setting that Kafka 4.0 has no more.
const BEFORE_KAFKA_4: &str = "message.format.version";

/// Tries what a call does. Gives Kafka's clock.
pub(super) fn check(check: &mut Check<'_>, cluster: &Cluster<'_>) -> Option<Other> {
    let prefix = &cluster.settings.prefix;
    check.step(&format!("{prefix} probe transaction"));
    let root = format!("{prefix}-sys.{NAME}.");
    let left = left(check, cluster, &root);
    check_rows_root(check, cluster);
    let name = unique();
    let topic = left.unwrap_or_else(|| format!("{root}{name}"));
    if !create(check, cluster, &topic) {
        return None;
    }
    check_version(check, cluster, &topic);
    let id = format!("{prefix}.{NAME}-{name}");
    let clock = transaction::check(check, cluster, &topic, &id);
    let item = format!("{prefix} probe topic");
    match delete(check, cluster, &topic) {
        Ok(()) => {}
        Err(code) if rights::is_refusal(code) => {
            let refused = Right::System("Delete").refused(cluster.settings);
            check.ok(item, format!("{topic} stays for the checks to come: {refused}"));
        }
        Err(code) => {
            check.warning(item, format!("{topic} stays: {code}"), "delete it by hand; no tenant uses it");
        }
    }
    clock
}

/// What earlier checks left: a topic that we may not delete is used again, one that an interrupted check forgot is
/// deleted.
fn left(check: &mut Check<'_>, cluster: &Cluster<'_>, root: &str) -> Option<String> {
    let names = cluster.topics.iter().map(|topic| topic.name.clone()).filter(|name| name.starts_with(root));
    let names: Vec<_> = names.collect();
    // Without an answer there is one more topic, and no harm done.
    let rights =
        librdkafka::topic_rights(cluster.admin.inner(), &names, check.patience()).unwrap_or_default();
    let now = SystemClock.now_ms() / 1000;
    for name in &names {
        let began = name.strip_prefix(root).and_then(|name| name.split_once('-')?.0.parse::<i64>().ok());
        if rights.get(name).is_some_and(|rights| !rights.delete) {
            return Some(name.clone());
        }
        if began.is_some_and(|began| now - began > ABANDONED_SECONDS)
            && let Err(code) = delete(check, cluster, name)
        {
            let found = format!("{name} is left from a check that was interrupted: {code}");
            check.warning(format!("{} probe topic", cluster.settings.prefix), found, "delete it by hand");
        }
    }
    None
}

fn delete(check: &Check<'_>, cluster: &Cluster<'_>, topic: &str) -> Result<(), RDKafkaErrorCode> {
    let asked = cluster.admin.delete_topics(&[topic], &cluster.options(check));
    let answered = cluster.runtime.block_on(asked);
    let answered = answered.map_err(|error| cluster::error_code(&error).unwrap_or(RDKafkaErrorCode::Fail))?;
    answered.into_iter().try_for_each(|topic| topic.map(drop).map_err(|(_, code)| code))
}

/// Makes a topic with the settings of the bridge's own; only as a question where `is_question`.
fn create_topic(
    check: &Check<'_>,
    cluster: &Cluster<'_>,
    topic: &str,
    kind: Kind,
    is_question: bool,
) -> Result<(), KafkaError> {
    let settings = wanted_settings(kind, cluster.settings);
    let mut new = NewTopic::new(topic, 1, TopicReplication::Fixed(cluster.settings.replication_factor));
    for (key, value) in &settings {
        new = new.set(key, value);
    }
    let options = cluster.options(check).validate_only(is_question);
    let answered = cluster.runtime.block_on(cluster.admin.create_topics(&[new], &options))?;
    answered.into_iter().try_for_each(|topic| match topic {
        Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => Ok(()),
        Err((_, code)) => Err(KafkaError::AdminOp(code)),
    })
}

/// Whether row topics could be made: a pattern for rows would catch a real one, so Kafka is only asked.
fn check_rows_root(check: &mut Check<'_>, cluster: &Cluster<'_>) {
    let prefix = &cluster.settings.prefix;
    let item = format!("{prefix} new row topics");
    let topic = format!("{prefix}.{NAME}.{NAME}");
    if let Err(error) = create_topic(check, cluster, &topic, Kind::Rows, true) {
        return not_created(check, cluster, &item, Right::Rows("Create"), &error);
    }
    match topics::is_hidden(check, cluster, &topic) {
        Ok(false) => check.ok(item, "could be made"),
        Ok(true) => {
            for operation in ["Write", "Read"] {
                let right = Right::Rows(operation);
                check.fault(&item, right.refused(cluster.settings), right.advice(cluster.settings));
            }
        }
        Err(error) => cluster::unanswered(
            check,
            cluster.settings,
            &item,
            "a new topic",
            Right::Rows("Describe"),
            &error,
        ),
    }
}

fn create(check: &mut Check<'_>, cluster: &Cluster<'_>, topic: &str) -> bool {
    let item = format!("{} new system topics", cluster.settings.prefix);
    match create_topic(check, cluster, topic, Kind::Probe, false) {
        Ok(()) => {
            wait_until_shown(check, cluster, topic);
            check.ok(item, "can be made");
            true
        }
        Err(error) => {
            not_created(check, cluster, &item, Right::System("Create"), &error);
            false
        }
    }
}

/// A broker may not know for a moment what the controller has made.
fn wait_until_shown(check: &Check<'_>, cluster: &Cluster<'_>, topic: &str) {
    let names = [topic.to_owned()];
    let deadline = Deadline::start(check.patience());
    while !deadline.is_over() {
        let found = librdkafka::topic_rights(cluster.admin.inner(), &names, check.patience());
        if found.is_ok_and(|found| found.contains_key(topic)) {
            return;
        }
        std::thread::sleep(PAUSE);
    }
}

fn not_created(check: &mut Check<'_>, cluster: &Cluster<'_>, item: &str, right: Right, error: &KafkaError) {
    let settings = cluster.settings;
    match cluster::error_code(error) {
        Some(code) if rights::is_refusal(code) => {
            check.fault(item, right.refused(settings), right.advice(settings));
        }
        Some(RDKafkaErrorCode::InvalidReplicationFactor) => {
            let (wanted, live) = (settings.replication_factor, cluster.brokers);
            let found = format!("cannot be made: replication_factor {wanted}, brokers {live}");
            let advice = format!("start {wanted} brokers, or lower kafka.replication_factor");
            check.fault(item, found, advice);
        }
        _ => {
            let found = format!("cannot be made at {}: {error}", settings.bootstrap_servers);
            check.fault(item, found, "look at the brokers' logs, or at a policy for new topics");
        }
    }
}

/// The protocol tells no version, but the settings of a topic differ.
fn check_version(check: &mut Check<'_>, cluster: &Cluster<'_>, topic: &str) {
    let settings = cluster.settings;
    match cluster.settings_of(check, &[ResourceSpecifier::Topic(topic)]) {
        Ok(found) if found.iter().any(|topic| topic.get(BEFORE_KAFKA_4).is_some()) => {
            let advice = "the bridge needs Kafka 4.0 or newer: upgrade";
            check.fault("kafka version", format!("older than 4.0: topics have {BEFORE_KAFKA_4}"), advice);
        }
        Ok(found) if found.is_empty() => check.ok("kafka version", "not shown"),
        Ok(_) => check.ok("kafka version", "4.0 or newer, by its topics' settings"),
        Err(error) => {
            let (item, right) = (format!("{} settings", settings.prefix), Right::System("DescribeConfigs"));
            cluster::unanswered(check, settings, &item, "settings of topics", right, &error);
        }
    }
}
