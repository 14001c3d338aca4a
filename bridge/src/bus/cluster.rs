//! A real Kafka cluster.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mirrorbus_librdkafka::{self as librdkafka, Isolation, NativeError, Spec, TopicDescription};
use rdkafka::admin::AdminClient;
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use tokio::runtime::Handle;

use super::error::BusError;
use super::log::{Log, Next, Part, Producer, Questions, Record};
use super::producer::TransactionalProducer;
use super::read;
use super::readers::Readers;
use super::settings::BusSettings;
use super::topics::{self, Kind};
use crate::clock::Deadline;

/// How long the cluster may take to say that it is there.
const READY_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a cluster that gave no answer last time may take to say that it is there, before more is asked of it. A
/// caller waits two seconds at most for a cluster that is away.
const THERE: Duration = Duration::from_millis(1500);
/// How long one question may take.
pub(super) const QUESTION_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a partition may be without a leader: Kafka takes 9 seconds, unless set otherwise, to count a dead broker as
/// dead (`broker.session.timeout.ms`).
const ELECTION: Duration = Duration::from_secs(15);
/// Between two looks for a leader: nothing tells when there is one.
const ELECTION_PAUSE: Duration = Duration::from_millis(200);

/// The clients of one application's cluster.
pub(super) struct Cluster {
    admin: AdminClient<DefaultClientContext>,
    producer: ClientConfig,
    readers: Readers,
    settings: BusSettings,
    runtime: Handle,
    /// Nothing was asked yet, or the last question got no answer.
    in_doubt: AtomicBool,
}

impl Cluster {
    /// Connects nothing yet.
    ///
    /// # Errors
    /// [`BusError::Kafka`] when a client cannot be made of the settings.
    pub(super) fn new(settings: BusSettings, runtime: Handle) -> Result<Arc<Self>, BusError> {
        let admin = settings
            .admin()
            .create()
            .map_err(|error| BusError::kafka("create admin client", error.to_string()))?;
        let (producer, readers) = (settings.producer(), Readers::new(settings.reader()));
        let in_doubt = AtomicBool::new(true);
        Ok(Arc::new(Self { admin, producer, readers, settings, runtime, in_doubt }))
    }

    /// A question is only put to a cluster that is there: its own time limit is for a slow one.
    fn ask<T>(&self, question: impl FnOnce() -> Result<T, NativeError>) -> Result<T, BusError> {
        if self.is_in_doubt() {
            self.ask_for_brokers(THERE)?;
        }
        let answer = question();
        self.in_doubt.store(answer.is_err(), Ordering::Relaxed);
        answer.map_err(|error| self.failed(error.call, &error.reason))
    }

    fn ask_for_brokers(&self, within: Duration) -> Result<(), BusError> {
        librdkafka::drain(&self.admin);
        let asked = self.admin.inner().fetch_metadata(Some(""), within);
        self.in_doubt.store(asked.is_err(), Ordering::Relaxed);
        asked.map(drop).map_err(|error| self.failed("ask for brokers", &error.to_string()))
    }

    /// librdkafka puts some questions to the controller and waits for the one that it knows, even when that is dead. Only
    /// metadata tells it of another, and what it got from a cluster without a majority may name a dead one for minutes.
    fn look_for_controller(&self) -> Result<(), BusError> {
        self.ask_for_brokers(if self.is_in_doubt() { THERE } else { QUESTION_TIMEOUT })
    }

    /// librdkafka remembers leaders, also dead ones and that there was none, until it is told to look again. It is told so
    /// for all topics: of one that is named it would keep some kilobytes for good.
    fn look_for_leaders(&self) -> Result<(), BusError> {
        std::thread::sleep(ELECTION_PAUSE);
        let asked = self.admin.inner().fetch_metadata(None, QUESTION_TIMEOUT);
        asked.map(drop).map_err(|error| self.failed("look for leaders", &error.to_string()))
    }

    fn is_in_doubt(&self) -> bool {
        self.in_doubt.load(Ordering::Relaxed)
    }

    fn failed(&self, what: &'static str, reason: &str) -> BusError {
        let servers = &self.settings.bootstrap_servers;
        BusError::kafka(what, format!("{reason} (kafka.bootstrap_servers: {servers})"))
    }
}

/// A cluster that elects a leader has answered.
fn unless_electing<T>(answer: Result<T, NativeError>) -> Result<Result<T, NativeError>, NativeError> {
    match answer {
        Err(error) if error.in_election => Ok(Err(error)),
        Err(error) => Err(error),
        Ok(answer) => Ok(Ok(answer)),
    }
}

impl Questions for Cluster {
    fn describe(&self, topics: &[String]) -> Result<HashMap<String, TopicDescription>, BusError> {
        self.look_for_controller()?;
        self.ask(|| librdkafka::describe_topics(self.admin.inner(), topics, QUESTION_TIMEOUT))
    }

    fn offsets(
        &self,
        partitions: &[(String, i32)],
        spec: Spec,
        isolation: Isolation,
    ) -> Result<HashMap<(String, i32), i64>, BusError> {
        let client = self.admin.inner();
        let election = Deadline::start(ELECTION);
        loop {
            let question = || librdkafka::list_offsets(client, partitions, spec, isolation, QUESTION_TIMEOUT);
            match self.ask(|| unless_electing(question()))? {
                Ok(offsets) => return Ok(offsets),
                Err(error) if election.is_over() => return Err(self.failed(error.call, &error.reason)),
                Err(_) => self.look_for_leaders()?,
            }
        }
    }

    fn check(&self) -> Result<(), BusError> {
        self.ask_for_brokers(READY_TIMEOUT)
    }
}

impl Log for Cluster {
    fn list(&self) -> Result<Vec<String>, BusError> {
        let metadata = self.admin.inner().fetch_metadata(None, QUESTION_TIMEOUT);
        let metadata = metadata.map_err(|error| BusError::kafka("list topics", error.to_string()))?;
        Ok(metadata.topics().iter().map(|topic| topic.name().to_owned()).collect())
    }

    fn create(&self, wanted: &[(String, Kind)]) -> Result<(), BusError> {
        self.look_for_controller()?;
        topics::create(&self.admin, &self.settings, &self.runtime, wanted)
    }

    fn read(
        &self,
        parts: &[Part],
        deadline: &Deadline,
        visit: &mut dyn FnMut(&Record<'_>) -> Result<Next, BusError>,
    ) -> Result<Vec<Part>, BusError> {
        read::read(&self.readers, parts, deadline, visit)
    }

    fn open(&self, id: &str, deadline: &Deadline) -> Result<Box<dyn Producer>, BusError> {
        Ok(Box::new(TransactionalProducer::open(&self.producer, id, deadline)?))
    }
    fn tidy(&self) {
        self.readers.tidy();
    }
}
