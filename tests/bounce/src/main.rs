//! `bounce`: tenants are mirrored while brokers, bridges, the mirror, the registry and connections break at random, and
//! checkers hold what was acknowledged against what is there.
//!
//! Two kinds of tenants: CRM databases with the vendor's own cycle, whose end says that source, topic and mirror are equal,
//! and ledgers, whose every write has a value of its own, so that a lost, doubled, torn or reordered write shows.
// Telling what happens is what this program is for.
#![allow(clippy::print_stdout)]

mod audit;
mod balancer;
mod breaking;
mod check;
mod crm;
mod decode;
mod faults;
mod history;
mod ledger;
mod log;
mod program;
mod report;
mod run;
mod stage;
mod tail;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use clap::Parser;

/// A caller does not wait longer for an answer.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Breaks everything at random while tenants are mirrored. Ends with a table; exit code 0 says that every promise held.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// How long things break; start and comparison come on top.
    #[arg(long, default_value_t = 3)]
    minutes: u64,
    /// Chooses the faults and the tenants' work; random where it is not given.
    #[arg(long)]
    seed: Option<u64>,
    /// Where data and logs are; emptied at the start.
    #[arg(long, default_value = "target/bounce")]
    folder: PathBuf,
}

fn main() -> ExitCode {
    let Arguments { minutes, seed, folder } = Arguments::parse();
    let seed = seed.unwrap_or_else(|| u64::from(rand::random::<u32>()));
    tell(&format!("{minutes} minutes with seed {seed}; data and logs are in {}", folder.display()));
    let time = Duration::from_secs(minutes * 60);
    let result = run::run(&folder, time, seed).and_then(|report| {
        println!("\n{report}\n");
        run::check(&report, time)
    });
    match result {
        Ok(()) => {
            tell(&format!("every promise held (seed {seed})"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            tell(&format!("FAILED with seed {seed}: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// A line with the time since the start.
fn tell(line: &str) {
    println!("bounce {:>6.1} s: {line}", BEGAN.elapsed().as_secs_f64());
}
