//! Kafka as a whole: whether it answers, its brokers, and what they say of transactions.

use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mirrorbus_librdkafka as librdkafka;
use rdkafka::ClientContext;
use rdkafka::admin::{AdminClient, AdminOptions, ConfigResource, OwnedResourceSpecifier, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::Metadata;
use rdkafka::producer::{BaseProducer, Producer as _, ProducerContext};
use tokio::runtime::Runtime;

use super::Check;
use super::rights::{self, Right};
use crate::bus::settings::BusSettings;

/// A broker of the same network answers in milliseconds.
const CONNECT: Duration = Duration::from_secs(3);
/// Connection errors are told to a client only while it is polled.
const ROUND: Duration = Duration::from_secs(1);
const MAX_TIMEOUT: &str = "transaction.max.timeout.ms";

/// A Kafka that answers, and whose topics these are.
#[derive(Clone)]
pub(super) struct Cluster<'a> {
    pub(super) settings: &'a BusSettings,
    pub(super) runtime: &'a Runtime,
    pub(super) admin: Arc<AdminClient<DefaultClientContext>>,
    pub(super) brokers: usize,
    /// All topics that Kafka shows us.
    pub(super) topics: Arc<Vec<Topic>>,
}

/// A topic as the cluster's metadata has it.
#[derive(Clone, Debug)]
pub(super) struct Topic {
    pub(super) name: String,
    pub(super) partitions: Vec<Copies>,
}

/// One partition's brokers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Copies {
    pub(super) is_led: bool,
    pub(super) replicas: usize,
    pub(super) in_sync: usize,
}

impl Cluster<'_> {
    pub(super) fn options(&self, check: &Check<'_>) -> AdminOptions {
        let patience = check.patience();
        AdminOptions::new().request_timeout(Some(patience)).operation_timeout(Some(patience))
    }

    /// The settings in effect. A topic that is gone meanwhile is left out; any other error fails the question.
    pub(super) fn settings_of(
        &self,
        check: &Check<'_>,
        resources: &[ResourceSpecifier<'_>],
    ) -> Result<Vec<ConfigResource>, KafkaError> {
        let asked = self.admin.describe_configs(resources, &self.options(check));
        let answered = self.runtime.block_on(asked)?;
        let answered: Vec<_> = answered
            .into_iter()
            .map(|resource| resource.map_err(KafkaError::AdminOp))
            .collect::<Result<_, _>>()?;
        // rdkafka shows a resource that the cluster refused to tell of as one without settings.
        let (told, silent): (Vec<_>, Vec<_>) =
            answered.into_iter().partition(|resource| !resource.entries.is_empty());
        match silent.first().map(|resource| &resource.specifier) {
            Some(OwnedResourceSpecifier::Topic(name)) => self.check_not_refused(check, name)?,
            Some(_) => return Err(KafkaError::AdminOp(RDKafkaErrorCode::ClusterAuthorizationFailed)),
            None => {}
        }
        Ok(told)
    }

    fn check_not_refused(&self, check: &Check<'_>, topic: &String) -> Result<(), KafkaError> {
        let names = std::slice::from_ref(topic);
        match librdkafka::topic_rights(self.admin.inner(), names, check.patience()) {
            Ok(found) if found.get(topic).is_none_or(|rights| rights.describe_settings) => Ok(()),
            Ok(_) => Err(KafkaError::AdminOp(RDKafkaErrorCode::TopicAuthorizationFailed)),
            Err(error) => Err(KafkaError::AdminOpCreation(error.to_string())),
        }
    }
}

/// Keeps the last thing that librdkafka said of a connection.
#[derive(Default)]
struct Heard(Mutex<Option<String>>);

impl ClientContext for Heard {
    fn error(&self, error: KafkaError, reason: &str) {
        // That all brokers are down says less than why one is.
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::AllBrokersDown) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason.to_owned());
        }
    }
}

impl ProducerContext for Heard {
    type DeliveryOpaque = ();

    fn delivery(&self, _: &rdkafka::message::DeliveryResult<'_>, (): ()) {}
}

/// `None` when Kafka does not answer: nothing more can be asked of it.
pub(super) fn check<'a>(
    check: &mut Check<'_>,
    settings: &'a BusSettings,
    runtime: &'a Runtime,
) -> Option<Cluster<'a>> {
    let servers = &settings.bootstrap_servers;
    check.step(&format!("kafka at {servers}"));
    let metadata = match metadata(check, settings) {
        Ok(metadata) => metadata,
        Err(reason) => {
            let advice = "is Kafka running there, does kafka.bootstrap_servers name its client listener, and do \
                          kafka.properties say its security.protocol?";
            check.fault("kafka", format!("{servers} does not answer: {reason}"), advice);
            return None;
        }
    };
    let admin = match settings.admin().create() {
        Ok(admin) => Arc::new(admin),
        Err(error) => {
            check.fault("kafka", format!("no client can be made: {error}"), "correct kafka.properties");
            return None;
        }
    };
    check.ok("kafka", format!("{servers} answers"));
    let ids = brokers(check, settings, &metadata);
    let topics = metadata.topics().iter().filter(|topic| topic.error().is_none()).map(topic).collect();
    let cluster = Cluster { settings, runtime, admin, brokers: ids.len(), topics: Arc::new(topics) };
    max_timeout(check, &cluster, &ids);
    Some(cluster)
}

