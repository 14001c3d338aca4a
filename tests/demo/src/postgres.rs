//! The PostgreSQL in which the demo fills a mirror: the one that the environment names, else one of the demo's own
//! where PostgreSQL is installed.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use mirror_postgres::Place;
use services::Postgres;

/// A server of somebody else's, to be used instead of the demo's own.
const POSTGRES: &str = "MIRRORBUS_TEST_POSTGRES";

/// A server that runs; one of the demo's own ends with the value.
pub(crate) struct Server {
    pub(crate) url: String,
    /// Ours, with the folder in which it can be started again.
    own: Option<(Postgres, PathBuf)>,
}

impl Server {
    /// `None`, and a line with the reason, where there is none to be had: the demo goes on without. A name that is no fit
    /// address is an error.
    pub(crate) fn find(folder: &Path) -> anyhow::Result<Option<Self>> {
        if let Some(url) = env::var(POSTGRES).ok().filter(|url| !url.is_empty()) {
            // Before it is shown: one with a password in it is refused.
            Place::new(&*url).context(POSTGRES)?;
            println!("using the PostgreSQL that {POSTGRES} names");
            return Ok(Some(Self { url, own: None }));
        }
        match Postgres::start(folder, &[], &mut |line| println!("{line}")) {
            Ok(own) => Ok(Some(Self { url: own.url(), own: Some((own, folder.to_owned())) })),
            Err(error) => {
                println!("no mirror in PostgreSQL this time: {error}");
                Ok(None)
            }
        }
    }

    /// How the mirror can be asked when the demo has ended.
    pub(crate) fn farewell(&self, tenant: &str) -> String {
        let query = self.query(tenant);
        match &self.own {
            None => format!("the mirror stays in PostgreSQL: {query}"),
            Some((_, folder)) => format!(
                "PostgreSQL ends with the demo, and the mirror stays in its folder. To ask it: cargo run -p services -- up \
                 --folder {} --postgres\nand then {query}",
                folder.display()
            ),
        }
    }

    /// A command that shows something of a tenant's mirror.
    pub(crate) fn query(&self, tenant: &str) -> String {
        format!(r#"psql {} -c 'SELECT * FROM "{tenant}".contact LIMIT 3'"#, self.url)
    }
}
