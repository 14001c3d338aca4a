//! One PostgreSQL server with a cluster of its own, from the programs that the machine has.
//!
//! It listens on 127.0.0.1 alone: a socket's path must not be longer than 107 bytes, and a folder's can be. Whoever
//! reaches the port is let in as `postgres` without a password: it is for tests and for trying things out.

mod programs;
mod user;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use self::programs::Programs;
use self::user::User;
use crate::error::ServicesError;
use crate::guard;
use crate::kernel;
use crate::ports;
use crate::process::{Patience, Process};
use crate::ready;

/// A start takes a second on an idle machine; after a kill it repairs its data first.
const LIMIT: Duration = Duration::from_secs(120);

/// How often a start is tried when another process takes the port, or a killed server's processes are still ending.
const ATTEMPTS: u32 = 3;

/// The name under which its port is remembered.
const PORT_NAME: &str = "postgres";

/// A server; dropping it stops it and waits for its end.
#[derive(Debug)]
pub struct Postgres {
    programs: Programs,
    user: User,
    /// Where its cluster, and nothing else, is: it is the user's.
    folder: PathBuf,
    log: PathBuf,
    settings: Vec<(String, String)>,
    port: u16,
    process: Option<Process>,
}

impl Postgres {
    /// Starts a server with its cluster in `postgres` inside the folder, which is made the first time, and waits until it
    /// answers. `settings` are more of `postgresql.conf`'s; they win over those of this tool.
    ///
    /// # Errors
    /// [`ServicesError::NoPostgres`] where it is not installed, [`ServicesError::Closed`] where the user that it must run
    /// as cannot reach the folder, and when it ends or stays silent during its start.
    pub fn start(
        folder: &Path,
        settings: &[(String, String)],
        progress: &mut dyn FnMut(&str),
    ) -> Result<Postgres, ServicesError> {
        Postgres::start_unless(folder, settings, &AtomicBool::new(false), progress)
    }

    /// [`Postgres::start`], but given up soon after another thread sets `cancelled`.
    pub(crate) fn start_unless(
        folder: &Path,
        settings: &[(String, String)],
        cancelled: &AtomicBool,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Postgres, ServicesError> {
        let begin = Instant::now();
        let mut postgres = Postgres::new(folder, settings)?;
        postgres.make_cluster(cancelled)?;
        let mut attempt = 1;
        loop {
            postgres.port = port(folder)?;
            match postgres.start_on_its_port(cancelled) {
                Err(ServicesError::Ended { name, clash: true, .. }) if attempt < ATTEMPTS => {
                    progress(&format!("{name} found its port or data taken, trying again"));
                    attempt += 1;
                }
                started => break started?,
            }
        }
        let (url, seconds) = (postgres.url(), begin.elapsed().as_secs_f64());
        progress(&format!("postgresql answers on {url} ({seconds:.1} s)"));
        Ok(postgres)
    }

    /// Whether this machine has the server's programs.
    #[must_use]
    pub fn is_installed() -> bool {
        Programs::find().is_ok()
    }

    /// One that is not started yet.
    fn new(folder: &Path, settings: &[(String, String)]) -> Result<Postgres, ServicesError> {
        let programs = Programs::find()?;
        fs::create_dir_all(folder).map_err(ServicesError::file("create", folder))?;
        let folder = folder.canonicalize().map_err(ServicesError::file("resolve", folder))?;
        let user = User::fit()?;
        user.let_through(&folder)?;
        let own = folder.join("postgres");
        user.create_folder(&own)?;
        let (log, settings) = (folder.join("postgres.log"), settings.to_vec());
        Ok(Postgres { programs, user, folder: own, log, settings, port: 0, process: None })
    }

    /// Where it answers, as the user `postgres` and in the database `postgres`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// A process whose family are all of the server's, for what they cost; `None` while it is stopped.
    #[must_use]
    pub fn process(&self) -> Option<kernel::Process> {
        self.process.as_ref().map(Process::kernel)
    }

    /// Stops it, which breaks all connections and undoes open transactions, and waits until it has ended.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // The request that most processes hear as the end would wait here until the last client has gone.
            process.interrupt();
            process.finish();
        }
    }

    /// Ends it without order, all its processes at once, and waits until they are gone: the next start repairs the data as
    /// after a power cut.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.quit();
            process.finish();
        }
    }

    /// Starts it again, on the same port and data, and waits until it answers; one that runs is stopped first.
    ///
    /// # Errors
    /// When it ends or stays silent during its start.
    pub fn restart(&mut self) -> Result<(), ServicesError> {
        self.stop();
        self.start_on_its_port(&AtomicBool::new(false))
    }

    fn start_on_its_port(&mut self, cancelled: &AtomicBool) -> Result<(), ServicesError> {
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data()).args(["-p", &self.port.to_string()]);
        command.args(["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]);
        for (name, value) in &self.settings {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        let mut process = Process::start("postgresql", command, &self.log)?;
        let port = self.port;
        process.wait_until(&Patience::new(LIMIT, cancelled), || ready::answers_postgres(port))?;
        self.process = Some(process);
        Ok(())
    }

    /// Makes the cluster beside its place and moves it there when it is whole.
    fn make_cluster(&self, cancelled: &AtomicBool) -> Result<(), ServicesError> {
        if self.data().exists() {
            return Ok(());
        }
        let draft = self.folder.join("draft");
        if draft.exists() {
            fs::remove_dir_all(&draft).map_err(ServicesError::file("remove", &draft))?;
        }
        let mut command = self.command("initdb");
        command.arg("-D").arg(&draft).args(["-U", "postgres", "-A", "trust", "-E", "UTF8"]);
        // Nothing of this machine: the same order of texts everywhere, and no wait for a disk that nobody needs yet.
        command.args(["--locale=C", "--no-sync"]);
        Process::start("initdb", command, &self.log)?.complete(&Patience::new(LIMIT, cancelled))?;
        fs::rename(&draft, self.data()).map_err(ServicesError::file("rename", &draft))
    }

    fn command(&self, program: &str) -> Command {
        let mut command = guard::process();
        command.arg(self.programs.path(program)).current_dir(&self.folder).env("LC_ALL", "C");
        self.user.becomes(&mut command);
        command
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}

fn port(folder: &Path) -> Result<u16, ServicesError> {
    let ports = ports::choose(folder, &[PORT_NAME.to_owned()])?;
    ports.get(PORT_NAME).copied().ok_or_else(ports::none)
}
