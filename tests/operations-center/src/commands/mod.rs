//! The command line.

mod application;
mod checksum;
mod cycle;
mod tenant;

use std::io::Write;

use clap::{Parser, Subcommand};

/// Plays the vendor's side of database mirroring against any receiver: registers an application, keeps tenants with
/// generated CRM data, and runs mirroring cycles with signed tokens, checking every answer as the vendor would.
///
/// To try a receiver: make an application, give the receiver its key and the signing certificate, make a tenant, run
/// a cycle, change the tenant, run another.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Registered applications: an id, its RSA key, and the certificate that signs tokens for it.
    #[command(subcommand)]
    Application(application::Command),
    /// Tenants: one SQLite database each, with SQL Server's types and change tracking.
    #[command(subcommand)]
    Tenant(tenant::Command),
    /// Runs one mirroring cycle of a tenant: Authenticate, TableSchema, Wipe and RowData where they are due,
    /// ReplicationCompleted.
    Cycle(cycle::Arguments),
    /// Row count and checksum of every table of a tenant, to compare with a mirror's.
    Checksum(checksum::Arguments),
}

pub(crate) fn run(arguments: Arguments, out: &mut impl Write) -> anyhow::Result<()> {
    match arguments.command {
        Command::Application(command) => application::run(command, out),
        Command::Tenant(command) => tenant::run(command, out),
        Command::Cycle(arguments) => cycle::run(&arguments, out),
        Command::Checksum(arguments) => checksum::run(&arguments, out),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    /// What a command prints, or its error with all causes.
    fn output(line: &str) -> Result<String, String> {
        let mut out = Vec::new();
        let words = std::iter::once("operations-center").chain(line.split_ascii_whitespace());
        let arguments = Arguments::try_parse_from(words).map_err(|error| error.to_string())?;
        run(arguments, &mut out).map_err(|error| format!("{error:#}"))?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn an_application_and_a_tenant_are_made_changed_and_summed() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().display();
        let made = output(&format!("application new --folder {at}/app --id abc --key-bits 1024")).unwrap();
        assert!(made.starts_with("application abc\n") && made.contains("application-key.xml"), "{made}");
        let again = output(&format!("application new --folder {at}/app")).unwrap_err();
        assert!(again.contains("holds an application already"), "{again}");
        let made = output(&format!("tenant new --folder {at} --name Cust1 --size 2")).unwrap();
        assert!(made.starts_with("tenant Cust1: 33 tables, "), "{made}");
        let sums = || output(&format!("checksum --tenant {at}/Cust1.db")).unwrap();
        let before = sums();
        assert_eq!(before.lines().count(), 34);
        let changed = output(&format!("tenant change --tenant {at}/Cust1.db --updates 30")).unwrap();
        assert!(changed.contains("Cust1 is now at version "), "{changed}");
        assert_ne!(sums(), before);
    }

    #[test]
    fn what_is_missing_is_named_with_the_way_to_make_it() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().display();
        let cycle =
            || output(&format!("cycle --application {at}/app --tenant {at}/no.db --url http://127.0.0.1:9/"));
        let error = cycle().unwrap_err();
        assert!(error.contains("make one with 'operations-center application new'"), "{error}");
        output(&format!("application new --folder {at}/app --key-bits 1024")).unwrap();
        let error = cycle().unwrap_err();
        assert!(error.contains("make it with 'operations-center tenant new'"), "{error}");
    }
}
