//! Everything that runs: three Kafka nodes and a registry, two bridges behind a balancer, a mirror.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use operations_center::application::Application;
use services::{Options, Services, Storage};

use crate::balancer::Balancer;
use crate::program::Program;

/// What the application's topics begin with.
pub(crate) const PREFIX: &str = "bounce";
const APPLICATION_ID: &str = "bounce0123456789";
pub(crate) const NODES: u32 = 3;
const BRIDGES: usize = 2;

/// The parts, apart, so that two hands can break them at once.
pub(crate) struct Stage {
    pub(crate) services: Services,
    pub(crate) programs: Programs,
    pub(crate) application: Application,
    pub(crate) kafka: String,
    pub(crate) registry: String,
    pub(crate) mirror_folder: PathBuf,
}

/// What the workspace's programs are in this run.
pub(crate) struct Programs {
    pub(crate) bridges: Vec<Program>,
    pub(crate) mirror: Program,
    pub(crate) balancer: Balancer,
}

impl Stage {
    /// Starts everything in `folder`, which is emptied.
    pub(crate) fn set(folder: &Path, seed: u64) -> anyhow::Result<Self> {
        if folder.exists() {
            fs::remove_dir_all(folder).with_context(|| format!("cannot empty {}", folder.display()))?;
        }
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let application = Application::generate_with_key(APPLICATION_ID, 1024)?;
        application.save(folder)?;
        let options = Options::new(folder.join("services"), Some(Storage::Disk), NODES);
        let services = Services::start(&options, &mut |line| crate::tell(line))?;
        let kafka = services.bootstrap_servers();
        let registry = services.registry_url().context("the registry was not started")?;
        let (mut bridges, mut ports) = (Vec::new(), Vec::new());
        for number in 1..=BRIDGES {
            let (port, mut bridge) = bridge(folder, number, &kafka, &registry)?;
            bridge.start()?;
            bridges.push(bridge);
            ports.push(port);
        }
        let mirror_folder = folder.join("mirror");
        let mut mirror = mirror(folder, &mirror_folder, &kafka, &registry)?;
        mirror.start()?;
        let programs = Programs { bridges, mirror, balancer: Balancer::start(ports, seed)? };
        Ok(Self { services, programs, application, kafka, registry, mirror_folder })
    }
}

fn bridge(folder: &Path, number: usize, kafka: &str, registry: &str) -> anyhow::Result<(u16, Program)> {
    let [port, admin_port] = [services::free_port()?, services::free_port()?];
    let config = folder.join(format!("bridge-{number}.toml"));
    let text = format!(
        r#"listen = "127.0.0.1:{port}"
admin_listen = "127.0.0.1:{admin_port}"
public_url = "http://127.0.0.1:{port}/MirroringClientService.svc"
[kafka]
bootstrap_servers = "{kafka}"
replication_factor = 3
min_insync_replicas = 2
[registry]
url = "{registry}"
[[applications]]
id = "{APPLICATION_ID}"
prefix = "{PREFIX}"
private_key_file = "application-key.xml"
certificate_files = ["signing-certificate.pem"]
"#
    );
    fs::write(&config, text).with_context(|| format!("cannot write {}", config.display()))?;
    let arguments = ["serve", "--config", path_text(&config)?].map(str::to_owned).to_vec();
    let live = Some(format!("http://127.0.0.1:{admin_port}/livez"));
    Ok((port, Program::new(&format!("bridge-{number}"), "mirrorbus", arguments, folder, live)?))
}

fn mirror(folder: &Path, to: &Path, kafka: &str, registry: &str) -> anyhow::Result<Program> {
    let to = path_text(to)?;
    let arguments = ["run", "--kafka", kafka, "--registry", registry, "--prefix", PREFIX, "--folder", to]
        .map(str::to_owned);
    Program::new("mirror", "mirror-sqlite", arguments.to_vec(), folder, None)
}

fn path_text(path: &Path) -> anyhow::Result<&str> {
    path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))
}
