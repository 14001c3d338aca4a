//! The bridge as a process, started as an operator starts it.

use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;

use services::guard::{self, Guarded, Signal};

use super::topic::wait_until;
use super::world::{World, application};

/// A running bridge; it ends with the value.
pub struct Bridge {
    process: Guarded,
    pub url: String,
    pub(super) log: PathBuf,
}

impl Bridge {
    pub fn start(world: &World, more: &str) -> Self {
        let (port, admin_port) = (free_port(), free_port());
        let config = world.folder().join(format!("bridge-{port}.toml"));
        let log = world.folder().join(format!("bridge-{port}.log"));
        std::fs::write(&config, configuration(world, port, admin_port, more)).unwrap();
        let file = std::fs::File::create(&log).unwrap();
        let mut command = guard::command();
        command.arg(program("mirrorbus")).arg("serve").arg("--config").arg(&config);
        command.stdout(file.try_clone().unwrap()).stderr(file);
        let mut process = Guarded::spawn(command).unwrap();
        let live = format!("http://127.0.0.1:{admin_port}/livez");
        wait_until("the bridge answers", || {
            let ended = process.wait(Duration::ZERO);
            assert!(ended.is_none(), "the bridge ended: {}", std::fs::read_to_string(&log).unwrap());
            ureq::get(&live).call().is_ok()
        });
        let url = format!("http://127.0.0.1:{port}/MirroringClientService.svc");
        Self { process, url, log }
    }

    /// Ends it as `kill -9` does.
    pub fn kill(mut self) {
        self.process.signal(Signal::Kill);
        self.process.wait(Duration::from_secs(10)).unwrap();
    }

    /// Asks it to end and waits until it has.
    pub fn stop(mut self) {
        self.process.signal(Signal::Terminate);
        let status = self.process.wait(Duration::from_secs(60)).unwrap();
        assert!(status.success(), "the bridge ended with {status}: {}", self.log());
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }
}

fn configuration(world: &World, port: u16, admin_port: u16, more: &str) -> String {
    let (kafka, registry) = (&world.cluster.kafka, &world.cluster.registry);
    let (id, prefix) = (&application().id, &world.prefix);
    format!(
        r#"
listen = "127.0.0.1:{port}"
admin_listen = "127.0.0.1:{admin_port}"
public_url = "http://127.0.0.1:{port}/MirroringClientService.svc"
[kafka]
bootstrap_servers = "{kafka}"
replication_factor = 1
min_insync_replicas = 1
[registry]
url = "{registry}"
[[applications]]
id = "{id}"
prefix = "{prefix}"
private_key_file = "application-key.xml"
certificate_files = ["signing-certificate.pem"]
{more}
"#
    )
}

/// A port that nobody had a moment ago.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A program of this workspace, built beside the tests.
pub fn program(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let program = tests.parent().and_then(|deps| deps.parent()).unwrap().join(name);
    assert!(program.exists(), "{} is not built: run `make build` or `make test`", program.display());
    program
}
