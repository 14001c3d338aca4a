//! What the schedule's user sees, and what is kept of it.

use std::collections::BTreeSet;
use std::error::Error;
use std::io::Write;

use operations_center::causes::with_causes;
use operations_center::journal::{Entry, Journal};
use operations_center::mail::{MailCounts, Mailer};
use operations_center::schedule::{Ended, Event, Stopper, Summary};

/// Prints, journals and mails. Nothing that fails here stops a cycle, but an output that nobody reads any more stops
/// the schedule.
pub(super) struct Reporter<'o, W> {
    out: &'o mut W,
    journal: Journal,
    mailer: Mailer,
    stopper: Stopper,
    /// Why the output cannot be written.
    broken: Option<std::io::Error>,
    complaints: Complaints,
}

/// Goes to the error output, each text once: a full disk need not be told at every cycle.
#[derive(Default)]
struct Complaints(BTreeSet<String>);

impl<'o, W: Write> Reporter<'o, W> {
    pub(super) fn new(out: &'o mut W, journal: Journal, mailer: Mailer, stopper: Stopper) -> Self {
        Self { out, journal, mailer, stopper, broken: None, complaints: Complaints::default() }
    }

    pub(super) fn report(&mut self, event: &Event<'_>) {
        match event {
            Event::Ended(ended) => self.ended(ended),
            Event::RegisterFailed(error) => self.complaints.error(*error),
        }
    }

    fn ended(&mut self, ended: &Ended) {
        let entry = Entry::from(ended);
        if let Err(error) = writeln!(self.out, "{entry}").and_then(|()| self.out.flush()) {
            self.broken.get_or_insert(error);
            self.stopper.stop();
        }
        if let Err(error) = self.journal.append(&entry) {
            self.complaints.error(&error);
        }
        let contact = &ended.assignment.application.details.technical_contact;
        if let Err(error) = self.mailer.tell(&entry, contact) {
            self.complaints.error(&error);
        }
        self.complaints.all(self.mailer.troubles());
    }

    /// Prints what it all came to, once the mails are gone.
    pub(super) fn finish(mut self, summary: &Summary) -> anyhow::Result<()> {
        let (counts, troubles) = self.mailer.close();
        self.complaints.all(troubles);
        match self.broken {
            Some(error) => Err(error.into()),
            None => Ok(print(self.out, summary, counts)?),
        }
    }
}

impl Complaints {
    fn all(&mut self, texts: Vec<String>) {
        for text in texts {
            if self.0.insert(text.clone()) {
                eprintln!("operations-center: {text}");
            }
        }
    }

    fn error(&mut self, error: &(dyn Error + 'static)) {
        self.all(vec![with_causes(error)]);
    }
}

fn print(out: &mut impl Write, summary: &Summary, mails: MailCounts) -> std::io::Result<()> {
    let Summary { completed, failed, skipped, stopped, late, .. } = summary;
    writeln!(
        out,
        "cycles: {} (completed {completed}, failed {failed}, skipped by the receiver {skipped}, stopped {stopped}; \
         late {late})",
        summary.cycles()
    )?;
    let MailCounts { mailed, suppressed, without_contact } = mails;
    if mailed + suppressed + without_contact > 0 {
        writeln!(out, "mails: {mailed}; failures not mailed again within a day: {suppressed}")?;
    }
    if without_contact > 0 {
        writeln!(
            out,
            "mails without a reader: {without_contact}, an application gets its technical contact at 'app register'"
        )?;
    }
    Ok(())
}
