//! Kafka, the registry and PostgreSQL together, for as long as the value that stands for them lives.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use crate::error::ServicesError;
use crate::fetch::{self, Programs};
use crate::jvm;
use crate::kafka::{self, Cluster};
use crate::kernel;
use crate::leaders;
use crate::ports;
use crate::postgres::Postgres;
use crate::registry::{self, Registry, Storage};
use crate::settings::{Proxied, SCRATCH};
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
    /// How many more listeners each node has, each of which tells its clients the port of a proxy before it.
    pub proxied_listeners: u32,
    /// More broker settings, for every node; they win over those of this tool.
    pub settings: Vec<(String, String)>,
    /// Where single nodes keep their data instead of inside the folder, by node number from 1: a disk that is to fill up.
    pub data: BTreeMap<u32, PathBuf>,
    /// Whether PostgreSQL starts too, with these settings more than its own; `None` starts none.
    pub postgres: Option<Vec<(String, String)>>,
}

impl Options {
    /// With nothing out of the ordinary.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>, registry: Option<Storage>, nodes: u32) -> Options {
        let (settings, data) = (Vec::new(), BTreeMap::new());
        let folder = folder.into();
        Options { folder, registry, nodes, proxied_listeners: 0, settings, data, postgres: None }
    }
}

/// Running services. Dropping them stops them and waits for their end.
#[derive(Debug)]
pub struct Services {
    cluster: Cluster,
    registry: Option<Registry>,
    postgres: Option<Postgres>,
    _lock: File,
}

