//! The bridge as a process, started as an operator starts it.

use std::path::PathBuf;
use std::time::Duration;

use services::guard::{self, Guarded, Signal};

use super::topic::wait_until;
use super::world::{World, application};

/// A running bridge; it ends with the value.
pub struct Bridge {
    process: Guarded,
    pub url: String,
    pub admin_url: String,
    config: PathBuf,
    pub(super) log: PathBuf,
    pub failpoints: Failpoints,
}

/// The moments at which a test stops a program, and its settings for tests: see the `failpoint` of bridge and mirrors.
pub struct Failpoints(pub(super) PathBuf);

impl Failpoints {
    /// From now on the program waits when it gets there.
    pub fn arm(&self, point: &str) {
        self.set(point, "");
    }

    pub fn set(&self, name: &str, text: &str) {
        std::fs::write(self.0.join(name), text).unwrap();
    }

    /// Waits until the program has got to an armed point.
    pub fn wait_for(&self, point: &str) {
        let reached = self.0.join(format!("{point}.reached"));
        wait_until(point, || reached.exists());
        std::fs::remove_file(reached).unwrap();
    }

    /// Lets it go on from the point where it stands to another one.
    pub fn go_on(&self, from: &str, to: &str) {
        self.arm(to);
        self.release(from);
        self.wait_for(to);
    }

    /// Lets it go on, now and from now on.
    pub fn release(&self, point: &str) {
        std::fs::remove_file(self.0.join(point)).unwrap();
    }
}

impl Bridge {
    pub fn start(world: &World, more: &str) -> Self {
        Self::start_with(world, more, &[])
    }

    /// With settings for tests that count from the start.
    pub fn start_with(world: &World, more: &str, settings: &[(&str, &str)]) -> Self {
        Self::start_in(world, more, settings, &[])
    }

    /// With variables in its environment, too.
    pub fn start_in(
        world: &World,
        more: &str,
        settings: &[(&str, &str)],
        variables: &[(&str, &str)],
    ) -> Self {
        let (port, admin_port) = (services::free_port().unwrap(), services::free_port().unwrap());
        let failpoints = Failpoints(world.folder().join(format!("failpoints-{port}")));
        std::fs::create_dir(&failpoints.0).unwrap();
        settings.iter().for_each(|(name, text)| failpoints.set(name, text));
        let config = world.folder().join(format!("bridge-{port}.toml"));
        let log = world.folder().join(format!("bridge-{port}.log"));
        std::fs::write(&config, configuration(world, port, admin_port, more)).unwrap();
        let file = std::fs::File::create(&log).unwrap();
        let mut command = guard::process();
        command.env(mirrorbus::failpoint::FOLDER, &failpoints.0).envs(variables.iter().copied());
        command.arg(program("mirrorbus")).arg("serve").arg("--config").arg(&config);
        command.stdout(file.try_clone().unwrap()).stderr(file);
        let mut process = Guarded::spawn(command).unwrap();
        let admin_url = format!("http://127.0.0.1:{admin_port}");
        let live = format!("{admin_url}/livez");
        wait_until("the bridge answers", || {
            let ended = process.wait(Duration::ZERO);
            assert!(ended.is_none(), "the bridge ended: {}", std::fs::read_to_string(&log).unwrap());
            ureq::get(&live).call().is_ok()
        });
        let url = format!("http://127.0.0.1:{port}/MirroringClientService.svc");
        Self { process, url, admin_url, config, log, failpoints }
    }

    /// Host and port of the public listener.
    pub fn address(&self) -> &str {
        self.url.split('/').nth(2).unwrap()
    }

    /// What the admin listener answers at `path`.
    pub fn admin(&self, path: &str) -> (u16, String) {
        let asked = ureq::get(format!("{}{path}", self.admin_url));
        let mut answer = asked.config().http_status_as_error(false).build().call().unwrap();
        (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
    }

    /// One number of its metrics, by name and labels as they stand in a scrape.
    pub fn metric(&self, series: &str) -> Option<f64> {
        let (_, text) = self.admin("/metrics");
        let numbers = text.lines().filter_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        numbers.map(|number| number.parse().unwrap()).next()
    }

    /// Asks it to end, and does not wait.
    pub fn terminate(&mut self) {
        self.process.signal(Signal::Terminate);
    }

    /// How it ended, if it did within this time.
    pub fn ended(&mut self, within: Duration) -> Option<std::process::ExitStatus> {
        self.process.wait(within)
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

    /// Stops it where it is, with its connections open: SIGSTOP.
    pub fn pause(&mut self) {
        self.process.pause();
    }

    /// Lets a paused one go on: SIGCONT.
    pub fn resume(&mut self) {
        self.process.signal(Signal::Continue);
    }

    /// The status with which its readiness is answered.
    pub fn readiness(&self) -> u16 {
        let ready = ureq::get(format!("{}/readyz", self.admin_url));
        let answer = ready.config().http_status_as_error(false).build().call().unwrap();
        answer.status().as_u16()
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// The most memory that the process ever had resident, in KiB.
    pub fn peak_memory_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// The bridge is a child of the shell that guards it: it is known by its configuration.
    pub fn pid(&self) -> u32 {
        let config = self.config.to_str().unwrap();
        let processes = std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok());
        let mut pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let is_bridge = |pid: &u32| {
            let line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let mut words = line.split('\0');
            words.next().is_some_and(|program| program.ends_with("/mirrorbus"))
                && words.any(|word| word == config)
        };
        pids.find(is_bridge).unwrap()
    }
}

fn configuration(world: &World, port: u16, admin_port: u16, more: &str) -> String {
    let (kafka, registry) = (&world.cluster.kafka, &world.cluster.registry);
    let (id, prefix) = (&application().id, &world.prefix);
    let (copies, in_sync) = (world.copies, world.copies.div_ceil(2));
    let call_timeout = world.call_timeout.as_secs();
    format!(
        r#"
listen = "127.0.0.1:{port}"
admin_listen = "127.0.0.1:{admin_port}"
public_url = "http://127.0.0.1:{port}/MirroringClientService.svc"
call_timeout_seconds = {call_timeout}
[kafka]
bootstrap_servers = "{kafka}"
replication_factor = {copies}
min_insync_replicas = {in_sync}
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

/// A program of this workspace, built beside the tests.
pub fn program(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let program = tests.parent().and_then(|deps| deps.parent()).unwrap().join(name);
    assert!(program.exists(), "{} is not built: run `make build` or `make test`", program.display());
    program
}
