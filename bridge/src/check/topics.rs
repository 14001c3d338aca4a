//! The topics that exist: their settings against those that the bridge makes topics with, and their copies.
//!
//! The bridge never changes a topic that it finds, so that what somebody else changed stays until somebody sees it.
//! The same finding on many topics is one line.

use std::collections::BTreeMap;

use mirrorbus_librdkafka as librdkafka;
use mirrorbus_schemas::topic::{Prefix, Tenant};
use rdkafka::admin::{ConfigResource, OwnedResourceSpecifier, ResourceSpecifier};
use rdkafka::client::Client;
use rdkafka::client::DefaultClientContext;
use rdkafka::error::KafkaError;

use super::cluster::{self, Cluster, Copies, Topic};
use super::rights::{self, Right};
use super::{Check, Status};
use crate::bus::topics::{Kind, wanted_settings};

const TRANSACTION_LOG: &str = "__transaction_state";
const MIN_IN_SYNC: &str = "min.insync.replicas";
/// Topics in one question.
const AT_ONCE: usize = 200;
/// Topics that a line names.
const NAMED: usize = 3;

/// How a setting may differ from the wanted one.
#[derive(Clone, Copy)]
enum Rule {
    Equal,
    AtLeast,
    AtMost,
}

/// What a setting that breaks its rule means; `None` where any value does.
fn rule(setting: &str) -> Option<(Rule, Status, &'static str)> {
    let rule = match setting {
        "cleanup.policy" => (Rule::Equal, Status::Fault, "else rows vanish, or events are refused"),
        "delete.retention.ms" => (Rule::AtLeast, Status::Fault, "else a mirror that was away misses deletes"),
        "max.message.bytes" => (Rule::AtLeast, Status::Fault, "else large rows are refused"),
        MIN_IN_SYNC => (Rule::AtLeast, Status::Fault, "else one broker's loss can lose acknowledged rows"),
        "unclean.leader.election.enable" => {
            (Rule::Equal, Status::Fault, "else a broker that lacks acknowledged rows can take over")
        }
        "message.timestamp.type" => (Rule::Equal, Status::Warning, "else records carry their writer's clock"),
        "min.compaction.lag.ms" => {
            (Rule::AtLeast, Status::Warning, "else an auditor may find records compacted away")
        }
        "max.compaction.lag.ms" => (Rule::AtMost, Status::Warning, "else old values stay for longer"),
        "retention.ms" => (Rule::AtLeast, Status::Warning, "else events are deleted early"),
        _ => return None,
    };
    Some(rule)
}

impl Rule {
    fn holds(self, actual: &str, wanted: &str) -> bool {
        let (Ok(number), Ok(limit)) = (actual.parse::<i64>(), wanted.parse::<i64>()) else {
            return actual == wanted;
        };
        // Kafka writes no limit as -1.
        let number = if number < 0 { i64::MAX } else { number };
        match self {
            Self::Equal => number == limit,
            Self::AtLeast => number >= limit,
            Self::AtMost => number <= limit,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Equal => "",
            Self::AtLeast => "at least ",
            Self::AtMost => "at most ",
        }
    }
}

/// Findings with the topics that share them.
type Findings = BTreeMap<(Status, String, String), Vec<String>>;

/// The topics of one application.
pub(super) fn check(check: &mut Check<'_>, cluster: &Cluster<'_>) {
    let prefix = &cluster.settings.prefix;
    for (kind, name) in [(Kind::Rows, "rows"), (Kind::Positions, "positions"), (Kind::Cycles, "cycles")] {
        let topics: Vec<&Topic> =
            cluster.topics.iter().filter(|topic| kind_of(prefix, &topic.name) == Some(kind)).collect();
        let item = format!("{prefix} {name} topics");
        check.step(&item);
        let right = if kind == Kind::Rows { Right::Rows } else { Right::System };
        check_all(check, cluster, &item, &topics, &wanted_settings(kind, cluster.settings), right);
        if kind == Kind::Rows {
            check_rights(check, cluster, &topics);
        }
    }
}

