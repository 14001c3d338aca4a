//! One Apicurio Registry, the Confluent-compatible schema registry that can be had from Maven Central.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::error::ServicesError;
use crate::guard;
use crate::process::{Patience, Process};
use crate::ready;
use crate::settings::{QUICK_JVM, scratch_flags};

/// The Confluent-compatible interface of Apicurio.
const PATH: &str = "/apis/ccompat/v7";

/// It answers after four or five seconds on an idle machine.
const LIMIT: Duration = Duration::from_secs(120);

/// The name under which its port is remembered.
pub(crate) const PORT_NAME: &str = "registry";

/// Where the registry keeps its schemas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// In memory: every schema id is forgotten when the registry stops, and with it the meaning of every
    /// record in a topic. For what does not outlive the registry.
    Memory,
    /// In an H2 file in the folder, which survives `kill -9` right after a registration.
    Disk,
}

/// How to start a registry; it can be started again and again, on the same port and data.
#[derive(Debug)]
pub(crate) struct Registry {
    java: PathBuf,
    program: PathBuf,
    folder: PathBuf,
    storage: Storage,
    port: u16,
    process: Option<Process>,
}

impl Registry {
    /// A registry that is not started yet, with its data inside `folder`.
    pub(crate) fn new(java: &Path, program: &Path, folder: &Path, storage: Storage, port: u16) -> Registry {
        let [java, program, folder] = [java, program, folder].map(Path::to_owned);
        Registry { java, program, folder, storage, port, process: None }
    }

    /// Starts the registry; [`Registry::wait_until_it_answers`] follows.
    pub(crate) fn start(&mut self) -> Result<(), ServicesError> {
        // Its files are locked until the one before has ended.
        self.process = None;
        let data = self.folder.join("registry");
        fs::create_dir_all(&data).map_err(ServicesError::file("create", &data))?;
        let mut command = guard::process();
        command.arg(&self.java).args(scratch_flags(&self.folder)).args(QUICK_JVM).args([
            "-Xms64m",
            "-Xmx384m",
            "-Dquarkus.http.host=127.0.0.1",
        ]);
        command.arg(format!("-Dquarkus.http.port={}", self.port));
        // A second listener, for health, has a fixed port on all interfaces unless told otherwise: two
        // registries could not run at once. Nobody asks it, so the kernel may choose.
        command.args(["-Dquarkus.management.host=127.0.0.1", "-Dquarkus.management.port=0"]);
        command.args(["-Dquarkus.log.level=WARN", "-Dapicurio.rest.deletion.artifact.enabled=true"]);
        command.args(storage_flags(self.storage, &data));
        command.arg("-jar").arg(self.program.join("quarkus-run.jar")).current_dir(&data);
        self.process = Some(Process::start("apicurio registry", command, &log(&self.folder))?);
        Ok(())
    }

    /// Waits until the list of subjects is answered.
    pub(crate) fn wait_until_it_answers(&mut self, cancelled: &AtomicBool) -> Result<(), ServicesError> {
        let Some(process) = &mut self.process else { return Ok(()) };
        let (port, subjects) = (self.port, format!("{PATH}/subjects"));
        process.wait_until(&Patience::new(LIMIT, cancelled), || ready::answers_ok(port, &subjects))
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}{PATH}", self.port)
    }

    /// Asks the registry to end; [`Registry::finish`] waits for it.
    pub(crate) fn terminate(&mut self) {
        self.process.iter_mut().for_each(Process::terminate);
    }

    /// Waits until the registry has ended.
    pub(crate) fn finish(&mut self) {
        self.process.iter_mut().for_each(Process::finish);
        self.process = None;
    }
}

/// Without `WRITE_DELAY=0`, H2 loses what was registered just before a `kill -9`.
fn storage_flags(storage: Storage, data: &Path) -> Vec<OsString> {
    let Storage::Disk = storage else {
        return Vec::new();
    };
    let mut url = OsString::from("-Dapicurio.datasource.url=jdbc:h2:file:");
    url.push(data.join("schemas"));
    url.push(";DB_CLOSE_ON_EXIT=FALSE;WRITE_DELAY=0");
    vec!["-Dapicurio.storage.sql.kind=h2".into(), url]
}

fn log(folder: &Path) -> PathBuf {
    folder.join("registry.log")
}
