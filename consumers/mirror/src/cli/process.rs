//! Logs and signals of the process.

use std::io::IsTerminal;

use clap::ValueEnum;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tracing_subscriber::EnvFilter;

use crate::stop::Stop;

/// How logs are written.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// Logs go to standard error; `RUST_LOG` filters them.
pub(crate) fn log(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    // Who reads the log may end before the mirror does: a line that cannot be written is no reason to panic.
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .log_internal_errors(false);
    match format {
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => log.json().init(),
    }
}

/// The first SIGTERM or SIGINT asks to stop, the second one ends the process at once.
pub(crate) fn end_at_signals(stop: &Stop) -> std::io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    let stop = stop.clone();
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            if stop.is_requested() {
                signal_hook::low_level::exit(128 + signal);
            }
            stop.request();
            tracing::info!(signal, "stopping; once more ends at once");
        }
    })?;
    Ok(())
}
