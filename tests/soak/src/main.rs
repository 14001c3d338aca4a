#![doc = include_str!("../README.md")]
#![allow(clippy::print_stdout, reason = "lines for whoever waits are this program's purpose")]

mod bridge;
mod course;
mod office;
mod report;
mod run;
mod stage;
mod tenants;
mod verify;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// Mirrors many small tenants through the real bridge for simulated days, and checks that every mirror is its source
/// and that the bridge has not grown.
#[derive(Clone, Debug, Parser)]
#[command(version)]
pub(crate) struct Settings {
    /// How many tenants.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=2000))]
    tenants: u32,
    /// How many simulated days, such as 0.25 for six hours. The first begins at midnight.
    #[arg(long, default_value_t = 1.0)]
    days: f64,
    /// The same seed brings the same tenants and the same days; if not given, one is drawn.
    #[arg(long)]
    seed: Option<u64>,
    /// How many tenants' cycles run at once.
    #[arg(long, default_value_t = 8)]
    workers: usize,
    /// Where everything is kept; emptied at the start, and kept at the end if something is wrong.
    #[arg(long, default_value = "target/soak")]
    folder: PathBuf,
}

fn main() -> ExitCode {
    match run::run(&Settings::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("soak: {error:#}");
            ExitCode::FAILURE
        }
    }
}