impl Services {
    /// Starts the services and waits until they answer: Kafka when all brokers are known and a first
    /// producer's transactions are initialized, the registry when it lists its subjects, PostgreSQL when it lets in.
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
        let postgres = plan.start_postgres(cancelled, progress)?;
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
        Ok(Services { cluster, registry, postgres, _lock: lock })
    }

    /// The addresses of the brokers, `127.0.0.1:PORT`, several separated by commas.
    pub fn bootstrap_servers(&self) -> String {
        self.cluster.bootstrap_servers()
    }

    /// The listeners of a node, numbered from 1, that need a proxy before them.
    pub fn proxied(&self, node: u32) -> &[Proxied] {
        self.cluster.proxied(node)
    }

    /// The base of the registry's Confluent-compatible interface, without a slash at its end.
    pub fn registry_url(&self) -> Option<String> {
        self.registry.as_ref().map(Registry::url)
    }

    /// PostgreSQL, if it was asked for.
    pub fn postgres(&self) -> Option<&Postgres> {
        self.postgres.as_ref()
    }

    /// PostgreSQL, to stop it, kill it and start it again.
    pub fn postgres_mut(&mut self) -> Option<&mut Postgres> {
        self.postgres.as_mut()
    }

    /// The processes whose families are Kafka's running nodes, for what they cost.
    pub fn kafka_processes(&self) -> Vec<kernel::Process> {
        self.cluster.kernel()
    }

    /// Stops Kafka in order and waits until it has ended.
    pub fn stop_kafka(&mut self) {
        self.cluster.terminate();
        self.cluster.finish();
    }

    /// Ends Kafka as `kill -9` does and waits until it is gone.
    pub fn kill_kafka(&mut self) {
        self.cluster.kill();
    }

    /// Brings Kafka back, on the same ports and data: starts the nodes that are down, lets paused ones go on, and waits
    /// until every partition has all its copies and transactions can begin.
    ///
    /// # Errors
    /// When a node ends or stays silent during its start.
    pub fn start_kafka(&mut self) -> Result<(), ServicesError> {
        self.cluster.start(&AtomicBool::new(false))
    }

    /// Stops one node in order, which hands its partitions over, and waits until it has ended.
    ///
    /// # Errors
    /// [`ServicesError::NoNode`] where it does not run. Nodes are numbered from 1.
    pub fn stop_node(&mut self, id: u32) -> Result<(), ServicesError> {
        let mut process = self.cluster.take_node(id)?;
        process.terminate();
        process.finish();
        Ok(())
    }

    /// Ends one node as `kill -9` does and waits until it is gone.
    ///
    /// # Errors
    /// [`ServicesError::NoNode`] where it does not run.
    pub fn kill_node(&mut self, id: u32) -> Result<(), ServicesError> {
        self.cluster.take_node(id)?.kill();
        Ok(())
    }

    /// Stops one node where it is, with its connections open: SIGSTOP.
    ///
    /// # Errors
    /// [`ServicesError::NoNode`] where it does not run.
    pub fn pause_node(&mut self, id: u32) -> Result<(), ServicesError> {
        self.cluster.node(id)?.pause();
        Ok(())
    }

    /// Lets a paused node go on: SIGCONT.
    ///
    /// # Errors
    /// [`ServicesError::NoNode`] where it does not run.
    pub fn resume_node(&mut self, id: u32) -> Result<(), ServicesError> {
        self.cluster.node(id)?.resume();
        Ok(())
    }

    /// Whether a node still runs; one whose disk is full ends by itself.
    ///
    /// # Errors
    /// [`ServicesError::NoNode`] where it was stopped or killed from here.
    pub fn node_has_ended(&mut self, id: u32) -> Result<bool, ServicesError> {
        Ok(self.cluster.node(id)?.has_ended())
    }

    /// Starts one node again on its port and data and waits until it takes part, for which most nodes must be up.
    /// [`Services::start_kafka`] starts all and waits for more.
    ///
    /// # Errors
    /// When it ends or stays silent during its start.
    pub fn start_node(&mut self, id: u32) -> Result<(), ServicesError> {
        self.cluster.start_node(id, &AtomicBool::new(false))
    }

    /// The node that leads a partition, as the nodes that answer say: just after its end, that can be a dead one.
    ///
    /// # Errors
    /// [`ServicesError::NoLeader`] when none is known within some seconds.
    pub fn leader_of(&self, topic: &str, partition: i32) -> Result<u32, ServicesError> {
        leaders::leader_of(&self.bootstrap_servers(), topic, partition)
    }

    /// The node that coordinates the transactions of a `transactional.id`.
    ///
    /// # Errors
    /// [`ServicesError::NoLeader`] when none is known within some seconds.
    pub fn coordinator_of(&self, transactional_id: &str) -> Result<u32, ServicesError> {
        leaders::coordinator_of(&self.bootstrap_servers(), transactional_id)
    }

    /// Stops the registry in order and waits until it has ended.
    ///
    /// # Errors
    /// [`ServicesError::NoRegistry`] where none was asked for.
    pub fn stop_registry(&mut self) -> Result<(), ServicesError> {
        let registry = self.registry.as_mut().ok_or(ServicesError::NoRegistry)?;
        registry.terminate();
        registry.finish();
        Ok(())
    }

    /// Starts the registry again on the same port and waits until it answers. It has its schemas still if its storage
    /// is [`Storage::Disk`].
    ///
    /// # Errors
    /// When it ends or stays silent during its start, and [`ServicesError::NoRegistry`].
    pub fn start_registry(&mut self) -> Result<(), ServicesError> {
        let registry = self.registry.as_mut().ok_or(ServicesError::NoRegistry)?;
        registry.start()?;
        registry.wait_until_it_answers(&AtomicBool::new(false))
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
        // Said before anything is fetched and begun.
        if options.postgres.is_some() && !Postgres::is_installed() {
            return Err(ServicesError::NoPostgres);
        }
        let folder = &options.folder;
        fs::create_dir_all(folder).map_err(ServicesError::file("create", folder))?;
        let folder = folder.canonicalize().map_err(ServicesError::file("resolve", folder))?;
        let programs = fetch::programs(cancelled, progress)?;
        let oldest = options.registry.map_or(OLDEST_JAVA_FOR_KAFKA, |_| OLDEST_JAVA_FOR_REGISTRY);
        let java = jvm::java(oldest, cancelled, progress)?;
        Ok(Plan { options: options.clone(), folder, programs, java })
    }

    fn start_postgres(
        &self,
        cancelled: &AtomicBool,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Option<Postgres>, ServicesError> {
        let start = |settings: &Vec<_>| Postgres::start_unless(&self.folder, settings, cancelled, progress);
        self.options.postgres.as_ref().map(start).transpose()
    }

    /// Starts both at once: the registry has begun when Kafka is waited for.
    fn start(
        &self,
        cancelled: &AtomicBool,
        progress: &mut dyn FnMut(&str),
    ) -> Result<(Cluster, Option<Registry>), ServicesError> {
        let begin = Instant::now();
        let mut names: Vec<String> = kafka::port_names(&self.options).collect();
        names.push(registry::PORT_NAME.to_owned());
        let ports = ports::choose(&self.folder, &names)?;
        let mut registry = match self.options.registry {
            Some(storage) => Some(self.registry(storage, ports[registry::PORT_NAME])?),
            None => None,
        };
        let mut cluster = Cluster::new(&self.java, &self.programs.kafka, &self.folder, &self.options, &ports);
        cluster.start(cancelled)?;
        progress(&format!("kafka answers on {} ({})", cluster.bootstrap_servers(), seconds(begin)));
        if let Some(registry) = &mut registry {
            registry.wait_until_it_answers(cancelled)?;
            progress(&format!("registry answers on {} ({})", registry.url(), seconds(begin)));
        }
        Ok((cluster, registry))
    }

    fn registry(&self, storage: Storage, port: u16) -> Result<Registry, ServicesError> {
        let mut registry = Registry::new(&self.java, &self.programs.registry, &self.folder, storage, port);
        registry.start()?;
        Ok(registry)
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
