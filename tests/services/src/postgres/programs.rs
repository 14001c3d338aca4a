//! Where PostgreSQL's programs are. Debian keeps them off the PATH, one folder per major version.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::ServicesError;

/// Names the folder of the programs, before every other place.
const VARIABLE: &str = "POSTGRES_BIN";

/// Where Debian and its kin put them: `NUMBER/bin` in here.
const INSTALLATIONS: &str = "/usr/lib/postgresql";

/// What a folder must have to be taken.
const NEEDED: [&str; 2] = ["initdb", "postgres"];

/// A folder with the server and the program that makes clusters.
#[derive(Clone, Debug)]
pub(crate) struct Programs(PathBuf);

impl Programs {
    /// The programs of this machine: those that `POSTGRES_BIN` names, else the newest of Debian's, else those of the PATH.
    pub(crate) fn find() -> Result<Programs, ServicesError> {
        let named = env::var_os(VARIABLE).map(PathBuf::from);
        let path = env::var_os("PATH").unwrap_or_default();
        let others = newest_first(Path::new(INSTALLATIONS)).into_iter().chain(env::split_paths(&path));
        let candidates: Vec<PathBuf> = match named {
            // Whoever names a folder does not want another one.
            Some(folder) => vec![folder],
            None => others.collect(),
        };
        let found = candidates.into_iter().find(|folder| is_whole(folder));
        found.map(Programs).ok_or(ServicesError::NoPostgres)
    }

    pub(crate) fn path(&self, program: &str) -> PathBuf {
        self.0.join(program)
    }
}

fn is_whole(folder: &Path) -> bool {
    NEEDED.iter().all(|program| folder.join(program).is_file())
}

fn newest_first(installations: &Path) -> Vec<PathBuf> {
    let folders = fs::read_dir(installations).into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = folders
        .filter_map(|folder| Some((folder.file_name().to_str()?.parse().ok()?, folder.path().join("bin"))))
        .collect();
    versions.sort_unstable();
    versions.into_iter().rev().map(|(_, folder)| folder).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_comes_first_and_what_is_no_version_never() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["9", "15", "17", "common"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let expected = ["17/bin", "15/bin", "9/bin"].map(|name| folder.path().join(name));
        assert_eq!(newest_first(folder.path()), expected);
        assert_eq!(newest_first(&folder.path().join("none")), Vec::<PathBuf>::new());
    }

    #[test]
    fn a_folder_without_the_server_is_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("initdb"), "").unwrap();
        assert!(!is_whole(folder.path()), "Debian's client package has no server");
        fs::write(folder.path().join("postgres"), "").unwrap();
        assert!(is_whole(folder.path()));
    }
}
