//! What the kernel says of a process: its time on the processors, its memory, threads, files and sockets.

use std::collections::BTreeMap;
use std::io::{Error, Result};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// `sysconf(_SC_CLK_TCK)` on every Linux that this runs on.
const TICKS_PER_SECOND: f64 = 100.0;
const KIB: f64 = 1024.0;

/// A process in `/proc`.
#[derive(Clone, Debug)]
pub struct Process(PathBuf);

impl Process {
    /// The process with this number; whether there is one shows when it is asked.
    #[must_use]
    pub fn new(pid: u32) -> Self {
        Self(Path::new("/proc").join(pid.to_string()))
    }

    /// This process.
    #[must_use]
    pub fn own() -> Self {
        Self::new(std::process::id())
    }

    /// Time on the processors of all its threads, ended ones too, in user and kernel.
    ///
    /// # Errors
    /// When there is no such process any more; so with all that follows.
    pub fn cpu(&self) -> Result<Duration> {
        let stat = self.read("stat")?;
        // The program's name stands in parentheses and may hold anything.
        let (_, fields) = stat.rsplit_once(')').ok_or_else(|| unreadable("stat"))?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let ticks = |index: usize| number(fields.get(index).copied(), "stat");
        Ok(Duration::from_secs_f64((ticks(11)? + ticks(12)?) / TICKS_PER_SECOND))
    }

    /// Resident memory now, in MiB.
    ///
    /// # Errors
    /// As [`Process::cpu`].
    pub fn resident_mb(&self) -> Result<f64> {
        self.status_number("VmRSS:").map(|kib| kib / KIB)
    }

    /// Most resident memory since [`Process::forget_peak`], in MiB.
    ///
    /// # Errors
    /// As [`Process::cpu`].
    pub fn peak_mb(&self) -> Result<f64> {
        self.status_number("VmHWM:").map(|kib| kib / KIB)
    }

    /// Begins a new peak.
    ///
    /// # Errors
    /// As [`Process::cpu`], or when the process is another user's.
    pub fn forget_peak(&self) -> Result<()> {
        std::fs::write(self.0.join("clear_refs"), "5")
    }

    /// Threads.
    ///
    /// # Errors
    /// As [`Process::cpu`].
    pub fn threads(&self) -> Result<f64> {
        self.status_number("Threads:")
    }

    /// How many threads there are of each name. Threads that end meanwhile are left out.
    ///
    /// # Errors
    /// As [`Process::cpu`].
    pub fn threads_by_name(&self) -> Result<BTreeMap<String, usize>> {
        let mut names = BTreeMap::new();
        for thread in std::fs::read_dir(self.0.join("task"))? {
            if let Ok(name) = std::fs::read_to_string(thread?.path().join("comm")) {
                *names.entry(name.trim_end().to_owned()).or_default() += 1;
            }
        }
        Ok(names)
    }

    /// Open files of all kinds, sockets among them.
    ///
    /// # Errors
    /// As [`Process::cpu`].
    pub fn open_files(&self) -> Result<f64> {
        Ok(std::fs::read_dir(self.0.join("fd"))?.count() as f64)
    }

    /// Open sockets.
    ///
    /// # Errors
    /// As [`Process::cpu`].
    pub fn sockets(&self) -> Result<f64> {
        let open = std::fs::read_dir(self.0.join("fd"))?;
        let targets = open.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
        Ok(targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count() as f64)
    }

    fn status_number(&self, key: &str) -> Result<f64> {
        let status = self.read("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        number(line.and_then(|line| line.split_whitespace().next()), "status")
    }

    fn read(&self, file: &str) -> Result<String> {
        std::fs::read_to_string(self.0.join(file))
    }
}

/// Of the last minute, for the whole machine.
///
/// # Errors
/// When the kernel does not tell.
pub fn load_average() -> Result<f64> {
    let text = std::fs::read_to_string("/proc/loadavg")?;
    number(text.split_whitespace().next(), "loadavg")
}

fn number(text: Option<&str>, file: &str) -> Result<f64> {
    text.and_then(|text| text.parse().ok()).ok_or_else(|| unreadable(file))
}

fn unreadable(file: &str) -> Error {
    Error::other(format!("cannot make out what the kernel says in {file}"))
}
