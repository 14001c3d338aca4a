//! The command line.

mod app;
pub(crate) mod conformance;
mod cycle;
mod fault;
mod log;
mod output;
mod receiver;
mod run;
mod tenant;
#[cfg(test)]
mod tests;
mod truth;
mod values;

use std::io::Write;
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use operations_center::center::Center;

/// Plays the vendor's side of database mirroring against any receiver: registers applications, keeps tenants with
/// generated CRM data, and runs mirroring cycles with signed tokens, checking every answer as the vendor would.
///
/// To try a receiver: register an application with the receiver's URL, give the receiver the application's key and
/// the signing certificate, create a tenant, let it approve the application, run a cycle:
///
///   operations-center app register Nord --mirroring-url http://127.0.0.1:8080/MirroringClientService.svc
///   operations-center tenant create Cust10001
///   operations-center tenant approve Cust10001 Nord
///   operations-center cycle Nord Cust10001
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, verbatim_doc_comment)]
pub(crate) struct Arguments {
    /// Where applications, tenants and everything else are kept; made if missing.
    #[arg(
        long,
        global = true,
        help_heading = "Everywhere",
        env = "OPERATIONS_CENTER_FOLDER",
        default_value = "operations-center"
    )]
    folder: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Registered applications: what their owners registered, their keys, and who signs their tokens.
    #[command(subcommand)]
    App(app::Command),
    /// Tenants: one SQLite database each, with SQL Server's types and change tracking.
    #[command(subcommand)]
    Tenant(tenant::Command),
    Cycle(cycle::Arguments),
    Run(run::Arguments),
    Log(log::Arguments),
    Truth(truth::Arguments),
    Receiver(receiver::Arguments),
    Conformance(conformance::Arguments),
}

pub(crate) fn run(arguments: Arguments, out: &mut impl Write) -> anyhow::Result<()> {
    let center = Center::open(&arguments.folder)?;
    match arguments.command {
        Command::App(command) => app::run(command, &center, out),
        Command::Tenant(command) => tenant::run(command, &center, out),
        Command::Cycle(arguments) => cycle::run(&arguments, &center, out),
        Command::Run(arguments) => run::run(&arguments, &center, out),
        Command::Log(arguments) => log::run(&arguments, &center, out),
        Command::Truth(arguments) => truth::run(&arguments, &center, out),
        Command::Receiver(arguments) => receiver::run(&arguments, &center, out),
        Command::Conformance(arguments) => conformance::run(&arguments, &center, out),
    }
}
