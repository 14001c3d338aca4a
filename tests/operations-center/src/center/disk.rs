//! How the folder stays whole with several processes in it.
//!
//! Whoever changes something holds the folder's lock; the kernel drops the lock of a process that dies. Readers take
//! no lock: what they read appears by being renamed, so it is the old state or the new one, never half of one.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tempfile::TempDir;

use super::error::CenterError;
use crate::application::files;

const LOCK_FILE: &str = ".lock";
/// What begins like this is being made; it belongs to nobody yet.
const DRAFT: &str = ".draft-";

/// The right to change the folder, held until dropped.
pub(super) struct Lock {
    _file: File,
}

/// Waits until no other process, and no other thread, changes the folder.
pub(super) fn lock(folder: &Path) -> Result<Lock, CenterError> {
    let path = folder.join(LOCK_FILE);
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed(&path))?;
    file.lock().map_err(failed(&path))?;
    Ok(Lock { _file: file })
}

/// For `map_err`: the operating system failed on `path`.
pub(super) fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> CenterError {
    let path = path.to_owned();
    move |source| CenterError::Disk { path, source }
}

pub(super) fn make_folder(path: &Path) -> Result<(), CenterError> {
    fs::create_dir_all(path).map_err(failed(path))
}

/// A folder for something in the making, removed with the value. What is complete is renamed out of it.
pub(super) struct Draft {
    // Before the file: while there is a folder it is locked.
    folder: TempDir,
    _in_use: File,
}

impl Draft {
    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// A new draft beside the finished things of `folder`. What processes left there that were killed is removed.
pub(super) fn draft(folder: &Path, _held: &Lock) -> Result<Draft, CenterError> {
    make_folder(folder)?;
    remove_abandoned(folder)?;
    let made = tempfile::Builder::new().prefix(DRAFT).tempdir_in(folder).map_err(failed(folder))?;
    let path = made.path().join(LOCK_FILE);
    let in_use = File::create(&path).map_err(failed(&path))?;
    in_use.lock().map_err(failed(&path))?;
    Ok(Draft { folder: made, _in_use: in_use })
}

/// A draft is made and locked under the folder's lock. So whoever holds that finds every draft locked, unless its
/// maker is dead.
fn remove_abandoned(folder: &Path) -> Result<(), CenterError> {
    for path in entries(folder)?.into_iter().filter(|path| is_hidden(path) && path.is_dir()) {
        let is_in_use = File::open(path.join(LOCK_FILE)).is_ok_and(|file| file.try_lock().is_err());
        if !is_in_use {
            ignoring_missing(fs::remove_dir_all(&path)).map_err(failed(&path))?;
        }
    }
    Ok(())
}

/// Moves a finished file or folder to its place.
pub(super) fn rename(from: &Path, to: &Path) -> Result<(), CenterError> {
    fs::rename(from, to).map_err(failed(to))
}

/// Everything in a folder that is not in the making, in the order of names; nothing where there is no folder.
pub(super) fn list(folder: &Path) -> Result<Vec<PathBuf>, CenterError> {
    let mut paths = entries(folder)?;
    paths.retain(|path| !is_hidden(path));
    paths.sort();
    Ok(paths)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, CenterError> {
    match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(failed(folder)(error)),
        Ok(entries) => entries.map(|entry| entry.map(|entry| entry.path()).map_err(failed(folder))).collect(),
    }
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

fn ignoring_missing(done: std::io::Result<()>) -> std::io::Result<()> {
    done.or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

/// Reads JSON; the default where there is no file.
pub(super) fn read_json<T: DeserializeOwned + Default>(path: &Path) -> Result<T, CenterError> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(T::default()),
        Err(error) => Err(failed(path)(error)),
        Ok(text) => serde_json::from_str(&text)
            .map_err(|source| CenterError::Damaged { path: path.to_owned(), source }),
    }
}

/// Replaces a JSON file.
pub(super) fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), CenterError> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|source| CenterError::Damaged { path: path.to_owned(), source })?;
    Ok(files::write_secret(path, &text)?)
}