/// Where Kafka keeps whose transaction is committed: what it loses, the rows lose.
pub(super) fn check_transaction_log(check: &mut Check<'_>, cluster: &Cluster<'_>) {
    let item = format!("kafka {TRANSACTION_LOG}");
    check.step(&item);
    // It may be made by the first transaction, which is later than the list of topics.
    let metadata = cluster.admin.inner().fetch_metadata(Some(TRANSACTION_LOG), check.patience());
    let refused = Right::TransactionLog("DescribeConfigs");
    let metadata = match metadata {
        Ok(metadata) => metadata,
        Err(error) => {
            return cluster::unanswered(check, cluster.settings, &item, "its copies", refused, &error);
        }
    };
    let Some(topic) = metadata.topics().iter().find(|topic| topic.error().is_none()) else {
        let advice = Right::TransactionLog("Describe").advice(cluster.settings);
        let found = "not shown, or not there before a first transaction: its copies are not known";
        return check.warning(item, found, advice);
    };
    let wanted = [
        (MIN_IN_SYNC, cluster.settings.min_insync_replicas.to_string()),
        ("unclean.leader.election.enable", "false".to_owned()),
        ("cleanup.policy", "compact".to_owned()),
    ];
    check_all(check, cluster, &item, &[&cluster::topic(topic)], &wanted, |operation| {
        Right::TransactionLog(operation)
    });
}

fn kind_of(prefix: &Prefix, topic: &str) -> Option<Kind> {
    if prefix.parse_rows(topic).is_some() {
        return Some(Kind::Rows);
    }
    if prefix.parse_cycles(topic).is_some() {
        return Some(Kind::Cycles);
    }
    let tenant = topic.strip_prefix(prefix.as_str())?.strip_prefix("-sys.")?.strip_suffix(".positions")?;
    Tenant::new(tenant).ok().map(|_| Kind::Positions)
}

