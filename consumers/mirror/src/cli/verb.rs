//! The verbs as they are called.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use mirrorbus_schemas::topic::{Table, Tenant};

use crate::cli::options::{Choice, Connection, Cycles, Keep, Operation, Reading};
use crate::cli::output::Output;
use crate::cli::process::LogFormat;

#[derive(Parser, Debug)]
#[command(version)]
pub(crate) struct Arguments<O: Args> {
    /// A file with options, in TOML: keys are the long names of those that have a variable.
    #[arg(long, global = true, value_name = "FILE", env = "MIRROR_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// How results are written to standard output.
    #[arg(short, long, global = true, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
    /// How logs are written to standard error; RUST_LOG filters them (default: info).
    #[arg(long, global = true, value_enum, env = "MIRROR_LOG_FORMAT", default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,
    #[command(subcommand)]
    pub(crate) verb: Verb<O>,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Verb<O: Args> {
    /// Mirrors until it is told to stop by SIGTERM or SIGINT.
    Run(Run<O>),
    /// Tells how far every tenant and table is mirrored.
    Status(StatusOptions<O>),
    /// Compares rows with what the topics say, names the keys that differ, and mends them on demand.
    Verify(VerifyOptions<O>),
    /// Makes a tenant or a table anew from Kafka alone, beside the live copy, and exchanges it.
    Regenerate(RegenerateOptions<O>),
    /// Prints the row count and checksum of every table, from the mirror alone.
    Checksum(ChecksumOptions<O>),
}

#[derive(Args, Debug)]
pub(crate) struct Run<O: Args> {
    #[command(flatten)]
    pub(crate) destination: O,
    #[command(flatten)]
    pub(crate) reading: Reading,
    #[command(flatten)]
    pub(crate) operation: Operation,
    #[command(flatten)]
    pub(crate) cycles: Cycles,
    #[command(flatten)]
    pub(crate) keep: Keep,
}

#[derive(Args, Debug)]
pub(crate) struct StatusOptions<O: Args> {
    /// Ask the mirror alone; lag and state stay unknown.
    #[arg(long)]
    pub(crate) offline: bool,
    #[command(flatten)]
    pub(crate) destination: O,
    #[command(flatten)]
    pub(crate) connection: Connection,
    #[command(flatten)]
    pub(crate) choice: Choice,
}

#[derive(Args, Debug)]
pub(crate) struct VerifyOptions<O: Args> {
    /// Only this tenant.
    #[arg(long, value_parser = tenant)]
    pub(crate) tenant: Option<Tenant>,
    /// Only this table.
    #[arg(long, value_parser = table)]
    pub(crate) table: Option<Table>,
    /// Mend exactly the rows that differ, and compare again.
    #[arg(long)]
    pub(crate) repair: bool,
    /// How many differing keys of a table are printed; JSON has all.
    #[arg(long, value_name = "NUMBER", default_value = "20")]
    pub(crate) show: usize,
    #[command(flatten)]
    pub(crate) destination: O,
    #[command(flatten)]
    pub(crate) reading: Reading,
}

#[derive(Args, Debug)]
pub(crate) struct RegenerateOptions<O: Args> {
    /// The tenant.
    #[arg(value_parser = tenant)]
    pub(crate) tenant: Tenant,
    /// Only this table.
    #[arg(long, value_parser = table)]
    pub(crate) table: Option<Table>,
    #[command(flatten)]
    pub(crate) destination: O,
    #[command(flatten)]
    pub(crate) reading: Reading,
    #[command(flatten)]
    pub(crate) cycles: Cycles,
    #[command(flatten)]
    pub(crate) keep: Keep,
}

#[derive(Args, Debug)]
pub(crate) struct ChecksumOptions<O: Args> {
    /// Only this tenant's.
    #[arg(long, value_parser = tenant)]
    pub(crate) tenant: Option<Tenant>,
    #[command(flatten)]
    pub(crate) destination: O,
    #[command(flatten)]
    pub(crate) choice: Choice,
}

fn tenant(name: &str) -> Result<Tenant, String> {
    Tenant::new(name).map_err(|error| error.to_string())
}

fn table(name: &str) -> Result<Table, String> {
    Table::new(name).map_err(|error| error.to_string())
}
