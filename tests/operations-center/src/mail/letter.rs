//! The mail itself: a text of a few lines, in the form of RFC 5322.

use std::time::{Duration, UNIX_EPOCH};

use lettre::message::header::{ContentTransferEncoding, ContentType};
use lettre::message::{Body, Mailbox};
use lettre::{Address, Message};

use super::MailError;
use super::memory::Verdict;
use crate::journal::{Entry, format_compact, format_moment};

/// RFC 5322 allows no longer lines.
const MAX_LINE_BYTES: usize = 998;

/// A mail that is ready to go.
#[derive(Clone, Debug)]
pub(super) struct Letter {
    /// The mail.
    pub(super) message: Message,
    /// What it is about, fit for the name of a file.
    pub(super) name: String,
    /// Whether a server could deliver it.
    pub(super) has_address: bool,
}

impl Letter {
    /// The mail about a cycle that failed, or that completed after others had failed. Its date is the schedule's.
    pub(super) fn new(entry: &Entry, verdict: &Verdict, contact: &str) -> Result<Self, MailError> {
        let Entry { tenant, application, at_ms, .. } = entry;
        let given = contact.trim().parse::<Mailbox>();
        let has_address = given.is_ok();
        let since_1970 = Duration::from_millis(u64::try_from(*at_ms).unwrap_or_default());
        let message = Message::builder()
            .from(mailbox("Operations Center", "operations-center", "localhost"))
            // A domain that is reserved for never being one (RFC 2606).
            .to(given
                .unwrap_or_else(|_| mailbox(contact.trim(), "technical-contact", "not-an-address.invalid")))
            .date(UNIX_EPOCH + since_1970)
            .message_id(None)
            .subject(subject(entry, verdict))
            .header(ContentType::TEXT_PLAIN)
            .body(readable(body(entry, verdict)))
            .map_err(|source| MailError::Letter { tenant: tenant.clone(), source })?;
        let what = if entry.failure.is_some() { "failed" } else { "works-again" };
        let name = format!("{}-{tenant}-{application}-{what}", format_compact(*at_ms));
        Ok(Self { message, name, has_address })
    }
}

/// Without an encoding where RFC 5322 asks for none, so that the file can be read without a mail program.
fn readable(text: String) -> Body {
    if text.is_ascii() && text.lines().all(|line| line.len() <= MAX_LINE_BYTES) {
        let lines = text.replace('\n', "\r\n").into_bytes();
        return Body::dangerous_pre_encoded(lines, ContentTransferEncoding::SevenBit);
    }
    Body::new(text)
}

fn mailbox(name: &str, user: &str, domain: &str) -> Mailbox {
    Mailbox::new(Some(name.to_owned()), Address::new_dangerous(user, domain))
}

fn subject(entry: &Entry, verdict: &Verdict) -> String {
    let Entry { tenant, application_name: application, .. } = entry;
    match (verdict, &entry.failure) {
        (Verdict::Failed { .. }, Some(failure)) => {
            let operation = failure.operation.as_deref().unwrap_or("cycle");
            format!("Mirroring of {tenant} to {application} failed: {operation}, {}", failure.kind)
        }
        _ => format!("Mirroring of {tenant} to {application} works again"),
    }
}

fn body(entry: &Entry, verdict: &Verdict) -> String {
    let Entry { tenant, application_name, application, .. } = entry;
    let what = match verdict {
        Verdict::WorksAgain { since_ms, failures } => works_again(*since_ms, *failures),
        Verdict::Failed { suppressed } => failed(entry, *suppressed),
        Verdict::Nothing | Verdict::Suppressed => String::new(),
    };
    format!(
        "Tenant:       {tenant}\n\
         Application:  {application_name} ({application})\n\
         Cycle:        {} by the schedule's clock\n\
         \x20             {} in real time\n\
         {what}",
        format_moment(entry.at_ms),
        format_moment(entry.real_at_ms),
    )
}

fn failed(entry: &Entry, suppressed: u64) -> String {
    let Some(failure) = &entry.failure else { return String::new() };
    let operation = failure.operation.as_deref().unwrap_or("none, the cycle failed outside of a call");
    let table = failure.table.as_deref().map(|table| format!("Table:        {table}\n")).unwrap_or_default();
    let others = match suppressed {
        0 => String::new(),
        number => format!("Failures of this kind that were not mailed since the last mail: {number}.\n"),
    };
    format!(
        "Call:         {operation}\n{table}Kind:         {}\nReason:       {}\n\n{others}\
         The cycle has ended. The next one, about 20 minutes after this one\n\
         began, starts again from the positions that the receiver answers.\n\
         A failure of this kind is mailed once in 24 hours; one more mail\n\
         comes when a cycle completes.\n",
        failure.kind, failure.reason
    )
}

fn works_again(since_ms: i64, failures: u64) -> String {
    format!(
        "\nThis cycle completed. Before it {failures} failed, the first of them at\n{}.\n",
        format_moment(since_ms)
    )
}
