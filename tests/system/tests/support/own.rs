//! Clusters of a test's own, to be broken. Whatever the environment names is never touched: only what was started here
//! can be stopped here.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use services::{Options, Services, Storage};
use tempfile::TempDir;

use super::world::{REGISTRY, World};

/// Services that end with the value.
pub struct Own {
    pub services: Services,
    pub folder: TempDir,
    registry: String,
}

impl Own {
    /// One node.
    pub fn start() -> Self {
        Self::with(|_| {})
    }

    /// One node, unless the options are changed. The registry is the one that all tests share, where there is one: only
    /// those that ask for one of their own may stop it.
    pub fn with(change: impl FnOnce(&mut Options)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let shared = std::env::var(REGISTRY).ok();
        let storage = if shared.is_some() { None } else { Some(Storage::Memory) };
        let mut options = Options::new(folder.path(), storage, 1);
        change(&mut options);
        let services = Services::start(&options, &mut |line| println!("{line}")).unwrap();
        let registry = services.registry_url().or(shared).unwrap();
        Self { services, folder, registry }
    }

    /// Where a node keeps its partitions.
    pub fn data(&self, node: u32) -> std::path::PathBuf {
        self.folder.path().join(format!("kafka-{node}/data"))
    }

    pub fn world(&self) -> World {
        World::on(&self.services.bootstrap_servers(), &self.registry)
    }
}

/// One cluster for several tests. It lives as long as a test wants it: nothing tells when the last one has had its turn.
pub struct SharedOwn(Mutex<Weak<Mutex<Own>>>);

impl SharedOwn {
    pub const fn new() -> Self {
        Self(Mutex::new(Weak::new()))
    }

    /// The cluster, started with these changes by whoever comes first.
    pub fn get(&self, change: impl FnOnce(&mut Options)) -> Arc<Mutex<Own>> {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let own = Arc::new(Mutex::new(Own::with(change)));
            *shared = Arc::downgrade(&own);
            own
        })
    }
}

/// Broker settings as options want them.
pub fn settings<const COUNT: usize>(settings: [(&str, &str); COUNT]) -> Vec<(String, String)> {
    settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// Dead and silent nodes are noticed a little sooner than usual.
const IMPATIENT: [(&str, &str); 3] = [
    ("broker.session.timeout.ms", "6000"),
    ("broker.heartbeat.interval.ms", "1000"),
    ("replica.lag.time.max.ms", "6000"),
];

/// Runs a test on a whole cluster of three nodes, one test at a time. What it breaks is mended before the next.
pub fn on_three_nodes(test: impl FnOnce(&mut Own)) {
    static SHARED: SharedOwn = SharedOwn::new();
    let shared = SHARED.get(|options| {
        options.nodes = 3;
        options.settings = settings(IMPATIENT);
    });
    let mut own = shared.lock().unwrap_or_else(PoisonError::into_inner);
    own.services.start_kafka().unwrap();
    test(&mut own);
}
