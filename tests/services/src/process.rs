//! One guarded process with a log file of its own, and the patience to wait for it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::error::ServicesError;
use crate::guard::{Guarded, Signal};
use crate::kernel;

/// How often a starting process is asked whether it answers.
const PAUSE: Duration = Duration::from_millis(25);

/// How long a process may take to end in order; Kafka and the registry need one or two seconds.
const STOP: Duration = Duration::from_secs(20);

/// How many lines of a log an error shows: enough for one Java stack trace with its cause.
const TAIL_LINES: usize = 25;

/// What Kafka, Quarkus, H2 and PostgreSQL say when another process holds a port, a file or memory of theirs.
const CLASHES: [&str; 5] =
    ["already in use", "already bound", "in use by another", "acquire lock", "is still in use"];

/// How long to wait, and who may call it off.
pub(crate) struct Patience<'a> {
    begin: Instant,
    limit: Duration,
    cancelled: &'a AtomicBool,
}

impl<'a> Patience<'a> {
    pub(crate) fn new(limit: Duration, cancelled: &'a AtomicBool) -> Patience<'a> {
        Patience { begin: Instant::now(), limit, cancelled }
    }
}

#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    guarded: Guarded,
    log: PathBuf,
    /// Where this run begins in a log that keeps those before it.
    log_start: usize,
}

impl Process {
    /// Starts a command line begun by [`crate::guard`], with its output at the end of the log.
    pub(crate) fn start(name: &str, mut command: Command, log: &Path) -> Result<Process, ServicesError> {
        let open = |path| File::options().create(true).append(true).open(path);
        let file = open(log).map_err(ServicesError::file("open", log))?;
        let errors = file.try_clone().map_err(ServicesError::file("open", log))?;
        let log_start = fs::read(log).map_or(0, |bytes| bytes.len());
        command.stdout(file).stderr(errors);
        let guarded = Guarded::spawn(command)
            .map_err(|source| ServicesError::Spawn { name: name.to_owned(), source })?;
        Ok(Process { name: name.to_owned(), guarded, log: log.to_owned(), log_start })
    }

    /// Asks until the process answers; its end, or the end of patience, is an error.
    pub(crate) fn wait_until(
        &mut self,
        patience: &Patience<'_>,
        mut answers: impl FnMut() -> bool,
    ) -> Result<(), ServicesError> {
        while !answers() {
            if let Some(status) = self.guarded.wait(PAUSE) {
                return Err(self.ended(status));
            }
            self.check(patience)?;
        }
        Ok(())
    }

    /// Waits until the process has done its work; only exit code 0 is success.
    pub(crate) fn complete(&mut self, patience: &Patience<'_>) -> Result<(), ServicesError> {
        loop {
            match self.guarded.wait(PAUSE) {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(self.ended(status)),
                None => self.check(patience)?,
            }
        }
    }

    /// A process whose family this one is of.
    pub(crate) fn kernel(&self) -> kernel::Process {
        self.guarded.kernel()
    }

    /// Stops the process where it is, until [`Process::resume`].
    pub(crate) fn pause(&mut self) {
        self.guarded.pause();
    }

    /// Lets a paused process go on; one that runs does not notice.
    pub(crate) fn resume(&mut self) {
        self.guarded.signal(Signal::Continue);
    }

    /// Whether the process has ended by itself or by a signal.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.guarded.wait(Duration::ZERO).is_some()
    }

    /// Asks the process to end, paused or not; [`Process::finish`] waits for it.
    pub(crate) fn terminate(&mut self) {
        self.guarded.signal(Signal::Terminate);
        self.resume();
    }

    /// Sends what Ctrl-C sends, for what takes that as the request to end; [`Process::finish`] waits for it.
    pub(crate) fn interrupt(&mut self) {
        self.guarded.signal(Signal::Interrupt);
    }

    /// Sends the request to end without order, for what has children to end too; [`Process::finish`] waits for it.
    pub(crate) fn quit(&mut self) {
        self.guarded.signal(Signal::Quit);
    }

    /// Waits for the end, and brings it about when it takes too long.
    pub(crate) fn finish(&mut self) {
        if self.guarded.wait(STOP).is_none() {
            self.kill();
        }
    }

    /// Ends the process at once, as `kill -9` does, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        self.guarded.signal(Signal::Kill);
        self.guarded.wait(STOP);
    }

    fn check(&self, patience: &Patience<'_>) -> Result<(), ServicesError> {
        if patience.cancelled.load(Ordering::Relaxed) {
            return Err(ServicesError::Cancelled);
        }
        if patience.begin.elapsed() < patience.limit {
            return Ok(());
        }
        Err(ServicesError::Silent {
            name: self.name.clone(),
            seconds: patience.limit.as_secs(),
            log: self.log.clone(),
            tail: tail(&self.written()),
        })
    }

    fn ended(&self, status: ExitStatus) -> ServicesError {
        let written = self.written();
        ServicesError::Ended {
            name: self.name.clone(),
            status,
            log: self.log.clone(),
            tail: tail(&written),
            clash: CLASHES.iter().any(|sign| written.contains(sign)),
        }
    }

    /// What this run has written to its log.
    fn written(&self) -> String {
        let bytes = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(bytes.get(self.log_start..).unwrap_or_default()).into_owned()
    }
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard;

    fn run(folder: &Path, script: &str) -> Result<(), ServicesError> {
        let mut command = guard::command();
        command.args(["sh", "-c", script]);
        let never = AtomicBool::new(false);
        let patience = Patience::new(Duration::from_secs(10), &never);
        Process::start("example", command, &folder.join("log"))?.complete(&patience)
    }

    #[test]
    fn an_error_shows_the_end_of_the_log_and_only_of_this_run() {
        let folder = tempfile::tempdir().unwrap();
        run(folder.path(), "echo an old line").unwrap();
        let error = run(folder.path(), "seq 100; echo port already in use >&2; exit 3").unwrap_err();
        let text = error.to_string();
        assert!(text.contains("example ended (exit status: 3)"), "{text}");
        assert!(text.contains("/log ends:\n77\n"), "{text}");
        assert!(text.ends_with("100\nport already in use"), "{text}");
        assert!(matches!(error, ServicesError::Ended { clash: true, .. }));
    }

    #[test]
    fn whoever_cancels_does_not_wait() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = guard::command();
        command.args(["sleep", "60"]);
        let cancelled = AtomicBool::new(true);
        let patience = Patience::new(Duration::from_secs(60), &cancelled);
        let mut process = Process::start("example", command, &folder.path().join("log")).unwrap();
        assert!(matches!(process.complete(&patience), Err(ServicesError::Cancelled)));
    }
}
