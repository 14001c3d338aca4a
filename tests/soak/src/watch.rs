//! What the bridge holds, looked at while no cycle runs.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde::Serialize;
use services::kernel::Process;

/// How long the bridge may take to come to rest.
const REST: Duration = Duration::from_secs(5);
/// Producers are closed, and their threads end, a moment after the call that ends a cycle was answered. So long
/// without a change means that all did.
const CALM: Duration = Duration::from_millis(300);
const PAUSE: Duration = Duration::from_millis(20);
/// Tokio's workers, and its pool of threads for what blocks. The pool grows with what is done at once and shrinks when
/// a thread had nothing to do for ten seconds, which beside other work may be never.
const POOL: &str = "tokio-rt-worker";

/// Threads and files may differ by so many: connections to brokers and the registry come and go.
const FEW: f64 = 4.0;
/// The pool may be larger by so many threads: two for each cycle that runs at once.
const POOLED: f64 = 16.0;
/// Memory may be larger by this factor, and so many MiB: allocators keep what was freed.
const MEMORY_FACTOR: f64 = 1.2;
const MEMORY_MB: f64 = 20.0;

/// The bridge at rest.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Sample {
    /// Simulated hours since the beginning.
    pub(crate) hour: f64,
    /// Resident memory, MiB.
    pub(crate) resident_mb: f64,
    /// Open files, sockets among them.
    pub(crate) files: f64,
    /// Transactional producers that were still open when the waiting for rest ended: 0 at rest.
    pub(crate) producers: f64,
    /// How many threads there are of each name.
    pub(crate) threads: BTreeMap<String, usize>,
}

impl Sample {
    /// Waits until the bridge has closed what its last cycles opened, and looks.
    pub(crate) fn take(process: &Process, metrics: &str, hour: f64) -> anyhow::Result<Self> {
        let began = Instant::now();
        let mut producers = producers_open(metrics)?;
        while producers > 0.0 && began.elapsed() < REST {
            std::thread::sleep(PAUSE);
            producers = producers_open(metrics)?;
        }
        let (mut threads, mut changed) = (process.threads_by_name()?, Instant::now());
        while changed.elapsed() < CALM && began.elapsed() < REST {
            std::thread::sleep(PAUSE);
            let before = std::mem::replace(&mut threads, process.threads_by_name()?);
            if threads != before {
                changed = Instant::now();
            }
        }
        let (resident_mb, files) = (process.resident_mb()?, process.open_files()?);
        Ok(Self { hour, resident_mb, files, producers, threads })
    }

    /// All threads.
    pub(crate) fn all_threads(&self) -> usize {
        self.threads.values().sum()
    }

    /// What has grown since the `first` hour by more than is allowed, in words.
    pub(crate) fn grown_since(&self, first: &Self) -> Vec<String> {
        let pool = |sample: &Self| sample.threads.get(POOL).copied().unwrap_or_default();
        let others = |sample: &Self| (sample.all_threads() - pool(sample)) as f64;
        let pool = |sample: &Self| pool(sample) as f64;
        let memory = first.resident_mb * MEMORY_FACTOR + MEMORY_MB;
        let bounds = [
            ("MiB of memory", self.resident_mb, first.resident_mb, memory),
            ("threads beside Tokio's", others(self), others(first), others(first) + FEW),
            ("threads of Tokio's", pool(self), pool(first), pool(first) + POOLED),
            ("open files", self.files, first.files, first.files + FEW),
        ];
        let grown = bounds.into_iter().filter(|(_, now, _, bound)| now > bound);
        grown
            .map(|(what, now, then, bound)| {
                format!(
                    "{now:.0} {what} at the end, {then:.0} after the first hour, at most {bound:.0} allowed"
                )
            })
            .collect()
    }
}

fn producers_open(metrics: &str) -> anyhow::Result<f64> {
    let text = ureq::get(metrics).call()?.body_mut().read_to_string()?;
    let value = text.lines().find_map(|line| line.strip_prefix("mirrorbus_producers_open "));
    value.and_then(|value| value.parse().ok()).context("the bridge does not tell its open producers")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(resident_mb: f64, threads: [usize; 2], files: f64) -> Sample {
        let [pool, others] = threads;
        let threads = [(POOL.to_owned(), pool), ("rdk:main".to_owned(), others)].into();
        Sample { hour: 1.0, resident_mb, files, producers: 0.0, threads }
    }

    #[test]
    fn what_grew_beyond_its_bound_is_named_and_nothing_else() {
        let first = sample(100.0, [7, 10], 50.0);
        for fits in [sample(140.0, [23, 14], 54.0), sample(10.0, [1, 1], 1.0), first.clone()] {
            assert!(fits.grown_since(&first).is_empty(), "{fits:?}");
        }
        for (grown, named) in [
            (
                sample(141.0, [7, 10], 50.0),
                "141 MiB of memory at the end, 100 after the first hour, at most 140",
            ),
            (sample(100.0, [7, 15], 50.0), "15 threads beside Tokio's at the end, 10 after"),
            (sample(100.0, [24, 10], 50.0), "24 threads of Tokio's at the end, 7 after"),
            (sample(100.0, [7, 10], 55.0), "55 open files at the end, 50 after"),
        ] {
            let found = grown.grown_since(&first);
            assert!(found.len() == 1 && found[0].starts_with(named), "{found:?}");
        }
    }
}
