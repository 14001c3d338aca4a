//! `mirror-sqlite`: mirrors an application's topics into SQLite files, and tells what is in them.
// Standard output is what `status` and `checksum` are for.
#![allow(clippy::print_stdout)]

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Args, Parser, Subcommand};
use mirror_sqlite::{Settings, Sqlite, Stop};
use mirrorbus_schemas::topic::Prefix;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Mirrors the tables in Kafka into SQLite, one file per tenant.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Mirrors until it is told to stop by SIGTERM or SIGINT.
    Run(Run),
    /// Prints what was applied per table, and how far every partition is applied.
    Status {
        #[command(flatten)]
        folder: Folder,
    },
    /// Prints the row count and checksum of every table.
    Checksum {
        #[command(flatten)]
        folder: Folder,
        /// Only this tenant's.
        #[arg(long)]
        tenant: Option<String>,
    },
}

#[derive(Args)]
struct Folder {
    /// The folder with the tenants' files.
    #[arg(long, env = "MIRROR_FOLDER")]
    folder: PathBuf,
}

#[derive(Args)]
struct Run {
    /// Kafka's brokers, HOST:PORT, several separated by commas.
    #[arg(long, env = "MIRROR_KAFKA")]
    kafka: String,
    /// Base of the schema registry's Confluent-compatible API.
    #[arg(long, env = "MIRROR_REGISTRY")]
    registry: String,
    /// What the application's topics begin with.
    #[arg(long, env = "MIRROR_PREFIX")]
    prefix: String,
    #[command(flatten)]
    folder: Folder,
    /// One more librdkafka setting, NAME=VALUE; may be given several times.
    #[arg(long, value_name = "NAME=VALUE")]
    kafka_setting: Vec<String>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    match arguments.command {
        Command::Run(run) => mirror(&run),
        Command::Status { folder } => status(&folder.folder),
        Command::Checksum { folder, tenant } => checksums(&folder.folder, tenant.as_deref()),
    }
}

fn mirror(arguments: &Run) -> Result<()> {
    let prefix = Prefix::new(arguments.prefix.as_str()).context("--prefix")?;
    let mut settings = Settings::new(&arguments.kafka, &arguments.registry, prefix);
    for setting in &arguments.kafka_setting {
        let Some((name, value)) = setting.split_once('=') else {
            bail!("--kafka-setting is not of the form NAME=VALUE");
        };
        settings.kafka_settings.push((name.to_owned(), value.to_owned()));
    }
    let destination = Sqlite::open(&arguments.folder.folder)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let running = mirrorbus_mirror::spawn(settings, destination)?;
    runtime.block_on(until_told(running.stop_handle(), &running))?;
    tracing::info!("stopping");
    Ok(running.stop()?)
}

/// Returns at a signal, or when the mirror ended by itself.
async fn until_told(stop: Stop, running: &mirror_sqlite::Running) -> Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut look = tokio::time::interval(std::time::Duration::from_millis(200));
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = look.tick() => if running.is_finished() { break },
        }
    }
    stop.request();
    Ok(())
}

fn status(folder: &Path) -> Result<()> {
    for (tenant, path) in mirror_sqlite::tenants(folder)? {
        println!("{tenant}");
        for table in mirror_sqlite::applied(&path)? {
            let gone = if table.is_present { "" } else { " (left the source)" };
            println!(
                "  table {}{gone}: {} inserts, {} updates, {} deletes",
                table.table, table.inserts, table.updates, table.deletes
            );
        }
        for partition in mirror_sqlite::progress(&path)? {
            println!(
                "  topic {} [{}]: next offset {}",
                partition.topic, partition.partition, partition.next_offset
            );
        }
    }
    Ok(())
}

fn checksums(folder: &Path, tenant: Option<&str>) -> Result<()> {
    let tenants = mirror_sqlite::tenants(folder)?;
    if let Some(tenant) = tenant.filter(|tenant| !tenants.iter().any(|(known, _)| known == tenant)) {
        bail!("{} has no tenant {tenant}", folder.display());
    }
    for (known, path) in tenants.iter().filter(|(known, _)| tenant.is_none_or(|tenant| tenant == known)) {
        for table in mirror_sqlite::tables(path)? {
            let sum = mirror_sqlite::checksum(path, &table)?;
            println!("{known}.{table} {} rows {sum}", sum.rows);
        }
    }
    Ok(())
}
