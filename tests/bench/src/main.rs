#![doc = include_str!("../README.md")]
#![allow(clippy::print_stdout, reason = "the table of figures is this program's purpose")]

mod bridge;
mod figures;
mod load;
mod memory;
mod parse;
mod process;
mod proxy;
mod raw;
mod schema;
mod small;
mod stage;
mod tenant;
mod tenants;
mod throughput;
mod workload;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use self::figures::Figures;
use self::stage::Stage;

/// Measures the bridge on a Kafka of its own, beside parsing alone and a raw producer.
#[derive(Parser)]
#[command(version)]
struct Cli {
    /// Where services, logs and bridge.json go.
    #[arg(long, default_value = "target/bench")]
    folder: PathBuf,
    /// How often the variants are run one after another; medians are reported.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Only these parts.
    #[arg(long, value_enum)]
    only: Vec<Part>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Throughput,
    Small,
    Schema,
    Memory,
    Tenants,
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Says whether every bound that fails the run was kept.
fn run(cli: &Cli) -> anyhow::Result<bool> {
    let mut figures = Figures::default();
    figures.add("load_average_before", process::load_average()?, "");
    let stage = Stage::start(&cli.folder)?;
    let wants = |part| cli.only.is_empty() || cli.only.contains(&part);
    let mut kept = true;
    if wants(Part::Throughput) {
        throughput::measure(&stage, cli.rounds, &mut figures)?;
    }
    if wants(Part::Small) {
        small::measure(&stage, &mut figures)?;
    }
    if wants(Part::Schema) {
        schema::measure(&stage, &mut figures)?;
    }
    if wants(Part::Memory) {
        kept = memory::measure(&stage, &mut figures)?;
    }
    if wants(Part::Tenants) {
        tenants::measure(&stage, &mut figures)?;
    }
    figures.add("load_average_after", process::load_average()?, "");
    figures.write(&cli.folder.join("bridge.json"))?;
    println!("{figures}");
    Ok(kept)
}
