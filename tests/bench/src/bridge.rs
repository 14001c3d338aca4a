//! The bridge as a process, started as an operator starts it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use services::guard::{self, Guarded};
use services::kernel::Process;

use crate::stage::{PREFIX, Stage};

const START: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(20);
/// Bodies in flight: the configuration's default.
pub(crate) const BUDGET_MB: f64 = 256.0;

/// A running bridge; it ends with the value.
pub(crate) struct Bridge {
    _guarded: Guarded,
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
}

impl Bridge {
    pub(crate) fn start(stage: &Stage, name: &str, registry: &str) -> anyhow::Result<Self> {
        let (address, admin) = (free_address()?, free_address()?);
        let file = |ending: &str| stage.folder.join(format!("{name}.{ending}"));
        let (config, log, pid) = (file("toml"), file("log"), file("pid"));
        std::fs::write(&config, configuration(stage, address, admin, registry))?;
        let output = std::fs::File::create(&log)?;
        let mut command = guard::command();
        // The shell that writes its own number becomes the bridge.
        command.args(["sh", "-c", "echo $$ >\"$0\"; exec \"$@\""]).arg(&pid);
        command.arg(program("mirrorbus")?).arg("serve").arg("--config").arg(&config);
        command.stdout(output.try_clone()?).stderr(output);
        let mut guarded = Guarded::spawn(command)?;
        let live = format!("http://{admin}/livez");
        let began = Instant::now();
        while ureq::get(&live).call().is_err() {
            let ended = guarded.wait(PAUSE).is_some();
            anyhow::ensure!(
                !ended && began.elapsed() < START,
                "the bridge did not start, see {}",
                log.display()
            );
        }
        let process = Process::new(std::fs::read_to_string(&pid)?.trim().parse()?);
        Ok(Self { _guarded: guarded, process, address })
    }
}

fn configuration(stage: &Stage, address: SocketAddr, admin: SocketAddr, registry: &str) -> String {
    let (kafka, id) = (stage.kafka(), &stage.application.id);
    format!(
        r#"listen = "{address}"
admin_listen = "{admin}"
public_url = "http://{address}/MirroringClientService.svc"
[kafka]
bootstrap_servers = "{kafka}"
replication_factor = 1
min_insync_replicas = 1
[registry]
url = "{registry}"
[[applications]]
id = "{id}"
prefix = "{PREFIX}"
private_key_file = "application-key.xml"
certificate_files = ["signing-certificate.pem"]
"#
    )
}

/// An address that nobody has.
pub(crate) fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(SocketAddr::from(([127, 0, 0, 1], services::free_port()?)))
}

/// A program of this workspace, built beside this one.
pub(crate) fn program(name: &str) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let program = own.parent().context("no folder")?.join(name);
    anyhow::ensure!(program.exists(), "{} is not built: run `make bench`", program.display());
    Ok(program)
}
