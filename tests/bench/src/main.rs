#![doc = include_str!("../README.md")]
#![allow(clippy::print_stdout, reason = "the table of figures is this program's purpose")]

mod bridge;
mod figures;
mod load;
mod memory;
mod mirror;
mod parse;
mod proxy;
mod raw;
mod schema;
mod small;
mod stage;
mod task;
mod tenant;
mod tenants;
mod throughput;
mod workload;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use services::kernel;

use self::figures::Figures;
use self::mirror::Amount;
use self::stage::Stage;

/// Measures the bridge on a Kafka of its own, beside parsing alone and a raw producer; and with `--only mirror` the mirrors.
#[derive(Parser)]
#[command(version)]
struct Cli {
    /// Where services, logs, bridge.json, task.json and mirror.json go.
    #[arg(long, default_value = "target/bench")]
    folder: PathBuf,
    /// How often the variants are run one after another; medians are reported.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Only these parts; without it all but the mirrors.
    #[arg(long, value_enum)]
    only: Vec<Part>,
    /// Rows of the mirrors' first load.
    #[arg(long, default_value_t = 1_000_000)]
    rows: i64,
    /// Updates of the mirrors' every round.
    #[arg(long, default_value_t = 300_000)]
    updates: i64,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Throughput,
    Small,
    Schema,
    Memory,
    Tenants,
    Task,
    Mirror,
}

fn main() -> ExitCode {
    // The raw producer lives here, on the bridge's terms.
    mirrorbus_librdkafka::share_heaps();
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
    let (rows, updates) = (cli.rows, cli.updates);
    anyhow::ensure!((1..=rows).contains(&updates), "a round updates between one and all of the rows");
    anyhow::ensure!(cli.rounds <= mirror::MOST_ROUNDS, "at most {} rounds", mirror::MOST_ROUNDS);
    let mirrors = cli.only.contains(&Part::Mirror);
    let postgres = mirrors.then(mirror::postgres_settings);
    let stage = Stage::start(&cli.folder, postgres)?;
    let wants = |part| cli.only.is_empty() || cli.only.contains(&part);
    let mut kept = true;
    if wants(Part::Task) {
        kept &= written(&cli.folder, "task.json", |figures| task::measure(&stage, cli.rounds, figures))?;
    }
    if mirrors {
        kept &= written(&cli.folder, "mirror.json", |figures| {
            mirror::measure(&stage, cli.rounds, Amount { rows, updates }, figures).map(|()| true)
        })?;
    }
    let others = [Part::Task, Part::Mirror];
    if cli.only.is_empty() || cli.only.iter().any(|part| !others.contains(part)) {
        kept &= written(&cli.folder, "bridge.json", |figures| {
            measure_bridge(&stage, cli.rounds, wants, figures)
        })?;
    }
    Ok(kept)
}

/// Prints what `measure` finds and writes it to a file; says what it says.
fn written(
    folder: &Path,
    file: &str,
    measure: impl FnOnce(&mut Figures) -> anyhow::Result<bool>,
) -> anyhow::Result<bool> {
    let mut figures = Figures::default();
    figures.add("load_average_before", kernel::load_average()?, "");
    let kept = measure(&mut figures)?;
    figures.add("load_average_after", kernel::load_average()?, "");
    figures.write(&folder.join(file))?;
    println!("{figures}");
    Ok(kept)
}

fn measure_bridge(
    stage: &Stage,
    rounds: usize,
    wants: impl Fn(Part) -> bool,
    figures: &mut Figures,
) -> anyhow::Result<bool> {
    let mut kept = true;
    if wants(Part::Throughput) {
        throughput::measure(stage, rounds, figures)?;
    }
    if wants(Part::Small) {
        small::measure(stage, figures)?;
    }
    if wants(Part::Schema) {
        schema::measure(stage, figures)?;
    }
    if wants(Part::Memory) {
        kept = memory::measure(stage, figures)?;
    }
    if wants(Part::Tenants) {
        tenants::measure(stage, figures)?;
    }
    Ok(kept)
}
