//! Starts the parts: Kafka and the registry unless the environment names some, the bridge, the mirrors. All of them end
//! with the value that holds them.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use operations_center::application::Application;
use services::guard::{self, Guarded, Signal};
use services::{Options, Services, Storage};

use crate::ending::Ending;
use crate::postgres::Server;

/// What the application's topics begin with.
pub(crate) const PREFIX: &str = "crm";
/// As in the bridge's example of a configuration.
const APPLICATION_ID: &str = "demo0123456789abcdef";
/// A program that does not answer by then will not.
const ANSWER: Duration = Duration::from_secs(30);
/// A program that has not ended by then is killed.
const END: Duration = Duration::from_secs(20);
/// Services of somebody else's, to be used instead of the demo's own.
const KAFKA: &str = "MIRRORBUS_TEST_KAFKA";
const REGISTRY: &str = "MIRRORBUS_TEST_REGISTRY";
const PAUSE: Duration = Duration::from_millis(50);

/// Everything that runs, in the order in which it ends.
pub(crate) struct Stage {
    mirrors: Vec<Program>,
    bridge: Program,
    kafka: String,
    registry: String,
    pub(crate) postgres: Option<Server>,
    _services: Option<Services>,
    pub(crate) application: Application,
    pub(crate) url: String,
    pub(crate) mirror_folder: PathBuf,
}

/// A child process with a log.
struct Program {
    name: &'static str,
    process: Guarded,
    log: PathBuf,
}

impl Stage {
    pub(crate) fn set(folder: &Path, ending: &Ending) -> anyhow::Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let (kafka, registry, services) = match named_services()? {
            Some((kafka, registry)) => (kafka, registry, None),
            None => {
                let services = start_services(folder, ending)?;
                let registry = services.registry_url().context("the registry was not started")?;
                (services.bootstrap_servers(), registry, Some(services))
            }
        };
        let application = application(&folder.join("application"))?;
        let [port, admin_port] = [services::free_port()?, services::free_port()?];
        let config = write_example(folder)?;
        let (listen, admin_listen) = (format!("127.0.0.1:{port}"), format!("127.0.0.1:{admin_port}"));
        let url = format!("http://{listen}/MirroringClientService.svc");
        let live = format!("http://{admin_listen}/livez");
        let variables = [
            ("MIRRORBUS_LISTEN", listen.as_str()),
            ("MIRRORBUS_ADMIN_LISTEN", &admin_listen),
            ("MIRRORBUS_PUBLIC_URL", &url),
            ("MIRRORBUS_KAFKA__BOOTSTRAP_SERVERS", &kafka),
            ("MIRRORBUS_REGISTRY__URL", &registry),
        ];
        let arguments = ["serve", "--config", path_text(&config)?];
        let mut bridge = Program::start("mirrorbus", &arguments, &variables, folder)?;
        bridge.wait_until(ending, || ureq::get(&live).call().is_ok())?;
        println!("bridge answers on {url} (log: {})", bridge.log.display());
        let mirror_folder = folder.join("mirror");
        let postgres = Server::find(&folder.join("services"))?;
        let mut mirrors = Vec::new();
        let destination = ["--folder", path_text(&mirror_folder)?];
        mirrors.push(Program::mirror("mirror-sqlite", &destination, [&kafka, &registry], folder)?);
        if let Some(server) = &postgres {
            let destination = ["--postgres", &server.url];
            mirrors.push(Program::mirror("mirror-postgres", &destination, [&kafka, &registry], folder)?);
        }
        Ok(Self {
            mirrors,
            bridge,
            kafka,
            registry,
            postgres,
            _services: services,
            application,
            url,
            mirror_folder,
        })
    }

    /// Where Kafka and the registry answer, for people who want to look.
    pub(crate) fn addresses(&self) -> (&str, &str) {
        (&self.kafka, &self.registry)
    }

    /// An error when a part has ended.
    pub(crate) fn check(&mut self) -> anyhow::Result<()> {
        self.bridge.check()?;
        self.mirrors.iter_mut().try_for_each(Program::check)
    }

    /// Ends bridge and mirrors in order; the services that are the demo's own end with the value.
    pub(crate) fn clear(mut self) {
        println!("stopping");
        self.bridge.end();
        self.mirrors.iter_mut().for_each(Program::end);
    }
}

