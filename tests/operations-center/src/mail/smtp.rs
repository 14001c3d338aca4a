//! Mails over a server, on a thread of their own: a server that is slow or away stops no cycle.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use lettre::{SmtpTransport, Transport};
use ureq::http::Uri;

use super::MailError;
use super::folder::Folder;
use super::letter::Letter;

/// How long each step of talking to the server may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Where mail servers listen.
const SMTP_PORT: u16 = 25;
/// So many mails may wait for the server; more go to the folder.
const WAITING: usize = 100;

/// Host and port of `smtp://host:port`.
fn address(url: &str) -> Option<(String, u16)> {
    let uri: Uri = url.parse().ok()?;
    let authority = uri.authority()?;
    let is_all = matches!(uri.path(), "" | "/") && uri.query().is_none();
    if uri.scheme_str() != Some("smtp") || !is_all || authority.as_str().contains('@') {
        return None;
    }
    let has_port = authority.as_str() != authority.host();
    let port = if has_port { authority.port_u16()? } else { SMTP_PORT };
    let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
    (!host.is_empty()).then_some((host, port))
}

fn without_user(url: &str) -> String {
    url.rsplit_once('@').map_or_else(|| url.to_owned(), |(_, host)| format!("smtp://{host}"))
}

/// The way to a mail server.
pub(super) struct Smtp {
    letters: SyncSender<Letter>,
    troubles: Receiver<String>,
    closing: Arc<AtomicBool>,
    thread: JoinHandle<()>,
    folder: Folder,
}

/// What the thread works with.
struct Postman {
    transport: SmtpTransport,
    folder: Folder,
    troubles: Sender<String>,
    closing: Arc<AtomicBool>,
}

impl Smtp {
    /// A way to the server at `url`, such as `smtp://localhost:25`. What it does not take goes to `folder`.
    pub(super) fn start(url: &str, folder: Folder) -> Result<Self, MailError> {
        let (host, port) = address(url).ok_or_else(|| MailError::Url { url: without_user(url) })?;
        let transport = SmtpTransport::builder_dangerous(host).port(port).timeout(Some(TIMEOUT)).build();
        let (letters, waiting) = sync_channel(WAITING);
        let (sender, troubles) = channel();
        let closing = Arc::new(AtomicBool::new(false));
        let postman =
            Postman { transport, folder: folder.clone(), troubles: sender, closing: Arc::clone(&closing) };
        let thread = std::thread::spawn(move || postman.work(&waiting));
        Ok(Self { letters, troubles, closing, thread, folder })
    }

    /// Hands a mail over without waiting.
    pub(super) fn send(&self, letter: Letter) -> Result<(), MailError> {
        match self.letters.try_send(letter) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(letter) | TrySendError::Disconnected(letter)) => {
                self.folder.put(&letter).map(|_| ())
            }
        }
    }

    /// What went wrong since this was last asked.
    pub(super) fn troubles(&self) -> Vec<String> {
        self.troubles.try_iter().collect()
    }

    /// Waits for the mails that wait.
    pub(super) fn close(self) -> Vec<String> {
        let Self { letters, troubles, closing, thread, .. } = self;
        closing.store(true, Ordering::SeqCst);
        drop(letters);
        let mut all: Vec<String> = troubles.iter().collect();
        if thread.join().is_err() {
            all.push("the thread that sends mail broke off".to_owned());
        }
        all
    }
}

impl Postman {
    fn work(&self, waiting: &Receiver<Letter>) {
        let mut is_away = false;
        for letter in waiting {
            // Who wants to close does not wait once for each mail.
            if is_away && self.closing.load(Ordering::SeqCst) {
                self.keep(&letter, "the server did not answer before");
                continue;
            }
            match self.transport.send(&letter.message) {
                Ok(_) => is_away = false,
                Err(error) => {
                    is_away = true;
                    self.keep(&letter, &error.to_string());
                }
            }
        }
    }

    fn keep(&self, letter: &Letter, why: &str) {
        let trouble = match self.folder.put(letter) {
            Ok(path) => format!("cannot send a mail, it is in {}: {why}", path.display()),
            Err(error) => format!("cannot send a mail: {why}; and {error}"),
        };
        // Nobody reads them any more when the program ends in the middle.
        let _ = self.troubles.send(trouble);
    }
}
