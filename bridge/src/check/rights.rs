//! Kafka's access rights: which one an error says is missing, and how to give it.

use rdkafka::error::RDKafkaErrorCode;

use crate::bus::settings::BusSettings;

/// A right that a call needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Right {
    /// An operation on the row topics: `<prefix>.`.
    Rows(&'static str),
    /// An operation on the system topics: `<prefix>-sys.`.
    System(&'static str),
    /// An operation on transactional ids: `<prefix>.`.
    Transactions(&'static str),
    /// An operation on the group that readers name.
    Group(&'static str),
    /// An operation on the cluster.
    Cluster(&'static str),
    /// An operation on the log of transactions.
    TransactionLog(&'static str),
}

impl Right {
    /// How to give it.
    pub(super) fn advice(self, settings: &BusSettings) -> String {
        let prefix = &settings.prefix;
        let (operation, resource) = match self {
            Self::Rows(operation) => (operation, format!("--topic {prefix}. {PREFIXED}")),
            Self::System(operation) => (operation, format!("--topic {prefix}-sys. {PREFIXED}")),
            Self::Transactions(operation) => (operation, format!("--transactional-id {prefix}. {PREFIXED}")),
            Self::Group(operation) => (operation, format!("--group {prefix}-bridge")),
            Self::Cluster(operation) => (operation, "--cluster".to_owned()),
            Self::TransactionLog(operation) => (operation, "--topic __transaction_state".to_owned()),
        };
        let (servers, user) = (&settings.bootstrap_servers, user(settings));
        format!(
            "allow it: kafka-acls.sh --bootstrap-server {servers} --add --allow-principal {user} \
             --operation {operation} {resource}"
        )
    }

    /// What is refused, in words.
    pub(super) fn refused(self, settings: &BusSettings) -> String {
        let prefix = &settings.prefix;
        match self {
            Self::Rows(operation) => format!("{operation} is refused on topics {prefix}.*"),
            Self::System(operation) => format!("{operation} is refused on topics {prefix}-sys.*"),
            Self::Transactions(operation) => {
                format!("{operation} is refused on transactional ids {prefix}.*")
            }
            Self::Group(operation) => format!("{operation} is refused on group {prefix}-bridge"),
            Self::Cluster(operation) => format!("{operation} is refused on the cluster"),
            Self::TransactionLog(operation) => format!("{operation} is refused on topic __transaction_state"),
        }
    }
}

const PREFIXED: &str = "--resource-pattern-type prefixed";

/// Whether Kafka refused something to who asked, rather than failed.
pub(super) fn is_refusal(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::GroupAuthorizationFailed
            | RDKafkaErrorCode::ClusterAuthorizationFailed
            | RDKafkaErrorCode::TransactionalIdAuthorizationFailed
    )
}

/// The principal, where the settings name a user.
fn user(settings: &BusSettings) -> String {
    let names = ["sasl.username", "sasl_username"];
    let name = names.iter().find_map(|name| settings.properties.get(*name));
    format!("User:{}", name.map_or("NAME", String::as_str))
}
