//! `demo`: see [`demo`].
// Telling what happens is what this program is for.
#![allow(clippy::print_stdout)]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use demo::{Demo, Ending};

/// Shows the whole way on this machine: a vendor's stand-in pushes a CRM tenant's database through the bridge onto real
/// Kafka topics with registered schemas and into mirrors in SQLite and PostgreSQL, and keeps changing rows.
///
/// Ends with a comparison of source and mirrors, table by table; exit code 0 says that they are equal. Kafka and the
/// registry are started, unless MIRRORBUS_TEST_KAFKA and MIRRORBUS_TEST_REGISTRY name some: those are used and left as
/// they are, with the topics that the demo made. So is PostgreSQL, where it is installed, unless MIRRORBUS_TEST_POSTGRES
/// names a server.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// End by itself after so long; without it, Ctrl-C ends the demo.
    #[arg(long)]
    seconds: Option<u64>,
    /// Where everything is kept; the next demo goes on with it.
    #[arg(long, default_value = "target/demo")]
    folder: PathBuf,
    /// How large the tenant is: about 25 times as many rows. Counts when the tenant is made.
    #[arg(long, default_value_t = 100)]
    size: u64,
}

fn main() -> ExitCode {
    let Arguments { seconds, folder, size } = Arguments::parse();
    let ending = Ending::after(seconds.map(Duration::from_secs));
    let shown = ending.watch_signals().and_then(|()| Demo::start(&folder, size, &ending)?.play(&ending));
    match shown {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        // Whoever presses Ctrl-C while things start has seen enough.
        Err(_) if ending.was_asked() => ExitCode::from(130),
        Err(error) => {
            println!("demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}
