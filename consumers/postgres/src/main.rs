//! `mirror-postgres`: the program of every mirror, with a PostgreSQL schema per tenant to mirror to.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use mirror_postgres::{Place, Postgres};
use mirrorbus_mirror::cli::{Program, Role, after_cycle_sql, main as run};

struct MirrorPostgres;

#[derive(Args)]
#[command(next_help_heading = "PostgreSQL")]
struct Options {
    /// PostgreSQL's address, postgres://USER@HOST:PORT/DATABASE; {tenant} may stand in it. Holds no password.
    #[arg(long, value_name = "URL", env = "MIRROR_POSTGRES", default_value = "postgres:///")]
    postgres: String,
    /// Section of pg_service.conf with what the address leaves out.
    #[arg(long, value_name = "SECTION", env = "PGSERVICE")]
    service: Option<String>,
    /// File with the password and nothing else.
    #[arg(long, value_name = "FILE", env = "MIRROR_PASSWORD_FILE")]
    password_file: Option<PathBuf>,
    /// What a tenant's schema is called.
    #[arg(long, value_name = "NAME", env = "MIRROR_SCHEMA", default_value = "{tenant}")]
    schema: String,
    /// File with SQL statements that `run` carries out after each of a tenant's cycles, in one transaction.
    #[arg(long, value_name = "FILE", env = "MIRROR_AFTER_CYCLE_SQL")]
    after_cycle_sql: Option<PathBuf>,
}

impl Options {
    fn place(&self) -> Result<Place, Box<dyn Error + Send + Sync>> {
        let mut url = self.postgres.clone();
        if let Some(service) = &self.service {
            url = format!("{url}{}service={service}", if url.contains('?') { '&' } else { '?' });
        }
        let place = Place::new(url).map_err(|error| format!("--postgres: {error}"))?;
        let place = place.with_schema(&self.schema).map_err(|error| format!("--schema: {error}"))?;
        Ok(match &self.password_file {
            Some(path) => place.with_password_file(path),
            None => place,
        })
    }
}

impl Program for MirrorPostgres {
    const NAME: &'static str = "mirror-postgres";
    const ABOUT: &'static str = "Mirrors the tables in Kafka into PostgreSQL, one schema per tenant.";
    type Options = Options;
    type Destination = Postgres;

    fn open(options: &Options, role: Role) -> Result<Postgres, Box<dyn Error + Send + Sync>> {
        let statements = after_cycle_sql(options.after_cycle_sql.as_deref(), role)?;
        Ok(Postgres::new(options.place()?)?.with_after_cycle(statements))
    }
}

fn main() -> ExitCode {
    run::<MirrorPostgres>()
}
