//! Mails as files: `.eml`, which every mail program opens.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::MailError;
use super::letter::Letter;

/// Older files go when there are more, the ones with the oldest dates first: 1000 mails are a few megabytes.
const MAX_FILES: usize = 1000;

/// The folder of mails.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    path: PathBuf,
    max_files: usize,
}

impl Folder {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), max_files: MAX_FILES }
    }

    /// Writes a mail to a file of its own, and returns the file.
    pub(super) fn put(&self, letter: &Letter) -> Result<PathBuf, MailError> {
        fs::create_dir_all(&self.path).map_err(failed(&self.path))?;
        self.make_room()?;
        let (path, mut file) = self.create(&letter.name)?;
        file.write_all(&letter.message.formatted()).map_err(failed(&path))?;
        Ok(path)
    }

    /// A new file of this name, or with the first number behind it that is free.
    fn create(&self, name: &str) -> Result<(PathBuf, File), MailError> {
        let mut number = 1;
        loop {
            let suffix = if number == 1 { String::new() } else { format!("-{number}") };
            let path = self.path.join(format!("{name}{suffix}.eml"));
            match File::create_new(&path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => number += 1,
                file => return Ok((path.clone(), file.map_err(failed(&path))?)),
            }
        }
    }

    /// Removes the oldest files until one more has room.
    fn make_room(&self) -> Result<(), MailError> {
        let mut mails = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(failed(&self.path))? {
            let path = entry.map_err(failed(&self.path))?.path();
            if path.extension().is_some_and(|extension| extension == "eml") {
                mails.push(path);
            }
        }
        mails.sort();
        let too_many = (mails.len() + 1).saturating_sub(self.max_files);
        for path in mails.into_iter().take(too_many) {
            match fs::remove_file(&path) {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                removed => removed.map_err(failed(&path))?,
            }
        }
        Ok(())
    }
}

fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> MailError {
    let path = path.to_owned();
    move |source| MailError::File { path, source }
}

#[cfg(test)]
mod tests {
    use super::super::memory::Verdict;
    use super::*;
    use crate::journal::Entry;

    fn letter(minute: i64) -> Letter {
        let mut entry = Entry::failed_example();
        entry.at_ms += minute * 60_000;
        Letter::new(&entry, &Verdict::Failed { suppressed: 0 }, "a@example.com").unwrap()
    }

    #[test]
    fn two_mails_of_one_second_have_two_files() {
        let folder = tempfile::tempdir().unwrap();
        let mails = Folder::new(&folder.path().join("mail"));
        let names = [(); 2].map(|()| mails.put(&letter(0)).unwrap().file_name().unwrap().to_owned());
        assert_eq!(
            names,
            ["20260101T082000Z-Cust1-abc-failed.eml", "20260101T082000Z-Cust1-abc-failed-2.eml"]
        );
    }

    #[test]
    fn the_oldest_mails_go_when_there_are_too_many_and_other_files_stay() {
        let folder = tempfile::tempdir().unwrap();
        let mails = Folder { max_files: 3, ..Folder::new(folder.path()) };
        fs::write(folder.path().join("0-notes.txt"), "mine").unwrap();
        let paths: Vec<_> = (0..5).map(|minute| mails.put(&letter(minute)).unwrap()).collect();
        let exists: Vec<_> = paths.iter().map(|path| path.exists()).collect();
        assert_eq!(exists, [false, false, true, true, true]);
        assert!(folder.path().join("0-notes.txt").exists());
    }
}
