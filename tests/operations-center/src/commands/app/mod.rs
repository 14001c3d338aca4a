//! `operations-center app`

mod change;
mod register;
mod show;

use std::io::Write;

use clap::Subcommand;
use operations_center::center::Center;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Register(register::Arguments),
    List(show::List),
    Show(show::Show),
    RotateKey(change::RotateKey),
    EnableMirroring(change::Enable),
    DisableMirroring(change::Disable),
}

pub(crate) fn run(command: Command, center: &Center, out: &mut impl Write) -> anyhow::Result<()> {
    match command {
        Command::Register(arguments) => register::run(arguments, center, out),
        Command::List(arguments) => show::list(&arguments, center, out),
        Command::Show(arguments) => show::show(&arguments, center, out),
        Command::RotateKey(arguments) => change::rotate_key(&arguments, center, out),
        Command::EnableMirroring(arguments) => change::enable(arguments, center, out),
        Command::DisableMirroring(arguments) => change::disable(&arguments, center, out),
    }
}
