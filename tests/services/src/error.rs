//! What can go wrong, each with what an operator needs to act: the path, or the end of the right log.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

/// Why the services could not be fetched, started or stopped.
#[derive(Debug, thiserror::Error)]
pub enum ServicesError {
    /// A file or folder could not be used.
    #[error("cannot {action} {path}")]
    File {
        /// What was tried, as a verb.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// A process could not be started at all.
    #[error("cannot start {name}")]
    Spawn {
        /// What was to start.
        name: String,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// A process ended before it answered, or a short-lived one ended with a failure.
    #[error("{name} ended ({status}), its log {log} ends:\n{tail}")]
    Ended {
        /// Which process.
        name: String,
        /// How it ended.
        status: ExitStatus,
        /// Its whole log.
        log: PathBuf,
        /// The last lines of its log.
        tail: String,
        /// Whether somebody else had its port or, for a moment longer, its files: worth another try.
        clash: bool,
    },
    /// A process runs but gave no answer in time.
    #[error("{name} did not answer within {seconds} s, its log {log} ends:\n{tail}")]
    Silent {
        /// Which process.
        name: String,
        /// How long it was given.
        seconds: u64,
        /// Its whole log.
        log: PathBuf,
        /// The last lines of its log.
        tail: String,
    },
    /// Another run of this tool, still alive, uses the folder.
    #[error("another process runs services in {folder}")]
    FolderInUse {
        /// The folder.
        folder: PathBuf,
    },
    /// No port in the range could be bound.
    #[error("no free port between {first} and {last} on 127.0.0.1")]
    NoPort {
        /// The first port tried.
        first: u16,
        /// The last port tried.
        last: u16,
    },
    /// The Kafka client library refused its settings.
    #[error("cannot create a kafka client")]
    Client(#[from] rdkafka::error::KafkaError),
    /// Neither a cache folder nor a home folder is known.
    #[error("no folder for downloads: set MIRRORBUS_CACHE or HOME")]
    NoCache,
    /// Zero nodes cannot form a cluster.
    #[error("a kafka cluster needs at least one node")]
    NoNodes,
    /// The cluster has no such node, or it was stopped.
    #[error("no kafka node {id} runs")]
    NoNode {
        /// Its number.
        id: u32,
    },
    /// The folder's services have no registry.
    #[error("these services have no registry")]
    NoRegistry,
    /// Nobody told in time which node leads a partition.
    #[error("no leader of {topic}, partition {partition}, within {seconds} s")]
    NoLeader {
        /// The topic.
        topic: String,
        /// The partition's number.
        partition: i32,
        /// How long it was asked for.
        seconds: u64,
    },
    /// The machine has no PostgreSQL server.
    #[error(
        "no PostgreSQL server is installed: install it (Debian: apt-get install postgresql), or name the folder of initdb \
         and postgres in POSTGRES_BIN, or a running server in MIRRORBUS_TEST_POSTGRES"
    )]
    NoPostgres,
    /// PostgreSQL refuses root, and there is nobody else.
    #[error("PostgreSQL does not run as root, and this machine has neither a user postgres nor nobody")]
    OnlyRoot,
    /// Another user cannot reach a folder.
    #[error(
        "PostgreSQL does not run as root, and the user {user} may not pass through {folder}: chmod o+x it, or use another \
         folder"
    )]
    Closed {
        /// As whom PostgreSQL has to run.
        user: String,
        /// What is closed to it.
        folder: PathBuf,
    },
    /// The caller asked to stop.
    #[error("stopped before the services were started")]
    Cancelled,
}

impl ServicesError {
    /// For `map_err` on file operations.
    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ServicesError {
        move |source| ServicesError::File { action, path: path.to_owned(), source }
    }
}
