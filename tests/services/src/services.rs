//! Kafka and the registry together, for as long as the value that stands for them lives.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use crate::error::ServicesError;
use crate::fetch::{self, Programs};
use crate::jvm;
use crate::kafka::{self, Cluster};
use crate::ports;
use crate::registry::{self, Registry, Storage};
use crate::settings::SCRATCH;
use crate::versions::{OLDEST_JAVA_FOR_KAFKA, OLDEST_JAVA_FOR_REGISTRY};

/// How often a start is tried when another process takes a port between the search and the start.
const ATTEMPTS: u32 = 3;

/// What to start and where.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where data, settings and logs are. A second start with the same folder goes on with its data.
    pub folder: PathBuf,
    /// Where the registry keeps its schemas; `None` starts no registry.
    pub registry: Option<Storage>,
    /// How many Kafka nodes, each broker and controller. The number must not change for a folder.
    pub nodes: u32,
}

/// Running services. Dropping them stops them and waits for their end.
#[derive(Debug)]
pub struct Services {
    cluster: Cluster,
    registry: Option<Registry>,
    _lock: File,
}

impl Services {
    /// Starts the services and waits until they answer: Kafka when all brokers are known and a first
    /// producer's transactions are initialized, the registry when it lists its subjects.
    ///
    /// Fetches what is missing first. Every step is told to `progress`.
    ///
    /// # Errors
    /// When something cannot be fetched, or ends or stays silent during its start. Nothing is left running.
    pub fn start(options: &Options, progress: &mut dyn FnMut(&str)) -> Result<Services, ServicesError> {
        Services::start_unless(options, &AtomicBool::new(false), progress)
    }

    /// [`Services::start`], but given up soon after another thread sets `cancelled`.
    ///
    /// # Errors
    /// Those of [`Services::start`], and [`ServicesError::Cancelled`].
    pub fn start_unless(
        options: &Options,
        cancelled: &AtomicBool,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Services, ServicesError> {
        let plan = Plan::new(options, cancelled, progress)?;
        let lock = lock(&plan.folder)?;
        empty(&plan.folder.join(SCRATCH))?;
        let mut attempt = 1;
        let (cluster, registry) = loop {
            match plan.start(cancelled, progress) {
                Err(ServicesError::Ended { name, clash: true, .. }) if attempt < ATTEMPTS => {
                    progress(&format!("{name} found its port or data taken, trying again"));
                    attempt += 1;
                }
                started => break started?,
            }
        };
        Ok(Services { cluster, registry, _lock: lock })
    }

    /// The addresses of the brokers, `127.0.0.1:PORT`, several separated by commas.
    pub fn bootstrap_servers(&self) -> String {
        self.cluster.bootstrap_servers()
    }

    /// The base of the registry's Confluent-compatible interface, without a slash at its end.
    pub fn registry_url(&self) -> Option<String> {
        self.registry.as_ref().map(Registry::url)
    }

    /// Stops Kafka in order and waits until it has ended.
    ///
    /// # Errors
    /// None today: a node that does not end in time is killed.
    pub fn stop_kafka(&mut self) -> Result<(), ServicesError> {
        self.cluster.terminate();
        self.cluster.finish();
        Ok(())
    }

    /// Ends Kafka as `kill -9` does and waits until it is gone.
    pub fn kill_kafka(&mut self) {
        self.cluster.kill();
    }

    /// Starts Kafka again on the same ports and the same data, and waits until it answers.
    ///
    /// # Errors
    /// When a node ends or stays silent during its start.
    pub fn start_kafka(&mut self) -> Result<(), ServicesError> {
        self.cluster.start(&AtomicBool::new(false))
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        self.cluster.terminate();
        if let Some(registry) = &mut self.registry {
            registry.terminate();
            registry.finish();
        }
        self.cluster.finish();
    }
}

/// All that a start needs but the ports, which each attempt chooses.
struct Plan {
    options: Options,
    /// The folder as an absolute path, for processes that run elsewhere.
    folder: PathBuf,
    programs: Programs,
    java: PathBuf,
}

impl Plan {
    fn new(
        options: &Options,
        cancelled: &AtomicBool,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Plan, ServicesError> {
        if options.nodes == 0 {
            return Err(ServicesError::NoNodes);
        }
        let folder = &options.folder;
        fs::create_dir_all(folder).map_err(ServicesError::file("create", folder))?;
        let folder = folder.canonicalize().map_err(ServicesError::file("resolve", folder))?;
        let programs = fetch::programs(cancelled, progress)?;
        let oldest = options.registry.map_or(OLDEST_JAVA_FOR_KAFKA, |_| OLDEST_JAVA_FOR_REGISTRY);
        let java = jvm::java(oldest, cancelled, progress)?;
        Ok(Plan { options: options.clone(), folder, programs, java })
    }

    /// Starts both at once: the registry has begun when Kafka is waited for.
    fn start(
        &self,
        cancelled: &AtomicBool,
        progress: &mut dyn FnMut(&str),
    ) -> Result<(Cluster, Option<Registry>), ServicesError> {
        let begin = Instant::now();
        let mut names: Vec<String> = kafka::port_names(self.options.nodes).collect();
        names.push(registry::PORT_NAME.to_owned());
        let ports = ports::choose(&self.folder, &names)?;
        let mut registry = match self.options.registry {
            Some(storage) => Some(self.registry(storage, ports[registry::PORT_NAME])?),
            None => None,
        };
        let mut cluster =
            Cluster::new(&self.java, &self.programs.kafka, &self.folder, self.options.nodes, &ports);
        cluster.start(cancelled)?;
        progress(&format!("kafka answers on {} ({})", cluster.bootstrap_servers(), seconds(begin)));
        if let Some(registry) = &mut registry {
            registry.wait_until_it_answers(cancelled)?;
            progress(&format!("registry answers on {} ({})", registry.url(), seconds(begin)));
        }
        Ok((cluster, registry))
    }

    fn registry(&self, storage: Storage, port: u16) -> Result<Registry, ServicesError> {
        Registry::start(&self.java, &self.programs.registry, &self.folder, storage, port)
    }
}

fn seconds(since: Instant) -> String {
    format!("{:.1} s", since.elapsed().as_secs_f64())
}

fn empty(folder: &Path) -> Result<(), ServicesError> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(ServicesError::file("remove", folder))?;
    }
    fs::create_dir(folder).map_err(ServicesError::file("create", folder))
}

/// Keeps a second tool out of the folder; the kernel drops the lock of a process that dies.
fn lock(folder: &Path) -> Result<File, ServicesError> {
    let path = folder.join("lock");
    let file = File::create(&path).map_err(ServicesError::file("create", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(ServicesError::FolderInUse { folder: folder.to_owned() }),
        Err(TryLockError::Error(source)) => Err(ServicesError::file("lock", &path)(source)),
    }
}
