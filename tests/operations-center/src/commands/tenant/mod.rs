//! `operations-center tenant`

mod alter;
mod approve;
mod change;
mod copy;
mod create;
mod drop;
mod set;
mod show;
pub(crate) mod work;

use std::io::Write;

use clap::Subcommand;
use operations_center::center::Center;
use operations_center::clock::SystemClock;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Create(create::Arguments),
    List(show::List),
    Show(show::Show),
    Approve(approve::Approve),
    Revoke(approve::Revoke),
    Maintenance(set::Maintenance),
    Set(set::Set),
    Backup(copy::Backup),
    Restore(copy::Restore),
    Drop(drop::Arguments),
    Change(change::Arguments),
    Work(work::Arguments),
    #[command(subcommand)]
    Alter(alter::Command),
}

pub(crate) fn run(command: Command, center: &Center, out: &mut impl Write) -> anyhow::Result<()> {
    match command {
        Command::Create(arguments) => create::run(&arguments, center, out),
        Command::List(arguments) => show::list(&arguments, center, out),
        Command::Show(arguments) => show::show(&arguments, center, out),
        Command::Approve(arguments) => approve::approve(&arguments, center, out),
        Command::Revoke(arguments) => approve::revoke(&arguments, center, out),
        Command::Maintenance(arguments) => set::maintenance(&arguments, center, out),
        Command::Set(arguments) => set::set(&arguments, center, out),
        Command::Backup(arguments) => copy::backup(&arguments, center, out),
        Command::Restore(arguments) => copy::restore(&arguments, center, out),
        Command::Drop(arguments) => drop::run(&arguments, center, out),
        Command::Change(arguments) => change::run(&arguments, center, out),
        Command::Work(arguments) => work::run(&arguments, center, &SystemClock, out),
        Command::Alter(command) => alter::run(command, center, out),
    }
}
