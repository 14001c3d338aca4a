//! Who is told: the technical contact of an application, by mail, when a cycle fails and when it works again.
//!
//! A mail says no more than the journal: no row, no token, no key. A receiver that is down for a night would bring
//! hundreds of mails, so there is one a day for each kind of failure, and the others are counted. What was mailed is
//! remembered while the program runs, not longer.

mod folder;
mod letter;
mod memory;
mod smtp;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use self::folder::Folder;
use self::letter::Letter;
use self::memory::{Memory, Verdict};
use self::smtp::Smtp;
use crate::journal::Entry;

/// Why a mail could not be made or kept.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// A mail's file, or the folder.
    #[error("cannot write a mail at {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: std::io::Error,
    },
    /// The mail library makes no mail of it.
    #[error("cannot make a mail about {tenant}")]
    Letter {
        /// The tenant.
        tenant: String,
        /// What the mail library says.
        #[source]
        source: lettre::error::Error,
    },
    /// Not the address of a mail server.
    #[error(
        "cannot send mail over '{url}', give host and port as in smtp://localhost:25, without user and TLS"
    )]
    Url {
        /// What was given, without user and password.
        url: String,
    },
}

/// What became of the mails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MailCounts {
    /// Mails written to the folder or handed to the mail server.
    pub mailed: u64,
    /// Failures that were not mailed, because one of their kind was in the 24 hours before.
    pub suppressed: u64,
    /// Mails that nobody got, because the application has no technical contact.
    pub without_contact: u64,
}

/// Tells technical contacts.
pub struct Mailer {
    memory: Memory,
    folder: Folder,
    smtp: Option<Smtp>,
    counts: MailCounts,
}

impl Mailer {
    /// Writes every mail to a file in `folder`, which is made when the first one is written.
    #[must_use]
    pub fn to_folder(folder: &Path) -> Self {
        let folder = Folder::new(folder);
        Self { memory: Memory::default(), folder, smtp: None, counts: MailCounts::default() }
    }

    /// Sends the mails over a server instead, such as `smtp://localhost:25`. What it does not take goes to the folder.
    ///
    /// # Errors
    /// [`MailError::Url`] when that is no address of a mail server. Whether one is there shows with the first mail.
    pub fn over_smtp(self, url: &str) -> Result<Self, MailError> {
        let smtp = Smtp::start(url, self.folder.clone())?;
        Ok(Self { smtp: Some(smtp), ..self })
    }

    /// Tells the technical contact what became of a cycle, if that is to be told now.
    ///
    /// # Errors
    /// [`MailError`] when there should be a mail and none could be made or written.
    pub fn tell(&mut self, entry: &Entry, technical_contact: &str) -> Result<(), MailError> {
        let verdict = self.memory.judge(entry);
        match verdict {
            Verdict::Nothing => return Ok(()),
            Verdict::Suppressed => {
                self.counts.suppressed += 1;
                return Ok(());
            }
            Verdict::Failed { .. } | Verdict::WorksAgain { .. } => {}
        }
        if technical_contact.trim().is_empty() {
            self.counts.without_contact += 1;
            return Ok(());
        }
        let letter = Letter::new(entry, &verdict, technical_contact)?;
        self.counts.mailed += 1;
        match &self.smtp {
            Some(smtp) if letter.has_address => smtp.send(letter),
            _ => self.folder.put(&letter).map(|_| ()),
        }
    }

    /// What the mail server did not take since this was last asked.
    #[must_use]
    pub fn troubles(&self) -> Vec<String> {
        self.smtp.as_ref().map(Smtp::troubles).unwrap_or_default()
    }

    /// Waits until all mails are with the server or in the folder. Where the server does not answer that takes some
    /// twenty seconds.
    #[must_use]
    pub fn close(self) -> (MailCounts, Vec<String>) {
        (self.counts, self.smtp.map(Smtp::close).unwrap_or_default())
    }
}
