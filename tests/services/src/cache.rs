//! The folder of downloads, shared by every checkout and every run of one user.
//!
//! A download is complete when its marker exists, and the marker is renamed into place last. A lock file
//! lets one process fetch while others wait; the kernel drops the lock of a process that dies.

use std::env;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::error::ServicesError;

const MARKER: &str = "complete";

/// `$MIRRORBUS_CACHE`, else `$XDG_CACHE_HOME/mirrorbus`, else `~/.cache/mirrorbus`.
pub(crate) fn folder() -> Result<PathBuf, ServicesError> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("MIRRORBUS_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|cache| cache.join("mirrorbus")))
        .or_else(|| set("HOME").map(|home| home.join(".cache").join("mirrorbus")))
        .ok_or(ServicesError::NoCache)
}

/// The folder `name` in the cache, filled by `fill` unless an earlier run has completed it.
pub(crate) fn complete(
    name: &str,
    progress: &mut dyn FnMut(&str),
    fill: impl FnOnce(&Path, &mut dyn FnMut(&str)) -> Result<(), ServicesError>,
) -> Result<PathBuf, ServicesError> {
    complete_in(&folder()?, name, progress, fill)
}

fn complete_in(
    cache: &Path,
    name: &str,
    progress: &mut dyn FnMut(&str),
    fill: impl FnOnce(&Path, &mut dyn FnMut(&str)) -> Result<(), ServicesError>,
) -> Result<PathBuf, ServicesError> {
    let target = cache.join(name);
    let marker = target.join(MARKER);
    if marker.exists() {
        return Ok(target);
    }
    fs::create_dir_all(cache).map_err(ServicesError::file("create", cache))?;
    let _lock = lock(&cache.join(format!("{name}.lock")), progress)?;
    if marker.exists() {
        return Ok(target);
    }
    if target.exists() {
        // What an interrupted run left: cheaper to fetch again than to check.
        fs::remove_dir_all(&target).map_err(ServicesError::file("remove", &target))?;
    }
    fs::create_dir(&target).map_err(ServicesError::file("create", &target))?;
    let begin = Instant::now();
    fill(&target, progress)?;
    let draft = target.join("complete.draft");
    fs::write(&draft, "").map_err(ServicesError::file("write", &draft))?;
    fs::rename(&draft, &marker).map_err(ServicesError::file("rename", &draft))?;
    progress(&format!("fetched into {} ({:.1} s)", target.display(), begin.elapsed().as_secs_f64()));
    Ok(target)
}

fn lock(path: &Path, progress: &mut dyn FnMut(&str)) -> Result<File, ServicesError> {
    let file = File::create(path).map_err(ServicesError::file("create", path))?;
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::WouldBlock) => progress("waiting for another process that is fetching"),
        Err(TryLockError::Error(source)) => return Err(ServicesError::file("lock", path)(source)),
    }
    file.lock().map_err(ServicesError::file("lock", path))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::thread;

    #[test]
    fn many_at_once_fetch_once() {
        let cache = tempfile::tempdir().unwrap();
        let fills = AtomicU32::new(0);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let fill = |_: &Path, _: &mut dyn FnMut(&str)| {
                        fills.fetch_add(1, Ordering::Relaxed);
                        Ok(())
                    };
                    complete_in(cache.path(), "thing-1", &mut |_| {}, fill).unwrap();
                });
            }
        });
        assert_eq!(fills.into_inner(), 1);
    }

    #[test]
    fn an_interrupted_download_is_fetched_again_from_the_start() {
        let cache = tempfile::tempdir().unwrap();
        let half = cache.path().join("thing-1").join("half");
        let interrupted = complete_in(cache.path(), "thing-1", &mut |_| {}, |folder, _| {
            fs::write(folder.join("half"), "").unwrap();
            Err(ServicesError::Cancelled)
        });
        assert!(interrupted.is_err() && half.exists());
        complete_in(cache.path(), "thing-1", &mut |_| {}, |_, _| Ok(())).unwrap();
        assert!(!half.exists());
    }
}
