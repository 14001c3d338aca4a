//! Everything that runs: Kafka and a registry, the bridge, and a mirror of one of its two applications.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use operations_center::application::Application;
use services::guard::{self, Guarded};
use services::{Options, Services, Storage};

use crate::bridge::{self, Bridge, Served};

/// The application that every tenant approved: what its topics begin with.
pub(crate) const SOAK: &str = "soak";
/// The application that a few approved besides, whose topics the mirror reads.
pub(crate) const MIRRORED: &str = "mirrored";

/// The running parts; they end with the value, the services last.
pub(crate) struct Stage {
    pub(crate) bridge: Bridge,
    mirror: Guarded,
    mirror_log: PathBuf,
    pub(crate) mirror_folder: PathBuf,
    pub(crate) applications: [Arc<Application>; 2],
    pub(crate) kafka: String,
    pub(crate) registry: String,
    _services: Services,
}

impl Stage {
    /// Starts everything in `folder`, which is there and empty.
    pub(crate) fn set(folder: &Path) -> anyhow::Result<Self> {
        let options = Options::new(folder.join("services"), Some(Storage::Disk), 1);
        let services = Services::start(&options, &mut |line| println!("soak: {line}"))?;
        let kafka = services.bootstrap_servers();
        let registry = services.registry_url().context("the registry was not started")?;
        let applications = [application(folder, SOAK)?, application(folder, MIRRORED)?];
        let [soak, mirrored] = &applications;
        let served = [Served { id: &soak.id, prefix: SOAK }, Served { id: &mirrored.id, prefix: MIRRORED }];
        let bridge = Bridge::start(folder, &kafka, &registry, &served)?;
        let (mirror_folder, mirror_log) = (folder.join("mirror"), folder.join("mirror.log"));
        let mirror = mirror(&kafka, &registry, &mirror_folder, &mirror_log)?;
        Ok(Self {
            bridge,
            mirror,
            mirror_log,
            mirror_folder,
            applications,
            kafka,
            registry,
            _services: services,
        })
    }

    /// An error where bridge or mirror have ended.
    pub(crate) fn check(&mut self) -> anyhow::Result<()> {
        self.bridge.check()?;
        match self.mirror.wait(Duration::ZERO) {
            None => Ok(()),
            Some(status) => bail!("the mirror ended by itself ({status}), see {}", self.mirror_log.display()),
        }
    }
}

/// A registered application with keys of its own, saved in a folder that is called as its prefix.
fn application(folder: &Path, prefix: &str) -> anyhow::Result<Arc<Application>> {
    let application = Application::generate_with_key(&format!("{prefix}0123456789"), 1024)?;
    let folder = folder.join(prefix);
    fs::create_dir(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    application.save(&folder)?;
    Ok(Arc::new(application))
}

fn mirror(kafka: &str, registry: &str, folder: &Path, log: &Path) -> anyhow::Result<Guarded> {
    let output = File::create(log).with_context(|| format!("cannot create {}", log.display()))?;
    let mut command = guard::process();
    command.arg(bridge::program("mirror-sqlite")?);
    command.args(["run", "--kafka", kafka, "--registry", registry, "--prefix", MIRRORED, "--folder"]);
    command.arg(folder).stdout(output.try_clone()?).stderr(output);
    Guarded::spawn(command).context("cannot start the mirror")
}
