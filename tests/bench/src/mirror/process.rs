//! A mirror as a process, from its start until its position has reached the end of the rows.

use std::fs::File;
use std::process::Command;
use std::time::{Duration, Instant};

use services::guard::{self, Guarded, Signal};

use super::source::Source;
use crate::bridge::program;
use crate::stage::{PREFIX, Stage};

/// How often the destination is asked for the position.
const PAUSE: Duration = Duration::from_millis(20);
/// How long a mirror may take for all rows, also one that was not built for speed.
const LIMIT: Duration = Duration::from_secs(1200);
/// How long a mirror may take to end.
const END: Duration = Duration::from_secs(60);

/// Where a mirror writes.
pub(crate) trait Target {
    /// The mirror's program.
    const PROGRAM: &'static str;
    /// Whether another process than the mirror does the database's work.
    const HAS_SERVER: bool;

    /// Says the program where to write.
    fn point(&self, command: &mut Command) -> anyhow::Result<()>;

    /// Brings the database to rest before a mirror starts.
    fn settle(&mut self) -> anyhow::Result<()>;

    /// The offset that the mirror reads next of the topic's only partition, if it has been there.
    fn next_offset(&mut self, topic: &str) -> anyhow::Result<Option<i64>>;

    /// Time of the database's own processes.
    fn server_cpu(&self) -> anyhow::Result<Duration>;
}

/// What a mirror took; times on the processors are user and system, of all threads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    pub(crate) took: Duration,
    /// Of `took`, until the first rows were there.
    pub(crate) start: Duration,
    pub(crate) mirror: Duration,
    pub(crate) kafka: Duration,
    pub(crate) server: Duration,
    /// Most resident memory of the mirror.
    pub(crate) peak_mb: f64,
}

impl Cost {
    /// Rows a second when they took so long.
    pub(crate) fn per_s(&self, rows: usize, took: Duration) -> f64 {
        rows as f64 / took.as_secs_f64()
    }

    /// Times divided by the rows; all but the start, which every run has once.
    pub(crate) fn per_row(&self, rows: usize) -> Cost {
        let each = |time: Duration| time.div_f64(rows as f64);
        Cost {
            took: each(self.took),
            mirror: each(self.mirror),
            kafka: each(self.kafka),
            server: each(self.server),
            ..*self
        }
    }
}

pub(crate) fn run<T: Target>(stage: &Stage, source: &Source, target: &mut T) -> anyhow::Result<Cost> {
    let (topic, end) = (source.topic(), source.end()?);
    target.settle()?;
    let before = target.next_offset(&topic)?;
    let (kafka, server) = (stage.kafka_cpu()?, target.server_cpu()?);
    let log = stage.folder.join(format!("{}.log", T::PROGRAM));
    let output = File::create(&log)?;
    let mut command = guard::process();
    command.arg(program(T::PROGRAM)?).arg("run").env("RUST_LOG", "info");
    command.args(["--kafka", &stage.kafka(), "--registry", &stage.registry()?, "--prefix", PREFIX]);
    target.point(&mut command)?;
    command.stdout(output.try_clone()?).stderr(output);
    let began = Instant::now();
    let mut mirror = Guarded::spawn(command)?;
    let mut start = None;
    loop {
        let next = target.next_offset(&topic)?;
        if next != before {
            start.get_or_insert_with(|| began.elapsed());
        }
        if next.is_some_and(|next| next >= end) {
            break;
        }
        let goes_on = mirror.wait(PAUSE).is_none() && began.elapsed() < LIMIT;
        anyhow::ensure!(goes_on, "{} did not reach the end of {topic}, see {}", T::PROGRAM, log.display());
    }
    let took = began.elapsed();
    let cost = Cost {
        took,
        start: start.unwrap_or(took),
        mirror: mirror.kernel().family_cpu()?,
        kafka: stage.kafka_cpu()?.saturating_sub(kafka),
        server: target.server_cpu()?.saturating_sub(server),
        peak_mb: mirror.kernel().family_peak_mb()?,
    };
    end_in_order(mirror, T::PROGRAM)?;
    Ok(cost)
}

fn end_in_order(mut mirror: Guarded, name: &str) -> anyhow::Result<()> {
    mirror.signal(Signal::Terminate);
    let status = mirror.wait(END);
    anyhow::ensure!(status.is_some_and(|status| status.success()), "{name} ended with {status:?}");
    Ok(())
}
