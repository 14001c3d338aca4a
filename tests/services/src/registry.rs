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

/// A registry that runs, though it may not answer yet.
#[derive(Debug)]
pub(crate) struct Registry {
    port: u16,
    process: Process,
}

impl Registry {
    /// Starts the registry; [`Registry::wait_until_it_answers`] follows.
    pub(crate) fn start(
        java: &Path,
        program: &Path,
        folder: &Path,
        storage: Storage,
        port: u16,
    ) -> Result<Registry, ServicesError> {
        let data = folder.join("registry");
        fs::create_dir_all(&data).map_err(ServicesError::file("create", &data))?;
        let mut command = guard::jvm();
        command.arg(java).args(scratch_flags(folder)).args(QUICK_JVM).args([
            "-Xms64m",
            "-Xmx384m",
            "-Dquarkus.http.host=127.0.0.1",
        ]);
        command.arg(format!("-Dquarkus.http.port={port}"));
        // A second listener, for health, has a fixed port on all interfaces unless told otherwise: two
        // registries could not run at once. Nobody asks it, so the kernel may choose.
        command.args(["-Dquarkus.management.host=127.0.0.1", "-Dquarkus.management.port=0"]);
        command.args(["-Dquarkus.log.level=WARN", "-Dapicurio.rest.deletion.artifact.enabled=true"]);
        command.args(storage_flags(storage, &data));
        command.arg("-jar").arg(program.join("quarkus-run.jar")).current_dir(&data);
        let process = Process::start("apicurio registry", command, &log(folder))?;
        Ok(Registry { port, process })
    }

    /// Waits until the list of subjects is answered.
    pub(crate) fn wait_until_it_answers(&mut self, cancelled: &AtomicBool) -> Result<(), ServicesError> {
        let subjects = format!("{PATH}/subjects");
        let port = self.port;
        self.process.wait_until(&Patience::new(LIMIT, cancelled), || ready::answers_ok(port, &subjects))
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}{PATH}", self.port)
    }

    /// Asks the registry to end; [`Registry::finish`] waits for it.
    pub(crate) fn terminate(&mut self) {
        self.process.terminate();
    }

    /// Waits until the registry has ended.
    pub(crate) fn finish(&mut self) {
        self.process.finish();
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
