//! `mirrorbus`: configuration, then logs, then the runtime.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::{Parser, Subcommand};
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
    /// Help with the configuration.
    Config {
        #[command(subcommand)]
        verb: ConfigVerb,
    },
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
    let done = match Cli::parse().verb {
        Verb::Serve { config } => serve(&config),
        Verb::Config { verb: ConfigVerb::Example } => print(config::EXAMPLE),
        Verb::Config { verb: ConfigVerb::Check { config } } => check(&config),
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

fn check(path: &std::path::Path) -> anyhow::Result<()> {
    let config = load(path)?;
    for warning in config.warnings(SystemClock.now_ms() / 1000) {
        print(&format!("warning: {warning}\n"))?;
    }
    print("the configuration has no faults\n")
}

fn serve(path: &std::path::Path) -> anyhow::Result<()> {
    let config = load(path)?;
    log();
    for warning in config.warnings(SystemClock.now_ms() / 1000) {
        tracing::warn!(warning);
    }
    // Every call runs on a blocking thread, and may wait there for its tenant's turn.
    let threads = config.limits.max_connections + SPARE_THREADS;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().max_blocking_threads(threads).enable_all().build()?;
    let served = runtime.block_on(async {
        let stop = CancellationToken::new();
        let (mut terminate, mut interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        tokio::spawn({
            let stop = stop.clone();
            async move {
                tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
                tracing::info!("asked to stop; calls under way are finished");
                stop.cancel();
            }
        });
        mirrorbus::run::run(config, Arc::new(SystemClock), stop).await.map_err(anyhow::Error::from)
    });
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    served
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
