//! Kafka, a registry and a registered application.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use mirrorbus::bus::settings::BusSettings;
use mirrorbus_schemas::topic::Prefix;
use operations_center::application::Application;
use services::{Options, Services, Storage, kernel};

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
    /// Begins with an empty Kafka of one node, with the compiler flags of ordinary use, and with an empty PostgreSQL where
    /// settings for it are given.
    pub(crate) fn start(folder: &Path, postgres: Option<Vec<(String, String)>>) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let folder = folder.canonicalize()?;
        let data = folder.join("services");
        if data.exists() {
            std::fs::remove_dir_all(&data)?;
        }
        let mut options = Options::new(data, Some(Storage::Memory), 1);
        options.postgres = postgres;
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

    /// Time on the processors of Kafka so far.
    pub(crate) fn kafka_cpu(&self) -> anyhow::Result<Duration> {
        let times = self.services.kafka_processes().into_iter().map(|node| node.family_cpu());
        Ok(times.sum::<std::io::Result<Duration>>()?)
    }

    /// Where PostgreSQL answers, and its processes' first.
    pub(crate) fn postgres(&self) -> anyhow::Result<(String, kernel::Process)> {
        let postgres = self.services.postgres().context("PostgreSQL was not started")?;
        Ok((postgres.url(), postgres.process().context("PostgreSQL is stopped")?))
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
            delete_retention: Duration::from_secs(7 * 24 * 3600),
            ignore_tables: Default::default(),
            key_columns: Default::default(),
            on_wipe: Default::default(),
        })
    }
}
