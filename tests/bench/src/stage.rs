//! Kafka, a registry and a registered application.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use mirrorbus::bus::settings::BusSettings;
use mirrorbus_schemas::topic::Prefix;
use operations_center::application::Application;
use services::{Options, Services, Storage};

use crate::bridge::Bridge;

/// What every application's topics begin with here.
pub(crate) const PREFIX: &str = "bench";

/// Everything that is measured beside.
pub(crate) struct Stage {
    services: Services,
    pub(crate) application: Application,
    pub(crate) folder: PathBuf,
}

impl Stage {
    /// Begins with an empty Kafka of one node, with the compiler flags of ordinary use.
    pub(crate) fn start(folder: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let folder = folder.canonicalize()?;
        let data = folder.join("services");
        if data.exists() {
            std::fs::remove_dir_all(&data)?;
        }
        let options = Options::new(data, Some(Storage::Memory), 1);
        let services = Services::start(&options, &mut |line| eprintln!("bench: {line}"))?;
        let application = Application::generate("bench0123456789ab")?;
        application.save(&folder)?;
        Ok(Self { services, application, folder })
    }

    pub(crate) fn kafka(&self) -> String {
        self.services.bootstrap_servers()
    }

    pub(crate) fn registry(&self) -> anyhow::Result<String> {
        self.services.registry_url().context("no registry was started")
    }

    /// A bridge process of this application.
    pub(crate) fn bridge(&self, name: &str) -> anyhow::Result<Bridge> {
        Bridge::start(self, name, &self.registry()?)
    }

    /// The settings with which the bridge makes its producers.
    pub(crate) fn bus_settings(&self) -> anyhow::Result<BusSettings> {
        Ok(BusSettings {
            prefix: Prefix::new(PREFIX)?,
            bootstrap_servers: self.kafka(),
            properties: Default::default(),
            partitions: 1,
            replication_factor: 1,
            min_insync_replicas: 1,
            max_record_bytes: 16 * 1024 * 1024,
            delete_retention: std::time::Duration::from_secs(7 * 24 * 3600),
            ignore_tables: Default::default(),
            key_columns: Default::default(),
            on_wipe: Default::default(),
        })
    }
}
