//! `mirrorbus`: configuration, then logs, then the runtime.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::{Parser, Subcommand, ValueEnum};
use mirrorbus::clock::{Clock, SystemClock};
use mirrorbus::config::{self, Config};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

/// Blocking threads beside those of calls: readiness, idle producers.
const SPARE_THREADS: usize = 32;

/// Receives SuperOffice CRM Online's database mirroring and lands every change on Kafka.
///
/// A call is acknowledged only after its rows are committed on topics per tenant and table. Logs go to standard error,
/// as JSON where that is no terminal; MIRRORBUS_LOG filters them (default: info).
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Take calls until Ctrl-C or SIGTERM; what is under way then is finished.
    Serve {
        /// The configuration file. Keys can be overridden by MIRRORBUS_ variables; `mirrorbus config example` tells how.
        #[arg(long, env = "MIRRORBUS_CONFIG")]
        config: PathBuf,
    },
    /// Before the first call: look at everything that a call needs, and say what to do where it would fail.
    ///
    /// Looks at the configuration, keys and certificates, the clock, Kafka (brokers, settings and copies of the
    /// topics that exist, access rights, a transaction with fencing) and the schema registry. Writes only to a topic
    /// and a subject of its own, `<prefix>-sys.mirrorbus-check...`, and deletes both; a bridge at work is not
    /// disturbed. Takes a few seconds, at most two minutes.
    #[command(after_help = CHECK_HELP)]
    Check {
        /// The configuration file.
        #[arg(long, env = "MIRRORBUS_CONFIG")]
        config: PathBuf,
        /// Leave out what needs the network: the clock, Kafka, the registry.
        #[arg(long)]
        offline: bool,
        /// How to write the report.
        #[arg(short, long, value_enum, default_value_t = Output::Text)]
        output: Output,
    },
    /// Help with the configuration.
    Config {
        #[command(subcommand)]
        verb: ConfigVerb,
    },
}

const CHECK_HELP: &str = "\
Each line has a status (ok, warning, fault), what was looked at, what was found, and after an arrow what to do.
Exit code 0: nothing but ok and warnings. Exit code 1: at least one fault, calls would fail or a promise would not hold.";

/// How a report is written.
#[derive(Clone, Copy, ValueEnum)]
enum Output {
    /// A line for each item.
    Text,
    /// A list of objects with item, status, found and advice.
    Json,
}

#[derive(Subcommand)]
enum ConfigVerb {
    /// Print a commented configuration with every key and its default.
    Example,
    /// Check a configuration and the files that it names; connects to nothing.
    Check {
        /// The configuration file.
        #[arg(long, env = "MIRRORBUS_CONFIG")]
        config: PathBuf,
    },
}

fn main() -> ExitCode {
    mirrorbus_librdkafka::share_heaps();
    let done = match Cli::parse().verb {
        Verb::Serve { config } => serve(&config),
        Verb::Config { verb: ConfigVerb::Example } => print(config::EXAMPLE),
        Verb::Config { verb: ConfigVerb::Check { config } } => check_configuration(&config),
        Verb::Check { config, offline, output } => match check(&config, offline, output) {
            Ok(true) => Ok(()),
            Ok(false) => return ExitCode::FAILURE,
            Err(error) => Err(error),
        },
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mirrorbus: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn print(text: &str) -> anyhow::Result<()> {
    std::io::stdout().write_all(text.as_bytes()).context("cannot write to standard output")
}

fn load(path: &std::path::Path) -> anyhow::Result<Config> {
    Ok(Config::load(Some(path), config::variables())?)
}

/// Whether everything is fit.
fn check(path: &std::path::Path, is_offline: bool, output: Output) -> anyhow::Result<bool> {
    let is_watched = std::io::stderr().is_terminal();
    // Back to the line's begin, the text, and nothing left of a longer one before it.
    let mut progress = |step: &str| {
        if is_watched {
            eprint!("\r{step} ...\x1b[K");
        }
    };
    let report = mirrorbus::check::run(path, config::variables(), is_offline, &mut progress);
    if is_watched {
        eprint!("\r\x1b[K");
    }
    match output {
        Output::Text => print(&report.table())?,
        Output::Json => print(&report.json())?,
    }
    Ok(report.is_fit())
}

fn check_configuration(path: &std::path::Path) -> anyhow::Result<()> {
    let config = load(path)?;
    for warning in config.warnings(SystemClock.now_ms() / 1000) {
        print(&format!("warning: {warning}\n"))?;
    }
    print("the configuration has no faults\n")
}

fn serve(path: &std::path::Path) -> anyhow::Result<()> {
    // Before the private keys are read: a core dump would hold them.
    let private = keep_memory_private();
    let config = load(path)?;
    log();
    if let Err(error) = private {
        tracing::warn!(%error, "core dumps cannot be switched off");
    }
    for warning in config.warnings(SystemClock.now_ms() / 1000) {
        tracing::warn!(warning);
    }
    // Every call runs on a blocking thread, and may wait there for its tenant's turn.
    let threads = config.limits.max_connections + config.applications.len() + SPARE_THREADS;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().max_blocking_threads(threads).enable_all().build()?;
    let served = runtime.block_on(async {
        let stop = CancellationToken::new();
        tokio::spawn(stop_when_asked(stop.clone())?);
        mirrorbus::run::run(config, Arc::new(SystemClock), stop).await.map_err(anyhow::Error::from)
    });
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    served
}

/// The first signal asks for an end in order, the second for one at once: what is open then is settled by the next
/// bridge, as after a crash.
fn stop_when_asked(stop: CancellationToken) -> std::io::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        for is_first in [true, false] {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
            if is_first {
                tracing::info!("asked to stop; calls under way are finished");
                stop.cancel();
            }
        }
        tracing::warn!("asked to stop again; calls under way are given up");
        std::process::exit(1);
    })
}

#[cfg(target_os = "linux")]
fn keep_memory_private() -> std::io::Result<()> {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

/// There is no such call elsewhere.
#[cfg(not(target_os = "linux"))]
fn keep_memory_private() -> std::io::Result<()> {
    Ok(())
}

fn log() {
    let filter = EnvFilter::try_from_env("MIRRORBUS_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() {
        logs.init();
    } else {
        logs.json().with_span_list(false).init();
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::{DumpableBehavior, dumpable_behavior};

    #[test]
    fn a_bridge_leaves_no_core_dump() {
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::Dumpable);
        super::keep_memory_private().unwrap();
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
    }
}
