//! What the kernel says of a process: its time on the processors, its memory, threads and sockets.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;

/// `sysconf(_SC_CLK_TCK)` on every Linux that this runs on.
const TICKS_PER_SECOND: f64 = 100.0;
const KIB: f64 = 1024.0;

/// A process in `/proc`.
#[derive(Clone, Debug)]
pub(crate) struct Process(PathBuf);

impl Process {
    pub(crate) fn new(pid: u32) -> Self {
        Self(Path::new("/proc").join(pid.to_string()))
    }

    /// This process.
    pub(crate) fn own() -> Self {
        Self::new(std::process::id())
    }

    /// Time on the processors of all its threads, ended ones too, in user and kernel.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        let stat = self.read("stat")?;
        // The program's name stands in parentheses and may hold anything.
        let fields: Vec<&str> =
            stat.rsplit_once(')').context("stat has no name")?.1.split_whitespace().collect();
        let ticks = |index: usize| -> anyhow::Result<f64> {
            Ok(fields.get(index).context("stat is short")?.parse()?)
        };
        Ok(Duration::from_secs_f64((ticks(11)? + ticks(12)?) / TICKS_PER_SECOND))
    }

    /// Resident memory now.
    pub(crate) fn resident_mb(&self) -> anyhow::Result<f64> {
        self.status_number("VmRSS:").map(|kib| kib / KIB)
    }

    /// Most resident memory since [`Process::forget_peak`].
    pub(crate) fn peak_mb(&self) -> anyhow::Result<f64> {
        self.status_number("VmHWM:").map(|kib| kib / KIB)
    }

    pub(crate) fn forget_peak(&self) -> anyhow::Result<()> {
        std::fs::write(self.0.join("clear_refs"), "5").context("cannot reset the peak")
    }

    pub(crate) fn threads(&self) -> anyhow::Result<f64> {
        self.status_number("Threads:")
    }

    pub(crate) fn sockets(&self) -> anyhow::Result<f64> {
        let open = std::fs::read_dir(self.0.join("fd"))?;
        let targets = open.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
        Ok(targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count() as f64)
    }

    fn status_number(&self, key: &str) -> anyhow::Result<f64> {
        let status = self.read("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        let value = line.and_then(|line| line.split_whitespace().next()).context("status lacks a line")?;
        Ok(value.parse()?)
    }

    fn read(&self, file: &str) -> anyhow::Result<String> {
        let path = self.0.join(file);
        std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    }
}

/// Of the last minute.
pub(crate) fn load_average() -> anyhow::Result<f64> {
    let text = std::fs::read_to_string("/proc/loadavg")?;
    Ok(text.split_whitespace().next().context("no load average")?.parse()?)
}
