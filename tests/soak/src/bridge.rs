//! The bridge as a process, started as an operator starts it.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use services::guard::{self, Guarded};
use services::kernel::Process;

const START: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(20);

/// A running bridge; it ends with the value.
pub(crate) struct Bridge {
    guarded: Guarded,
    log: PathBuf,
    /// As the kernel sees it.
    pub(crate) process: Process,
    /// Its Mirroring URL.
    pub(crate) url: String,
    admin: SocketAddr,
}

/// An application as the bridge is configured for it. Its files stand in the folder of this name.
pub(crate) struct Served<'a> {
    pub(crate) id: &'a str,
    pub(crate) prefix: &'a str,
}

impl Bridge {
    /// Starts it in `folder` and waits until it answers.
    pub(crate) fn start(
        folder: &Path,
        kafka: &str,
        registry: &str,
        applications: &[Served<'_>],
    ) -> anyhow::Result<Self> {
        let (address, admin) = (free_address()?, free_address()?);
        let file = |ending: &str| folder.join(format!("bridge.{ending}"));
        let (config, log, pid) = (file("toml"), file("log"), file("pid"));
        let text = configuration(address, admin, kafka, registry, applications);
        std::fs::write(&config, text).with_context(|| format!("cannot write {}", config.display()))?;
        let output = File::create(&log).with_context(|| format!("cannot create {}", log.display()))?;
        let mut command = guard::process();
        // The shell that writes its own number becomes the bridge.
        command.args(["sh", "-c", "echo $$ >\"$0\"; exec \"$@\""]).arg(&pid);
        command.arg(program("mirrorbus")?).arg("serve").arg("--config").arg(&config);
        command.stdout(output.try_clone()?).stderr(output);
        let mut guarded = Guarded::spawn(command).context("cannot start the bridge")?;
        let began = Instant::now();
        while ureq::get(format!("http://{admin}/livez")).call().is_err() {
            let ended = guarded.wait(PAUSE).is_some();
            ensure!(!ended && began.elapsed() < START, "the bridge did not start, see {}", log.display());
        }
        let process = Process::new(std::fs::read_to_string(&pid)?.trim().parse()?);
        let url = format!("http://{address}/MirroringClientService.svc");
        Ok(Self { guarded, log, process, url, admin })
    }

    /// An error where it has ended.
    pub(crate) fn check(&mut self) -> anyhow::Result<()> {
        match self.guarded.wait(Duration::ZERO) {
            None => Ok(()),
            Some(status) => bail!("the bridge ended by itself ({status}), see {}", self.log.display()),
        }
    }

    /// The address of its metrics.
    pub(crate) fn metrics(&self) -> String {
        format!("http://{}/metrics", self.admin)
    }
}

fn configuration(
    address: SocketAddr,
    admin: SocketAddr,
    kafka: &str,
    registry: &str,
    applications: &[Served<'_>],
) -> String {
    let mut text = format!(
        r#"listen = "{address}"
admin_listen = "{admin}"
public_url = "http://{address}/MirroringClientService.svc"
[kafka]
bootstrap_servers = "{kafka}"
replication_factor = 1
min_insync_replicas = 1
[registry]
url = "{registry}"
"#
    );
    for Served { id, prefix } in applications {
        text += &format!(
            r#"[[applications]]
id = "{id}"
prefix = "{prefix}"
private_key_file = "{prefix}/application-key.xml"
certificate_files = ["{prefix}/signing-certificate.pem"]
"#
        );
    }
    text
}

/// An address that nobody has.
fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(SocketAddr::from(([127, 0, 0, 1], services::free_port()?)))
}

/// A program of this workspace, built beside this one.
pub(crate) fn program(name: &str) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let program = own.parent().context("this program is in no folder")?.join(name);
    ensure!(program.is_file(), "{name} is not built beside {}: run `make build`", own.display());
    Ok(program)
}
