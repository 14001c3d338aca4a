//! What happened: a line for every cycle, in JSON, in files that cannot fill a disk.
//!
//! The journal holds no row, no token and no key. What a receiver said of a failure stands in it, shortened, and
//! without whatever looks like a secret.

mod entry;
mod moment;
mod redact;
mod text;

use std::fs::{self, File};
use std::io::{BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

pub use entry::{Ending, Entry, Trouble};
pub use moment::format as format_moment;
pub(crate) use moment::format_compact;

/// The largest a file may grow before the next is begun.
const MAX_FILE_BYTES: u64 = 8 * 1024 * 1024;
/// The newest file and the older ones: together some 64 MiB, which is a hundred thousand cycles and more.
const FILES: u32 = 8;
const LOCK_FILE: &str = ".lock";

/// Why the journal could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// A file, or the folder.
    #[error("cannot read or write the journal at {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: std::io::Error,
    },
    /// An entry that cannot be JSON.
    #[error("cannot write a line of the journal")]
    Entry(#[from] serde_json::Error),
}

/// The files of one folder: `cycles.jsonl` is the newest, `cycles.1.jsonl` the one before, up to `cycles.7.jsonl`.
#[derive(Clone, Debug)]
pub struct Journal {
    folder: PathBuf,
    max_file_bytes: u64,
}

impl Journal {
    /// The journal in `folder`, which is made when the first line is written.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), max_file_bytes: MAX_FILE_BYTES }
    }

    /// Adds a line. Several processes may write at once.
    ///
    /// # Errors
    /// [`JournalError`] naming the file.
    pub fn append(&self, entry: &Entry) -> Result<(), JournalError> {
        let line = serde_json::to_vec(entry)?;
        fs::create_dir_all(&self.folder).map_err(failed(&self.folder))?;
        let lock_path = self.folder.join(LOCK_FILE);
        let lock = File::options().create(true).truncate(false).write(true).open(&lock_path);
        // Held until dropped; the kernel drops that of a process that dies.
        let lock = lock.map_err(failed(&lock_path))?;
        lock.lock().map_err(failed(&lock_path))?;
        let path = self.path(0);
        if fs::metadata(&path).is_ok_and(|file| file.len() >= self.max_file_bytes) {
            self.begin_new_file()?;
        }
        write_line(&path, &line).map_err(failed(&path))
    }

    /// Calls `visit` with every entry, the oldest first. Returns how many lines are no entries, such as the last one
    /// of a process that was killed.
    ///
    /// # Errors
    /// [`JournalError::File`].
    pub fn read(&self, mut visit: impl FnMut(Entry)) -> Result<u64, JournalError> {
        let mut unreadable = 0;
        for number in (0..FILES).rev() {
            let path = self.path(number);
            let file = match File::open(&path) {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                file => file.map_err(failed(&path))?,
            };
            for line in BufReader::new(file).split(b'\n') {
                match serde_json::from_slice(&line.map_err(failed(&path))?) {
                    Ok(entry) => visit(entry),
                    Err(_) => unreadable += 1,
                }
            }
        }
        Ok(unreadable)
    }

    /// Every file becomes one older, the oldest goes.
    fn begin_new_file(&self) -> Result<(), JournalError> {
        for number in (1..FILES).rev() {
            let from = self.path(number - 1);
            match fs::rename(&from, self.path(number)) {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                renamed => renamed.map_err(failed(&from))?,
            }
        }
        Ok(())
    }

    fn path(&self, number: u32) -> PathBuf {
        match number {
            0 => self.folder.join("cycles.jsonl"),
            number => self.folder.join(format!("cycles.{number}.jsonl")),
        }
    }
}

/// Writes a line in one go. A line before it that a full disk has torn off stays apart from it.
fn write_line(path: &Path, line: &[u8]) -> std::io::Result<()> {
    let mut file = File::options().create(true).read(true).append(true).open(path)?;
    let mut last = [b'\n'];
    if file.metadata()?.len() > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    let before: &[u8] = if last == [b'\n'] { b"" } else { b"\n" };
    file.write_all(&[before, line, b"\n"].concat())
}

fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> JournalError {
    let path = path.to_owned();
    move |source| JournalError::File { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: u64) -> Entry {
        Entry { calls: number, ..Entry::example() }
    }

    fn calls(journal: &Journal) -> (Vec<u64>, u64) {
        let mut calls = Vec::new();
        let unreadable = journal.read(|entry| calls.push(entry.calls)).unwrap();
        (calls, unreadable)
    }

    #[test]
    fn entries_come_back_as_they_were_the_oldest_first() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::new(&folder.path().join("journal"));
        assert_eq!(calls(&journal), (vec![], 0));
        for number in 1..=3 {
            journal.append(&entry(number)).unwrap();
        }
        let mut entries = Vec::new();
        journal.read(|entry| entries.push(entry)).unwrap();
        assert_eq!(entries, [entry(1), entry(2), entry(3)]);
    }

    #[test]
    fn the_oldest_go_when_the_files_are_full_and_the_folder_stays_within_its_bound() {
        let folder = tempfile::tempdir().unwrap();
        let line_bytes = serde_json::to_vec(&entry(0)).unwrap().len() as u64 + 1;
        let journal = Journal { max_file_bytes: 4 * line_bytes, ..Journal::new(folder.path()) };
        for number in 0..100 {
            // Every number has two digits, as 0 would have.
            journal.append(&entry(10 + number % 90)).unwrap();
            let files =
                fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().metadata().unwrap().len());
            assert!(files.sum::<u64>() <= u64::from(FILES) * (4 * line_bytes + line_bytes));
        }
        let (kept, unreadable) = calls(&journal);
        assert!((25..=40).contains(&kept.len()), "{}", kept.len());
        let expected: Vec<u64> = (100 - kept.len() as u64..100).map(|number| 10 + number % 90).collect();
        assert_eq!((kept, unreadable), (expected, 0));
    }

    #[test]
    fn a_line_that_was_torn_off_is_counted_and_spoils_only_itself() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::new(folder.path());
        journal.append(&entry(1)).unwrap();
        let path = folder.path().join("cycles.jsonl");
        let mut text = fs::read_to_string(&path).unwrap();
        let begun = text[..20].to_owned();
        text.push_str(&begun);
        fs::write(&path, text).unwrap();
        journal.append(&entry(2)).unwrap();
        assert_eq!(calls(&journal), (vec![1, 2], 1));
    }

    #[test]
    fn many_who_write_at_once_lose_no_line() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal { max_file_bytes: 20_000, ..Journal::new(folder.path()) };
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let journal = journal.clone();
                scope.spawn(move || {
                    (0..50).for_each(|number| journal.append(&entry(writer * 50 + number)).unwrap());
                });
            }
        });
        let (mut kept, unreadable) = calls(&journal);
        kept.sort_unstable();
        assert_eq!((kept, unreadable), ((0..200).collect(), 0));
    }

    #[test]
    fn a_journal_that_cannot_be_written_names_the_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        fs::write(&path, "a file").unwrap();
        let error = Journal::new(&path).append(&entry(1)).unwrap_err().to_string();
        assert!(error.contains(&path.display().to_string()), "{error}");
    }
}
