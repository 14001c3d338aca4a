//! Finds the newest Java of this machine, and fetches one where none is new enough.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicBool;

use crate::error::ServicesError;
use crate::fetch;

/// Where Linux distributions put their Java installations, one folder each.
const INSTALLATIONS: &str = "/usr/lib/jvm";

/// The path of a `java` of at least this major version.
pub(crate) fn java(
    oldest: u32,
    cancelled: &AtomicBool,
    progress: &mut dyn FnMut(&str),
) -> Result<PathBuf, ServicesError> {
    let newest = candidates().into_iter().filter_map(|path| Some((major(&path)?, path))).max();
    match newest {
        Some((major, path)) if major >= oldest => Ok(path),
        _ => fetch::java(cancelled, progress),
    }
}

/// Every `java` that might be one, without the symbolic links that name one twice.
fn candidates() -> BTreeSet<PathBuf> {
    let home = env::var_os("JAVA_HOME").map(|home| PathBuf::from(home).join("bin"));
    let path = env::var_os("PATH").unwrap_or_default();
    let installed = fs::read_dir(INSTALLATIONS).into_iter().flatten().flatten();
    home.into_iter()
        .chain(env::split_paths(&path))
        .chain(installed.map(|folder| folder.path().join("bin")))
        .filter_map(|folder| folder.join("java").canonicalize().ok())
        .collect()
}

fn major(java: &Path) -> Option<u32> {
    let output = Command::new(java).arg("-version").output().ok()?;
    parse_major(&String::from_utf8_lossy(&output.stderr))
}

/// Reads `openjdk version "17.0.15" 2025-04-15`, wherever among other lines it stands.
fn parse_major(text: &str) -> Option<u32> {
    let version = text.split_once("version \"")?.1;
    // Java 8 and older call themselves 1.8: far too old, whichever number is read.
    version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_what_java_prints() {
        for (text, major) in [
            ("openjdk version \"17.0.15\" 2025-04-15\nOpenJDK Runtime Environment", Some(17)),
            ("Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nopenjdk version \"25\" 2025-09-16 LTS", Some(25)),
            ("openjdk version \"26-ea\" 2026-03-17", Some(26)),
            ("java version \"1.8.0_412\"", Some(1)),
            ("Unrecognized option", None),
            ("version \"\"", None),
        ] {
            assert_eq!(parse_major(text), major, "{text}");
        }
    }
}
