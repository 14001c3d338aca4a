//! A program of this workspace that is killed, paused and started again.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use services::guard::{self, Guarded, Signal};

/// A program that does not answer by then will not.
const ANSWER: Duration = Duration::from_secs(60);
/// A bridge lets calls end for 60 s at most.
const END: Duration = Duration::from_secs(75);
const PAUSE: Duration = Duration::from_millis(20);

/// A child process with a log, and how to start it.
pub(crate) struct Program {
    name: String,
    program: PathBuf,
    arguments: Vec<String>,
    log: PathBuf,
    /// Answers once the program is ready; `None` where nothing tells.
    live: Option<String>,
    process: Option<Guarded>,
}

impl Program {
    /// A program that is not started yet; its log is appended to `folder/name.log`.
    pub(crate) fn new(
        name: &str,
        program: &str,
        arguments: Vec<String>,
        folder: &Path,
        live: Option<String>,
    ) -> anyhow::Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let program = beside_this_program(program)?;
        Ok(Self { name: name.to_owned(), program, arguments, log, live, process: None })
    }

    /// Starts it and waits until it answers.
    pub(crate) fn start(&mut self) -> anyhow::Result<()> {
        let log = File::options().create(true).append(true).open(&self.log);
        let log = log.with_context(|| format!("cannot open {}", self.log.display()))?;
        let mut command = guard::process();
        command.arg(&self.program).args(&self.arguments).stdout(log.try_clone()?).stderr(log);
        let process = Guarded::spawn(command).with_context(|| format!("cannot start {}", self.name))?;
        self.process = Some(process);
        let began = Instant::now();
        while self.live.as_ref().is_some_and(|live| ureq::get(live).call().is_err()) {
            self.check()?;
            ensure!(began.elapsed() < ANSWER, "{} does not answer, see {}", self.name, self.log.display());
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// An error where it has ended and nobody asked for it.
    pub(crate) fn check(&mut self) -> anyhow::Result<()> {
        match self.process.as_mut().and_then(|process| process.wait(Duration::ZERO)) {
            None => Ok(()),
            Some(status) => bail!("{} ended by itself ({status}), see {}", self.name, self.log.display()),
        }
    }

    /// Ends it as `kill -9` does.
    pub(crate) fn kill(&mut self) -> anyhow::Result<()> {
        self.end(Signal::Kill).map(|_| ())
    }

    /// Asks it to end; it must do so in order.
    pub(crate) fn terminate(&mut self) -> anyhow::Result<()> {
        let status = self.end(Signal::Terminate)?;
        ensure!(status.success(), "{} ended with {status} when it was asked to end", self.name);
        Ok(())
    }

    /// Stops it where it is for a while.
    pub(crate) fn pause(&mut self, time: Duration) {
        if let Some(process) = &mut self.process {
            process.signal(Signal::Stop);
            std::thread::sleep(time);
            process.signal(Signal::Continue);
        }
    }

    fn end(&mut self, signal: Signal) -> anyhow::Result<ExitStatus> {
        self.check()?;
        let mut process = self.process.take().with_context(|| format!("{} was not started", self.name))?;
        process.signal(signal);
        process.wait(END).with_context(|| format!("{} does not end", self.name))
    }
}

/// The workspace's programs stand in one folder.
fn beside_this_program(name: &str) -> anyhow::Result<PathBuf> {
    let this = std::env::current_exe()?;
    let program = this.parent().context("this program is in no folder")?.join(name);
    ensure!(program.is_file(), "{name} is not built: run `make build`");
    Ok(program)
}
