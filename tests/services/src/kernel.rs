//! What the kernel says of a process: its time on the processors, its memory, threads, files and sockets.

use std::collections::BTreeMap;
use std::io::{Error, Result};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// `sysconf(_SC_CLK_TCK)` on every Linux that this runs on.
const TICKS_PER_SECOND: f64 = 100.0;
const KIB: f64 = 1024.0;

/// Places in `stat` after the program's name: the parent, and times of the process and of its children that ended.
const PARENT: usize = 1;
const UTIME: usize = 11;
const STIME: usize = 12;
const CUTIME: usize = 13;
const CSTIME: usize = 14;

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
        self.ticks(&[UTIME, STIME])
    }

    /// Time on the processors of this process and all that descend from it, those that have ended among them.
    ///
    /// # Errors
    /// As [`Process::cpu`].
    pub fn family_cpu(&self) -> Result<Duration> {
        let times = self.family()?.into_iter().map(|process| process.ticks(&[UTIME, STIME, CUTIME, CSTIME]));
        // One that ends meanwhile is its parent's to tell of, next time.
        Ok(times.flatten().sum())
    }

    /// Most resident memory that one process of the family has had, in MiB.
    ///
    /// # Errors
    /// As [`Process::cpu`].
    pub fn family_peak_mb(&self) -> Result<f64> {
        let peaks = self.family()?.into_iter().flat_map(|process| process.peak_mb());
        Ok(peaks.fold(0.0, f64::max))
    }

    /// This process and all that descend from it now.
    fn family(&self) -> Result<Vec<Process>> {
        self.fields()?;
        let mut family = vec![self.clone()];
        let parents: Vec<(PathBuf, PathBuf)> = std::fs::read_dir("/proc")?
            .filter_map(|entry| {
                let process = Self(entry.ok()?.path());
                let parent = process.fields().ok()?.get(PARENT)?.clone();
                Some((process.0, Path::new("/proc").join(parent)))
            })
            .collect();
        let mut next = 0;
        while let Some(parent) = family.get(next).map(|process| process.0.clone()) {
            let children = parents.iter().filter(|(_, of)| *of == parent);
            family.extend(children.map(|(child, _)| Self(child.clone())));
            next += 1;
        }
        Ok(family)
    }

    fn ticks(&self, which: &[usize]) -> Result<Duration> {
        let fields = self.fields()?;
        let ticks = which.iter().map(|index| number(fields.get(*index).map(String::as_str), "stat"));
        Ok(Duration::from_secs_f64(ticks.sum::<Result<f64>>()? / TICKS_PER_SECOND))
    }

    /// The fields of `stat` that follow the program's name.
    fn fields(&self) -> Result<Vec<String>> {
        let stat = self.read("stat")?;
        // The name stands in parentheses and may hold anything.
        let (_, fields) = stat.rsplit_once(')').ok_or_else(|| unreadable("stat"))?;
        Ok(fields.split_whitespace().map(str::to_owned).collect())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::{self, Guarded, Signal};

    #[test]
    fn a_family_has_the_time_of_those_that_ended() {
        let mut command = guard::process();
        // Children that count and end, and one that stays and counts.
        let count = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
        command.args(["sh", "-c", &format!("sh -c '{count}'; {count}; sleep 60")]);
        let mut guarded = Guarded::spawn(command).unwrap();
        let process = guarded.kernel();
        let began = std::time::Instant::now();
        while process.family_cpu().unwrap() < Duration::from_millis(100) {
            assert!(began.elapsed() < Duration::from_secs(30), "{:?}", process.family_cpu());
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(process.cpu().unwrap() < Duration::from_millis(50), "the shell itself does nothing");
        assert!(process.family_peak_mb().unwrap() > 0.1);
        guarded.signal(Signal::Kill);
        assert!(guarded.wait(Duration::from_secs(10)).is_some());
        assert!(process.family_cpu().is_err());
    }
}
