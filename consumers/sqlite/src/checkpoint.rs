//! Checkpoints, beside the next batch.
//!
//! A commit only writes to the log; what it says must get into the file some time, or the log grows. SQLite would do that
//! at the end of the commit in which the log reaches 1000 pages: a quarter of a large batch's time. Here a thread does
//! it on a connection of its own, while the next batch is written. SQLite begins the log anew only when a commit finds
//! all of it in the file, which never happens while one batch follows another: so a log that has grown too long is
//! caught up with at the end of a commit after all.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use rusqlite::hooks::Wal;
use rusqlite::{Connection, OpenFlags};

/// From how many pages of 4 KiB on there is a checkpoint after a commit: SQLite's own default.
const WORTH_IT: i32 = 1000;
/// How long the log may grow: 64 MiB, and one transaction.
const TOO_LONG: i32 = 16_384;

/// Takes the place of SQLite's own checkpoints on a connection. What runs when the connection is closed is waited for.
pub(crate) fn beside(connection: &mut Connection, path: &Path) -> rusqlite::Result<()> {
    let mut checkpoints = Checkpoints { path: path.to_owned(), thread: None, work: Arc::default() };
    connection.wal_hook(Some(move |wal: &mut Wal, pages| {
        checkpoints.committed(wal, pages);
        Ok(())
    }))
}

/// Of one file.
struct Checkpoints {
    path: PathBuf,
    thread: Option<JoinHandle<()>>,
    work: Arc<Mutex<Work>>,
}

/// What the thread is at.
#[derive(Default, PartialEq, Eq)]
enum Work {
    #[default]
    Done,
    Running,
    /// More was committed meanwhile.
    Again,
}

impl Checkpoints {
    /// A commit left so many pages in the log.
    fn committed(&mut self, wal: &mut Wal, pages: i32) {
        if pages >= TOO_LONG {
            self.wait();
            tell(&self.path, wal.checkpoint());
        } else if pages >= WORTH_IT && !self.is_told() {
            self.wait();
            self.start(wal);
        }
    }

    /// Whether a thread runs, and knows now that there is more.
    fn is_told(&self) -> bool {
        let mut work = lock(&self.work);
        let is_running = *work != Work::Done;
        if is_running {
            *work = Work::Again;
        }
        is_running
    }

    /// Without a thread, where there is none to be had.
    fn start(&mut self, wal: &mut Wal) {
        let (path, work) = (self.path.clone(), Arc::clone(&self.work));
        *lock(&self.work) = Work::Running;
        let thread = std::thread::Builder::new().name("mirror-checkpoint".to_owned());
        self.thread = thread.spawn(move || run(&path, &work)).ok();
        if self.thread.is_none() {
            *lock(&self.work) = Work::Done;
            tell(&self.path, wal.checkpoint());
        }
    }

    fn wait(&mut self) {
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!(path = %self.path.display(), "the thread of a checkpoint panicked");
            *lock(&self.work) = Work::Done;
        }
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.wait();
    }
}

fn lock(work: &Mutex<Work>) -> MutexGuard<'_, Work> {
    work.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Until nothing more was committed meanwhile.
fn run(path: &Path, work: &Mutex<Work>) {
    loop {
        tell(path, checkpoint(path));
        let mut work = lock(work);
        *work = match *work {
            Work::Again => Work::Running,
            Work::Running | Work::Done => Work::Done,
        };
        if *work == Work::Done {
            return;
        }
    }
}

/// As far as no reader is in the way.
fn checkpoint(path: &Path) -> rusqlite::Result<()> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    // What is in the log must be durable in the file before its place is used again.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
}

/// The commit is durable, whatever becomes of the checkpoint. The next one tries again.
fn tell(path: &Path, outcome: rusqlite::Result<()>) {
    if let Err(error) = outcome {
        tracing::warn!(path = %path.display(), %error, "a checkpoint failed; the log stays longer");
    }
}

#[cfg(test)]
#[path = "checkpoint_tests.rs"]
mod tests;