/// Kafka and the registry that the environment names, which the demo then neither starts nor stops.
fn named_services() -> anyhow::Result<Option<(String, String)>> {
    let [kafka, registry] =
        [KAFKA, REGISTRY].map(|name| env::var(name).ok().filter(|value| !value.is_empty()));
    match (kafka, registry) {
        (Some(kafka), Some(registry)) => {
            println!("using kafka on {kafka} and the registry on {registry}, as {KAFKA} and {REGISTRY} say");
            Ok(Some((kafka, registry)))
        }
        (None, None) => Ok(None),
        _ => bail!("{KAFKA} and {REGISTRY} go together: set both or none"),
    }
}

fn start_services(folder: &Path, ending: &Ending) -> anyhow::Result<Services> {
    let options = Options::new(folder.join("services"), Some(Storage::Disk), 1);
    let mut tell = |line: &str| println!("{line}");
    Ok(Services::start_unless(&options, ending.flag(), &mut tell)?)
}

/// The application of an earlier demo, or a new one.
fn application(folder: &Path) -> anyhow::Result<Application> {
    if folder.exists() {
        return Ok(Application::load(folder)?);
    }
    let application = Application::generate(APPLICATION_ID)?;
    // Saved whole or not at all: an interrupted demo leaves none that cannot be loaded.
    let draft = folder.with_extension("draft");
    application.save(&draft)?;
    fs::rename(&draft, folder).with_context(|| format!("cannot rename {}", draft.display()))?;
    Ok(application)
}

/// The configuration that `mirrorbus config example` prints; the addresses come by environment variables.
fn write_example(folder: &Path) -> anyhow::Result<PathBuf> {
    let printed = Command::new(beside_this_program("mirrorbus")?).args(["config", "example"]).output()?;
    ensure!(printed.status.success(), "mirrorbus config example ended with {}", printed.status);
    let config = folder.join("mirrorbus.toml");
    fs::write(&config, printed.stdout).with_context(|| format!("cannot write {}", config.display()))?;
    Ok(config)
}

impl Program {
    fn start(
        name: &'static str,
        arguments: &[&str],
        variables: &[(&str, &str)],
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let file = File::create(&log).with_context(|| format!("cannot create {}", log.display()))?;
        let mut command = guard::command();
        command.arg(beside_this_program(name)?).args(arguments).envs(variables.iter().copied());
        command.stdout(file.try_clone()?).stderr(file);
        let process = Guarded::spawn(command).with_context(|| format!("cannot start {name}"))?;
        Ok(Self { name, process, log })
    }

    /// A mirror that writes where `destination` says.
    fn mirror(
        name: &'static str,
        destination: &[&str; 2],
        [kafka, registry]: [&str; 2],
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let source = ["run", "--kafka", kafka, "--registry", registry, "--prefix", PREFIX];
        let program = Self::start(name, &[&source[..], destination].concat(), &[], folder)?;
        println!("{name} writes to {} (log: {})", destination[1], program.log.display());
        Ok(program)
    }

    fn wait_until(&mut self, ending: &Ending, mut answers: impl FnMut() -> bool) -> anyhow::Result<()> {
        let began = Instant::now();
        while !answers() {
            self.check()?;
            ensure!(began.elapsed() < ANSWER, "{} does not answer, see {}", self.name, self.log.display());
            ensure!(!ending.was_asked(), "asked to end");
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }

    fn check(&mut self) -> anyhow::Result<()> {
        match self.process.wait(Duration::ZERO) {
            None => Ok(()),
            Some(status) => bail!("{} ended ({status}), see {}", self.name, self.log.display()),
        }
    }

    fn end(&mut self) {
        self.process.signal(Signal::Terminate);
        if self.process.wait(END).is_none() {
            self.process.signal(Signal::Kill);
        }
    }
}

/// The workspace's programs stand in one folder.
fn beside_this_program(name: &str) -> anyhow::Result<PathBuf> {
    let this = std::env::current_exe()?;
    let folder = this.parent().context("this program is in no folder")?;
    // Tests stand one folder deeper.
    let places = [Some(folder), folder.parent()];
    let found = places.into_iter().flatten().map(|folder| folder.join(name)).find(|path| path.is_file());
    found.with_context(|| format!("{name} is not built: run `make build`"))
}

fn path_text(path: &Path) -> anyhow::Result<&str> {
    path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))
}
