//! The program `operations-center`; everything it does is in the library of the same name.

mod commands;

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use clap::Parser;

use commands::Arguments;
use commands::conformance::CannotRun;

fn main() -> ExitCode {
    let mut out = std::io::stdout().lock();
    let done = commands::run(Arguments::parse(), &mut out).and_then(|()| Ok(out.flush()?));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("operations-center: {error:#}");
            if error.is::<CannotRun>() { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}

/// Whoever reads the output has seen enough.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}
