//! `mirror-sqlite`: the program of every mirror, with SQLite files to mirror to.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use mirror_sqlite::Sqlite;
use mirrorbus_mirror::cli::{Program, Role, after_cycle_sql, main as run};

struct MirrorSqlite;

#[derive(Args)]
#[command(next_help_heading = "SQLite")]
struct Options {
    /// The folder with the tenants' files.
    #[arg(long, env = "MIRROR_FOLDER")]
    folder: PathBuf,
    /// File with SQL statements that `run` carries out in a tenant's file after each of its cycles, in one transaction.
    #[arg(long, value_name = "FILE", env = "MIRROR_AFTER_CYCLE_SQL")]
    after_cycle_sql: Option<PathBuf>,
}

impl Program for MirrorSqlite {
    const NAME: &'static str = "mirror-sqlite";
    const ABOUT: &'static str = "Mirrors the tables in Kafka into SQLite, one file per tenant.";
    type Options = Options;
    type Destination = Sqlite;

    fn open(options: &Options, role: Role) -> Result<Sqlite, Box<dyn Error + Send + Sync>> {
        let statements = after_cycle_sql(options.after_cycle_sql.as_deref(), role)?;
        Ok(Sqlite::open(&options.folder)?.with_after_cycle(statements))
    }
}

fn main() -> ExitCode {
    run::<MirrorSqlite>()
}
