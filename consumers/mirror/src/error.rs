//! Why a mirror ends, and why a tenant has to wait.

use thiserror::Error;

use crate::destination::DestinationError;
use crate::table::decode::DecodeError;
use crate::table::schema::SchemaError;

/// Why [`crate::run`] ended without being asked to.
#[derive(Debug, Error)]
pub enum MirrorError {
    /// Another mirror writes to the same destination.
    #[error("tenant {tenant}: the mirror stops, so that the other one can go on")]
    Fenced {
        /// The tenant.
        tenant: String,
        /// Which position gave it away.
        #[source]
        source: DestinationError,
    },
    /// The membership in the group cannot be mended, such as where another process has the same `group.instance.id`.
    #[error("membership in group {group} is over; does another process have the same group.instance.id?")]
    Group {
        /// Its name.
        group: String,
        /// What Kafka said.
        #[source]
        source: rdkafka::error::KafkaError,
    },
    /// Kafka's client could not be made from the settings.
    #[error("kafka client settings")]
    Client(#[from] rdkafka::error::KafkaError),
    /// The registry's client could not be made from the settings.
    #[error("registry client settings")]
    RegistryClient(#[source] reqwest::Error),
    /// The operating system refused a thread or what it needs.
    #[error("start the mirror's thread")]
    Thread(#[from] std::io::Error),
    /// The mirror's thread panicked.
    #[error("the mirror's thread ended without saying why")]
    Panicked,
}

/// Why a tenant is set aside for a while. Other tenants go on.
#[derive(Debug, Error)]
pub(crate) enum Fault {
    #[error("destination")]
    Destination(#[from] DestinationError),
    #[error(
        "a mirror outside of group {group} writes to the same copy, which was taken back from it {times} times: stop it, \
         then start this one again"
    )]
    Contested {
        group: String,
        times: u32,
        #[source]
        source: DestinationError,
    },
    #[error("{topic}, partition {partition}, offset {offset}: {rule}")]
    Record { topic: String, partition: i32, offset: i64, rule: String },
    /// A record that the table's columns cannot take, although its population has not changed.
    #[error("{topic}, partition {partition}, offset {offset}: {rule}")]
    Conflict { topic: String, partition: i32, offset: i64, rule: String },
    /// A topic went away while a transaction with rows of it was open.
    #[error("a topic was deleted, or made anew, in the middle of a transaction: it begins again")]
    Spoilt,
    #[error("schema {id} of the registry cannot be used")]
    Schema {
        id: u32,
        #[source]
        source: SchemaError,
    },
    #[error("the registry has no schema {id}: {status}")]
    NoSchema { id: u32, status: String },
    #[error("kafka: {0}")]
    Kafka(String),
    /// The wish to stop came while something was waited for.
    #[error("asked to stop")]
    Stopped,
}

impl Fault {
    /// One word for metrics.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Destination(DestinationError::Fenced { .. }) | Self::Contested { .. } => "fenced",
            Self::Destination(DestinationError::Replaced) => "replaced",
            Self::Destination(DestinationError::Fault(_)) => "destination",
            Self::Record { .. } | Self::Conflict { .. } => "record",
            Self::Schema { .. } | Self::NoSchema { .. } => "schema",
            Self::Kafka(_) | Self::Spoilt | Self::Stopped => "kafka",
        }
    }

    /// Whether it is the tenant's own records that cannot be read.
    pub(crate) fn is_of_data(&self) -> bool {
        matches!(
            self,
            Self::Record { .. } | Self::Conflict { .. } | Self::Schema { .. } | Self::NoSchema { .. }
        )
    }
}

impl From<DecodeError> for RecordFault {
    fn from(error: DecodeError) -> Self {
        Self::Rule(error.to_string())
    }
}

/// What is wrong with a record, before it is known which one it is.
#[derive(Debug)]
pub(crate) enum RecordFault {
    Rule(String),
    /// See [`Fault::Conflict`].
    Conflict(String),
    Other(Fault),
}

impl From<Fault> for RecordFault {
    fn from(fault: Fault) -> Self {
        Self::Other(fault)
    }
}

impl RecordFault {
    pub(crate) fn at(self, topic: &str, partition: i32, offset: i64) -> Fault {
        match self {
            Self::Rule(rule) => Fault::Record { topic: topic.to_owned(), partition, offset, rule },
            Self::Conflict(rule) => Fault::Conflict { topic: topic.to_owned(), partition, offset, rule },
            Self::Other(fault) => fault,
        }
    }
}

/// An error with all its causes, for one line of a log.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
