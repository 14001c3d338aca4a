//! What docker-compose.yml may say. An unknown key is an error: compose ignores none, and a misspelt one would
//! be a setting that nobody notices to be missing.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Compose {
    #[serde(rename = "name")]
    pub(crate) _name: String,
    pub(crate) services: BTreeMap<String, Service>,
    /// Named volumes, all with default settings.
    pub(crate) volumes: BTreeMap<String, Option<()>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Service {
    pub(crate) image: Option<String>,
    pub(crate) build: Option<Build>,
    pub(crate) restart: String,
    #[serde(default)]
    pub(crate) depends_on: BTreeMap<String, Dependency>,
    #[serde(default)]
    pub(crate) command: Vec<String>,
    pub(crate) user: Option<String>,
    #[serde(default)]
    pub(crate) read_only: bool,
    #[serde(default, rename = "tmpfs")]
    pub(crate) _tmpfs: Vec<String>,
    pub(crate) cap_drop: Vec<String>,
    pub(crate) security_opt: Vec<String>,
    #[serde(rename = "mem_limit")]
    pub(crate) _mem_limit: String,
    #[serde(default)]
    pub(crate) environment: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) volumes: Vec<String>,
    #[serde(default)]
    pub(crate) ports: Vec<String>,
    pub(crate) healthcheck: Healthcheck,
    #[serde(default, rename = "stop_grace_period")]
    pub(crate) _stop_grace_period: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Build {
    pub(crate) context: PathBuf,
    pub(crate) dockerfile: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Dependency {
    pub(crate) condition: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Healthcheck {
    pub(crate) test: Vec<String>,
    #[serde(rename = "interval")]
    pub(crate) _interval: String,
    #[serde(rename = "timeout")]
    pub(crate) _timeout: String,
    #[serde(rename = "retries")]
    pub(crate) _retries: u32,
    #[serde(rename = "start_period")]
    pub(crate) _start_period: String,
    #[serde(default, rename = "start_interval")]
    pub(crate) _start_interval: Option<String>,
}

impl Service {
    /// The source and the target of every volume.
    pub(crate) fn mounts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.volumes.iter().map(|volume| {
            let (source, target) = volume.split_once(':').unwrap();
            (source, target.trim_end_matches(":ro"))
        })
    }

    /// The port on the host and the one in the container, as numbers.
    pub(crate) fn published(&self) -> impl Iterator<Item = (u16, u16)> {
        self.ports.iter().map(|port| {
            let (host, container) = port.rsplit_once(':').unwrap();
            (port_of(host), container.parse().unwrap())
        })
    }

    /// Where a path of the container is in the checkout, if a folder of the checkout is mounted there.
    pub(crate) fn in_checkout(&self, path: &str) -> Option<PathBuf> {
        self.mounts().filter(|(source, _)| source.starts_with("./")).find_map(|(source, target)| {
            let inside = Path::new(path).strip_prefix(target).ok()?;
            Some(top().join(source).join(inside))
        })
    }
}

/// The number behind the last colon, or the whole.
pub(crate) fn port_of(address: &str) -> u16 {
    address.rsplit(':').next().unwrap().parse().unwrap()
}

/// The top of the checkout.
pub(crate) fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().parent().unwrap()
}

pub(crate) fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn compose() -> Compose {
    let path = top().join("docker-compose.yml");
    serde_saphyr::from_str(&read(&path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
