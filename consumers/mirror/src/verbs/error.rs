//! Why a verb ended before it was done.

use thiserror::Error;

use crate::destination::DestinationError;
use crate::error::{Fault, MirrorError, chain};

/// Why a verb ended before it was done. Says nothing of rows.
#[derive(Debug, Error)]
pub enum VerbError {
    /// The destination.
    #[error("destination")]
    Destination(#[from] DestinationError),
    /// Kafka, as far as it was asked.
    #[error("kafka: {0}")]
    Kafka(String),
    /// A record or a schema that cannot be read.
    #[error("{0}")]
    Record(String),
    /// Clients could not be made from the settings, or the mirror that makes a copy ended.
    #[error(transparent)]
    Mirror(#[from] MirrorError),
    /// It cannot be done, or not now.
    #[error("{0}")]
    Refused(String),
    /// The wish to stop came.
    #[error("asked to stop before it was done")]
    Stopped,
}

impl From<Fault> for VerbError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Stopped => Self::Stopped,
            Fault::Destination(error) => Self::Destination(error),
            Fault::Kafka(reason) => Self::Kafka(reason),
            fault => Self::Record(chain(&fault)),
        }
    }
}
