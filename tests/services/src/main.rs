//! Starts Kafka, a schema registry and PostgreSQL for a person, a script or a test run.
//!
//! Where things answer goes to standard output, in lines a shell can read. What happens meanwhile goes to
//! standard error.
#![allow(clippy::print_stdout, reason = "printing where the services answer is this program's purpose")]

use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitCode, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand, ValueEnum};
use services::guard::{self, Guarded, Signal};
use services::{Options, Postgres, Services, ServicesError, Storage};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};

/// The exit code of this tool's own failures, as `docker run` has it: others are the command's.
const OWN_FAILURE: u8 = 125;

/// How often a running command is looked after.
const PAUSE: Duration = Duration::from_millis(25);

/// Real Kafka and a real schema registry from Maven Central on this machine, without containers, and its PostgreSQL.
///
/// Needs Maven (mvn) and a Java of 17 or newer. Downloads 211 MB once, into $MIRRORBUS_CACHE, else
/// $XDG_CACHE_HOME/mirrorbus, else ~/.cache/mirrorbus. Nothing started here outlives this process.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Download what is missing, and start nothing.
    Fetch,
    /// Start the services and keep them until Ctrl-C or SIGTERM.
    ///
    /// Prints lines NAME=VALUE when they answer, the same that `run` puts into the environment.
    Up(Settings),
    /// Start the services, run a command with them, and end with its exit code.
    ///
    /// The command finds MIRRORBUS_TEST_KAFKA, unless --registry none is given MIRRORBUS_TEST_REGISTRY, and with
    /// --postgres MIRRORBUS_TEST_POSTGRES in its environment. Its standard input is empty. Ctrl-C is passed on to it, a second one kills it. Exit
    /// code 125 says that the services did not start.
    Run {
        #[command(flatten)]
        settings: Settings,
        /// The command and its arguments.
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
}

#[derive(Args)]
struct Settings {
    /// Where data, ports and logs are kept for the next start [default: a temporary folder, removed at the end].
    #[arg(long)]
    folder: Option<PathBuf>,
    /// How many Kafka nodes. One folder, one number.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=9))]
    nodes: u32,
    /// Where the registry keeps its schemas; none starts no registry.
    #[arg(long, value_enum, default_value_t = RegistryChoice::Disk)]
    registry: RegistryChoice,
    /// Start PostgreSQL too, unless MIRRORBUS_TEST_POSTGRES names a server already. It must be installed.
    #[arg(long)]
    postgres: bool,
}

/// The variable with PostgreSQL's URL.
const POSTGRES: &str = "MIRRORBUS_TEST_POSTGRES";

#[derive(Clone, Copy, ValueEnum)]
enum RegistryChoice {
    Disk,
    Memory,
    None,
}

impl RegistryChoice {
    fn storage(self) -> Option<Storage> {
        match self {
            RegistryChoice::Disk => Some(Storage::Disk),
            RegistryChoice::Memory => Some(Storage::Memory),
            RegistryChoice::None => None,
        }
    }
}

fn main() -> ExitCode {
    let done = match Cli::parse().verb {
        Verb::Fetch => services::fetch(&mut tell).map(|()| ExitCode::SUCCESS).map_err(Into::into),
        Verb::Up(settings) => up(&settings),
        Verb::Run { settings, command } => run(&settings, &command),
    };
    done.unwrap_or_else(|error| {
        tell(&format!("{error:#}"));
        ExitCode::from(OWN_FAILURE)
    })
}

fn tell(line: &str) {
    eprintln!("services: {line}");
}

fn up(settings: &Settings) -> anyhow::Result<ExitCode> {
    with_services(settings, |services, signals| {
        for (name, value) in environment(services) {
            println!("{name}={value}");
        }
        // Only the end of the process closes this channel.
        let _ = signals.recv();
        Ok(ExitCode::SUCCESS)
    })
}

