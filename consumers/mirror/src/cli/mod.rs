//! The program of every mirror: options, verbs, logs, exit codes. A destination adds its name, its own options, and how
//! it is opened:
//!
//! ```no_run
//! use std::error::Error;
//! use mirrorbus_mirror::cli::{Program, Role};
//! # use mirrorbus_mirror::{Applied, Batch, Copies, Copy, Destination, DestinationError, Held, Memory, Snapshot};
//! # use mirrorbus_schemas::topic::Tenant;
//! # struct Files;
//! # impl Destination for Files {
//! #     fn load(&mut self, _: &Tenant) -> Result<Memory, DestinationError> { Ok(Memory::default()) }
//! #     fn apply(&mut self, _: &Tenant, _: &Batch<'_>) -> Result<Applied, DestinationError> { Ok(Applied::default()) }
//! # }
//! # impl Copies for Files {
//! #     fn tenants(&mut self) -> Result<Vec<Tenant>, DestinationError> { Ok(vec![]) }
//! #     fn inspect(&mut self, _: &Tenant, _: Copy) -> Result<Option<Memory>, DestinationError> { Ok(None) }
//! #     fn snapshot(&mut self, _: &Tenant, _: Copy) -> Result<Box<dyn Snapshot + '_>, DestinationError> { Err(DestinationError::Replaced) }
//! #     fn hold(&mut self, _: &Tenant) -> Result<Box<dyn Held + '_>, DestinationError> { Err(DestinationError::Replaced) }
//! #     fn beside(&mut self, _: &Tenant) -> Result<Box<dyn Destination + Send>, DestinationError> { Err(DestinationError::Replaced) }
//! #     fn discard(&mut self, _: &Tenant) -> Result<(), DestinationError> { Ok(()) }
//! #     fn drop_kept(&mut self, _: &Tenant, _: std::time::Duration) -> Result<Vec<String>, DestinationError> { Ok(vec![]) }
//! # }
//!
//! /// Mirrors the tables in Kafka into files.
//! struct MirrorFiles;
//!
//! #[derive(clap::Args)]
//! struct Options {
//!     /// The folder with the tenants' files.
//!     #[arg(long, env = "MIRROR_FOLDER")]
//!     folder: std::path::PathBuf,
//! }
//!
//! impl Program for MirrorFiles {
//!     const NAME: &'static str = "mirror-files";
//!     const ABOUT: &'static str = "Mirrors the tables in Kafka into files.";
//!     type Options = Options;
//!     type Destination = Files;
//!
//!     fn open(options: &Options, role: Role) -> Result<Files, Box<dyn Error + Send + Sync>> {
//! #       let _ = (&options.folder, role);
//!         Ok(Files)
//!     }
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     mirrorbus_mirror::cli::main::<MirrorFiles>()
//! }
//! ```

mod carry_out;
mod error;
mod file;
mod help;
mod options;
mod output;
mod process;
mod text;
mod verb;

use std::error::Error;
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::{Args, CommandFactory, FromArgMatches};

use crate::copies::Copies;
use crate::destination::Destination;
use crate::stop::Stop;
use verb::Arguments;

/// A destination as a program.
pub trait Program {
    /// The program's name, such as `mirror-sqlite`.
    const NAME: &'static str;
    /// What it does, in a sentence.
    const ABOUT: &'static str;
    /// Its own options. Those with an environment variable can stand in the configuration file too.
    type Options: Args;
    /// What it mirrors to.
    type Destination: Destination + Copies;

    /// Opens the destination.
    ///
    /// # Errors
    /// Whatever hinders it: the program ends with it.
    fn open(options: &Self::Options, role: Role) -> Result<Self::Destination, Box<dyn Error + Send + Sync>>;
}

/// What a destination is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// To mirror, for as long as it runs. Where another process mirrors there, it may be refused.
    Mirror,
    /// To look at copies, mend and exchange them, while another process mirrors.
    Operator,
}

/// The SQL statements of a destination's `--after-cycle-sql FILE`; none without a file, or when nothing is mirrored.
///
/// # Errors
/// When the file cannot be read.
pub fn after_cycle_sql(file: Option<&Path>, role: Role) -> Result<String, Box<dyn Error + Send + Sync>> {
    match file {
        Some(file) if role == Role::Mirror => std::fs::read_to_string(file)
            .map_err(|error| format!("--after-cycle-sql: {}: {error}", file.display()).into()),
        _ => Ok(String::new()),
    }
}

/// Runs the program with the process's arguments, environment and signals.
#[must_use]
pub fn main<P: Program>() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let parsed = match parse::<P>(&arguments) {
        Ok(parsed) => parsed,
        // Help and versions are no errors, and go to standard output.
        Err(error) => {
            let code = if error.use_stderr() { error::USAGE } else { 0 };
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    process::log(parsed.log_format);
    let stop = Stop::new();
    if let Err(error) = process::end_at_signals(&stop) {
        tracing::error!(%error, "signals cannot be listened for");
        return ExitCode::from(error::FAILED);
    }
    carry_out::carry_out::<P>(&parsed, &stop)
}

/// Arguments, then the environment, then the configuration file.
fn parse<P: Program>(arguments: &[OsString]) -> Result<Arguments<P::Options>, clap::Error> {
    let command = help::explain(Arguments::<P::Options>::command(), P::NAME, P::ABOUT);
    let command = file::defaults(command, arguments)?;
    Arguments::from_arg_matches(&command.try_get_matches_from(arguments)?)
}

#[cfg(test)]
mod tests;