fn check_all(
    check: &mut Check<'_>,
    cluster: &Cluster<'_>,
    item: &str,
    topics: &[&Topic],
    wanted: &[(&'static str, String)],
    right: impl Fn(&'static str) -> Right,
) {
    if topics.is_empty() {
        return check.ok(item, "none yet");
    }
    let mut findings = Findings::new();
    for some in topics.chunks(AT_ONCE) {
        let asked: Vec<_> = some.iter().map(|topic| ResourceSpecifier::Topic(&topic.name)).collect();
        match cluster.settings_of(check, &asked) {
            Ok(resources) => compare(cluster, some, &resources, wanted, &mut findings),
            Err(error) => {
                let (settings, right) = (cluster.settings, right("DescribeConfigs"));
                return cluster::unanswered(check, settings, item, "settings", right, &error);
            }
        }
    }
    if findings.is_empty() {
        check.ok(item, format!("as wanted: {}", topics.len()));
    }
    for ((status, found, advice), mut topics) in findings {
        topics.sort_unstable();
        check.add(item, status, format!("{found}: {}", named(&topics)), advice.replace("TOPIC", &topics[0]));
    }
}

/// The first few topics by name.
fn named(topics: &[String]) -> String {
    let names: Vec<_> = topics.iter().take(NAMED).map(String::as_str).collect();
    let more = topics.len().saturating_sub(NAMED);
    if more == 0 { names.join(", ") } else { format!("{} and {more} more", names.join(", ")) }
}

fn compare(
    cluster: &Cluster<'_>,
    topics: &[&Topic],
    resources: &[ConfigResource],
    wanted: &[(&'static str, String)],
    findings: &mut Findings,
) {
    let servers = &cluster.settings.bootstrap_servers;
    for resource in resources {
        let OwnedResourceSpecifier::Topic(name) = &resource.specifier else { continue };
        let actual = |setting: &str| resource.get(setting).and_then(|entry| entry.value.clone());
        for (setting, value) in wanted {
            let (Some((rule, status, why)), Some(actual)) = (rule(setting), actual(setting)) else {
                continue;
            };
            if !rule.holds(&actual, value) {
                let found = format!("{setting} is {actual}, wanted {}{value}", rule.words());
                let advice = format!(
                    "{why}: kafka-configs.sh --bootstrap-server {servers} --alter --entity-type topics \
                     --entity-name TOPIC --add-config {setting}={value}"
                );
                findings.entry((status, found, advice)).or_default().push(name.clone());
            }
        }
        let min_in_sync = actual(MIN_IN_SYNC).and_then(|number| number.parse().ok()).unwrap_or(1);
        let Some(topic) = topics.iter().find(|topic| topic.name == *name) else { continue };
        if let Some((status, found, advice)) = worst_copies(cluster, &topic.partitions, min_in_sync) {
            findings.entry((status, found, advice.to_owned())).or_default().push(name.clone());
        }
    }
}

/// What is worst about a topic's partitions.
fn worst_copies(
    cluster: &Cluster<'_>,
    partitions: &[Copies],
    min_in_sync: usize,
) -> Option<(Status, String, &'static str)> {
    let (wanted, least) = (cluster.settings.replication_factor, cluster.settings.min_insync_replicas);
    let (wanted, least) = (usize::try_from(wanted).unwrap_or(1), usize::try_from(least).unwrap_or(1));
    let copies = partitions.iter().map(|copies| copies.replicas).min()?;
    if partitions.iter().any(|copies| !copies.is_led) {
        return Some((Status::Fault, "offline partitions".to_owned(), "start the brokers that hold them"));
    }
    if let Some(copies) = partitions.iter().find(|copies| copies.in_sync < min_in_sync) {
        let found = format!("in sync {}, {MIN_IN_SYNC} {min_in_sync}", copies.in_sync);
        return Some((Status::Fault, found, "writes are refused: start the brokers that are down"));
    }
    if copies < wanted {
        let status = if copies < least { Status::Fault } else { Status::Warning };
        let advice = "add copies with kafka-reassign-partitions.sh";
        return Some((status, format!("replication factor {copies}, wanted {wanted}"), advice));
    }
    let is_behind = partitions.iter().any(|copies| copies.in_sync < copies.replicas);
    let found = "under-replicated partitions".to_owned();
    is_behind.then_some((
        Status::Warning,
        found,
        "start the brokers that are down, or wait until they follow",
    ))
}

/// Rights on row topics can be tried only on topics that exist: nothing is written there.
fn check_rights(check: &mut Check<'_>, cluster: &Cluster<'_>, topics: &[&Topic]) {
    let item = format!("{} rights on row topics", cluster.settings.prefix);
    check.step(&item);
    if topics.is_empty() {
        return;
    }
    let client: &Client<DefaultClientContext> = cluster.admin.inner();
    let mut lacking = BTreeMap::<&'static str, Vec<String>>::new();
    for some in topics.chunks(AT_ONCE) {
        let names: Vec<String> = some.iter().map(|topic| topic.name.clone()).collect();
        match librdkafka::topic_rights(client, &names, check.patience()) {
            Ok(found) => {
                for (name, rights) in found {
                    if !rights.read {
                        lacking.entry("Read").or_default().push(name.clone());
                    }
                    if !rights.write {
                        lacking.entry("Write").or_default().push(name);
                    }
                }
            }
            Err(error) => return check.fault(item, error.to_string(), "look at the brokers' logs"),
        }
    }
    if lacking.is_empty() {
        check.ok(item.as_str(), format!("Read and Write: {}", topics.len()));
    }
    for (operation, mut topics) in lacking {
        topics.sort();
        let right = Right::Rows(operation);
        let found = format!("{}: {}", right.refused(cluster.settings), named(&topics));
        check.fault(item.as_str(), found, right.advice(cluster.settings));
    }
}

/// Whether Kafka refused to say anything of a topic.
pub(super) fn is_hidden(check: &Check<'_>, cluster: &Cluster<'_>, topic: &str) -> Result<bool, KafkaError> {
    let metadata = cluster.admin.inner().fetch_metadata(Some(topic), check.patience())?;
    let error = metadata.topics().iter().find_map(rdkafka::metadata::MetadataTopic::error);
    Ok(error.is_some_and(|code| rights::is_refusal(code.into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_may_be_safer_than_wanted_but_not_weaker() {
        let table = [
            (Rule::Equal, "compact", "compact", true),
            (Rule::Equal, "compact,delete", "compact", false),
            (Rule::AtLeast, "604800000", "604800000", true),
            (Rule::AtLeast, "604799999", "604800000", false),
            (Rule::AtLeast, "9223372036854775807", "604800000", true),
            (Rule::AtLeast, "-1", "2592000000", true),
            (Rule::AtMost, "-1", "2592000000", false),
            (Rule::AtMost, "5", "6", true),
        ];
        for (rule, actual, wanted, holds) in table {
            assert_eq!(rule.holds(actual, wanted), holds, "{actual} for {wanted}");
        }
    }

    #[test]
    fn topics_of_others_and_of_the_check_are_not_looked_at() {
        let prefix = Prefix::new("crm").unwrap();
        let kinds = ["crm.C1.contact", "crm-sys.C1.positions", "crm-sys.C1.cycles"];
        let expected = [Kind::Rows, Kind::Positions, Kind::Cycles];
        assert_eq!(kinds.map(|name| kind_of(&prefix, name)), expected.map(Some));
        for name in ["crm2.C1.contact", "crm-sys.mirrorbus-check.1-2", "crm-sys.C-1.positions", "other"] {
            assert_eq!(kind_of(&prefix, name), None, "{name}");
        }
    }
}