fn run(settings: &Settings, command: &[String]) -> anyhow::Result<ExitCode> {
    with_services(settings, |services, signals| {
        let mut child = guard::command();
        child.args(command).envs(environment(services));
        let mut child = Guarded::spawn(child).context("cannot start sh")?;
        let mut asked = false;
        loop {
            if let Some(status) = child.wait(PAUSE) {
                return Ok(exit_code(status));
            }
            if let Ok(signal) = signals.try_recv() {
                child.signal(if asked { Signal::Kill } else { signal });
                asked = true;
            }
        }
    })
}

/// Where the services answer, under the names that tests of this project read.
fn environment(services: &Services) -> Vec<(&'static str, String)> {
    let kafka = ("MIRRORBUS_TEST_KAFKA", services.bootstrap_servers());
    let registry = services.registry_url().map(|url| ("MIRRORBUS_TEST_REGISTRY", url));
    let postgres = services.postgres().map(Postgres::url).or_else(named_postgres).map(|url| (POSTGRES, url));
    [kafka].into_iter().chain(registry).chain(postgres).collect()
}

/// A server that somebody else started for this run.
fn named_postgres() -> Option<String> {
    std::env::var(POSTGRES).ok().filter(|url| !url.is_empty())
}

/// What a shell would say: a command ended by a signal has 128 plus the signal's number.
fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(OWN_FAILURE))
}

/// Starts the services, does the work, and stops them before a temporary folder goes.
fn with_services(
    settings: &Settings,
    work: impl FnOnce(&Services, &Receiver<Signal>) -> anyhow::Result<ExitCode>,
) -> anyhow::Result<ExitCode> {
    let (cancelled, signals) = listen().context("cannot listen for signals")?;
    let temporary = match settings.folder {
        Some(_) => None,
        None => Some(tempfile::Builder::new().prefix("mirrorbus-services-").tempdir()?),
    };
    let folder = settings.folder.as_deref().or(temporary.as_ref().map(|folder| folder.path()));
    let folder = folder.context("no folder")?.to_owned();
    let mut options = Options::new(folder, settings.registry.storage(), settings.nodes);
    options.postgres = (settings.postgres && named_postgres().is_none()).then(Vec::new);
    match Services::start_unless(&options, &cancelled, &mut tell) {
        Ok(services) => {
            let done = work(&services, &signals);
            tell("stopping");
            drop(services);
            done
        }
        // Nothing was begun that has a log.
        Err(error @ (ServicesError::Cancelled | ServicesError::NoPostgres)) => Err(error.into()),
        Err(error) => {
            // The error names a log in it.
            temporary.map(tempfile::TempDir::keep);
            Err(error.into())
        }
    }
}

/// From now on signals are heard here: a flag for the start, and a channel for the time after it.
fn listen() -> std::io::Result<(Arc<AtomicBool>, Receiver<Signal>)> {
    let runtime = Builder::new_current_thread().enable_io().build()?;
    let cancelled = Arc::new(AtomicBool::new(false));
    let (sender, receiver) = channel();
    for (kind, meaning) in [
        (SignalKind::interrupt(), Signal::Interrupt),
        (SignalKind::terminate(), Signal::Terminate),
        (SignalKind::hangup(), Signal::Terminate),
    ] {
        pass_on(&runtime, kind, meaning, &cancelled, &sender)?;
    }
    thread::spawn(move || runtime.block_on(std::future::pending::<()>()));
    Ok((cancelled, receiver))
}

fn pass_on(
    runtime: &Runtime,
    kind: SignalKind,
    meaning: Signal,
    cancelled: &Arc<AtomicBool>,
    sender: &Sender<Signal>,
) -> std::io::Result<()> {
    let _entered = runtime.enter();
    let mut signals = signal(kind)?;
    let (cancelled, sender) = (Arc::clone(cancelled), sender.clone());
    runtime.spawn(async move {
        while signals.recv().await.is_some() {
            cancelled.store(true, Ordering::Relaxed);
            // Nobody listens any more when the process is ending anyway.
            let _ = sender.send(meaning);
        }
    });
    Ok(())
}