fn metadata(check: &Check<'_>, settings: &BusSettings) -> Result<Metadata, String> {
    let client: BaseProducer<Heard> =
        settings.admin().create_with_context(Heard::default()).map_err(|error| error.to_string())?;
    let deadline = crate::clock::Deadline::start(check.patience());
    loop {
        let answered = client.client().fetch_metadata(None, ROUND.min(deadline.left()));
        client.poll(Duration::ZERO);
        match answered {
            Ok(metadata) => return Ok(metadata),
            Err(error) if deadline.is_over() => {
                let heard = client.context().0.lock().unwrap_or_else(PoisonError::into_inner).take();
                return Err(heard.unwrap_or_else(|| error.to_string()));
            }
            Err(_) => {}
        }
    }
}

pub(super) fn topic(topic: &rdkafka::metadata::MetadataTopic) -> Topic {
    let copies = |partition: &rdkafka::metadata::MetadataPartition| Copies {
        is_led: partition.leader() >= 0,
        replicas: partition.replicas().len(),
        in_sync: partition.isr().len(),
    };
    Topic { name: topic.name().to_owned(), partitions: topic.partitions().iter().map(copies).collect() }
}

/// The live brokers: enough of them, and each at an address that this machine reaches.
fn brokers(check: &mut Check<'_>, settings: &BusSettings, metadata: &Metadata) -> Vec<i32> {
    let wanted = settings.replication_factor;
    let count = metadata.brokers().len();
    let mut addresses = Vec::new();
    for broker in metadata.brokers() {
        let address = format!("{}:{}", broker.host(), broker.port());
        if let Err(error) = connect(&address, CONNECT.min(check.patience())) {
            let advice =
                "clients are sent to this address: correct advertised.listeners, or open the way to it";
            check.fault("kafka brokers", format!("broker {} at {address}: {error}", broker.id()), advice);
        }
        addresses.push(address);
    }
    let found = format!("live: {count} ({}), replication_factor {wanted}", addresses.join(", "));
    if usize::try_from(wanted).is_ok_and(|wanted| wanted <= count) {
        check.ok("kafka brokers", found);
    } else {
        let advice = format!(
            "no topic can be made: start {wanted} brokers, or lower kafka.replication_factor and \
             kafka.min_insync_replicas and with them the promise"
        );
        check.fault("kafka brokers", found, advice);
    }
    metadata.brokers().iter().map(rdkafka::metadata::MetadataBroker::id).collect()
}

fn connect(address: &str, within: Duration) -> Result<(), String> {
    let places = address.to_socket_addrs().map_err(|error| format!("name not found: {error}"))?;
    let mut failure = "the name has no address".to_owned();
    for place in places {
        match TcpStream::connect_timeout(&place, within) {
            Ok(_) => return Ok(()),
            Err(error) => failure = format!("cannot be connected to: {error}"),
        }
    }
    Err(failure)
}

/// A broker refuses transactions that may last longer than it allows.
fn max_timeout(check: &mut Check<'_>, cluster: &Cluster<'_>, brokers: &[i32]) {
    let producer = cluster.settings.producer();
    let ours: i64 = producer.get("transaction.timeout.ms").and_then(|ms| ms.parse().ok()).unwrap_or_default();
    let item = format!("kafka {MAX_TIMEOUT}");
    let mut least = i64::MAX;
    for broker in brokers {
        match cluster.settings_of(check, &[ResourceSpecifier::Broker(*broker)]) {
            Ok(resources) => least = least.min(max_timeout_of(&resources).unwrap_or(i64::MAX)),
            Err(error) if error_code(&error).is_some_and(rights::is_refusal) => {
                // The probe's transaction proves what matters.
                let found =
                    "not shown: DescribeConfigs is refused on the cluster; the probe transaction tells";
                return check.ok(item, found);
            }
            Err(error) => {
                let advice = "check again once all brokers answer";
                return check.warning(item, format!("broker {broker}: {error}"), advice);
            }
        }
    }
    if least < ours {
        let advice = format!("set {MAX_TIMEOUT} to {ours} at least on every broker");
        check.fault(item, format!("{least}, the bridge's transactions need {ours}"), advice);
    } else if least == i64::MAX {
        check.ok(item, "not shown; the probe transaction tells");
    } else {
        check.ok(item, format!("{least}, the bridge's transactions need {ours}"));
    }
}

fn max_timeout_of(resources: &[ConfigResource]) -> Option<i64> {
    resources.iter().find_map(|resource| resource.get(MAX_TIMEOUT)?.value.as_ref()?.parse().ok())
}

/// The code of any error, also of an administrator's.
pub(super) fn error_code(error: &KafkaError) -> Option<RDKafkaErrorCode> {
    match error {
        KafkaError::AdminOp(code) => Some(*code),
        error => error.rdkafka_error_code(),
    }
}

/// Notes a question that Kafka refused or failed.
pub(super) fn unanswered(
    check: &mut Check<'_>,
    settings: &BusSettings,
    item: &str,
    what: &str,
    right: Right,
    error: &KafkaError,
) {
    match error_code(error) {
        Some(code) if rights::is_refusal(code) => {
            check.warning(
                item,
                format!("{what} not shown: {}", right.refused(settings)),
                right.advice(settings),
            );
        }
        _ => check.fault(
            item,
            format!("{what}: {} did not answer: {error}", settings.bootstrap_servers),
            "look at the brokers' logs, then check again",
        ),
    }
}
