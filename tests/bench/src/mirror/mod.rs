//! What the mirrors do: a topic of a first load, and then of updates, applied by `mirror-postgres` and `mirror-sqlite` as
//! processes, beside the very same rows written from memory by the fastest statements that the destination has.
//!
//! In every round the mirror goes first, and its copy is what the other side writes: so both write the same values in the
//! same types. Updates go on from the last load.

mod copy;
mod postgres;
mod process;
mod source;
mod sqlite;

use std::time::Duration;

use crate::figures::{Figures, median};
use crate::stage::Stage;

use self::postgres::Postgres;
use self::process::{Cost, Target};
use self::source::Source;
use self::sqlite::Sqlite;

/// Rounds until caches are warm; not counted. The best sizes of batches are chosen in it.
const WARM_UP: usize = 1;

/// Each round's updates have a day of one month.
pub(crate) const MOST_ROUNDS: usize = 30;

/// How much there is to mirror.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Amount {
    /// Rows of the first load.
    pub(crate) rows: i64,
    /// Updates of each round.
    pub(crate) updates: i64,
}

/// A database that a mirror fills, and that can be filled without one.
pub(crate) trait Database: Target {
    /// Begins every figure's name.
    const NAME: &'static str;
    /// Sizes of transactions from which the best is chosen; more are no help.
    const BATCHES: &'static [usize];

    /// Throws away what the mirror made.
    fn clear(&mut self) -> anyhow::Result<()>;

    /// Takes the mirror's rows into memory in the form in which they are written: those that were changed since, or all.
    fn take(&mut self, since: Option<&str>) -> anyhow::Result<usize>;

    /// Writes what was taken by upserts, into an empty table or over what is there, so many rows to a transaction.
    fn write(&mut self, into_empty: bool, batch: usize) -> anyhow::Result<Duration>;

    /// Whether the mirror's table is the source's, by checksum.
    fn check(&self, source: &Source) -> anyhow::Result<()>;
}

/// Which of a round's halves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Load,
    Update,
}

impl Phase {
    fn name(self) -> &'static str {
        match self {
            Phase::Load => "load",
            Phase::Update => "update",
        }
    }
}

/// What one database's rounds of one phase showed.
#[derive(Default)]
struct Rounds {
    batch: usize,
    kept: Vec<(Cost, f64)>,
}

/// Settings of the PostgreSQL on which is measured.
pub(crate) fn postgres_settings() -> Vec<(String, String)> {
    Postgres::settings()
}

pub(crate) fn measure(
    stage: &Stage,
    rounds: usize,
    amount: Amount,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let mut source = Source::load(stage, amount)?;
    let mut postgres = Postgres::new(stage)?;
    let mut sqlite = Sqlite::new(stage)?;
    let (mut of_postgres, mut of_sqlite) = (Rounds::default(), Rounds::default());
    for round in 0..WARM_UP + rounds {
        of_postgres.add(round, Phase::Load, stage, &source, &mut postgres)?;
        of_sqlite.add(round, Phase::Load, stage, &source, &mut sqlite)?;
    }
    of_postgres.report::<Postgres>(Phase::Load, figures);
    of_sqlite.report::<Sqlite>(Phase::Load, figures);
    let (mut of_postgres, mut of_sqlite) = (Rounds::default(), Rounds::default());
    for round in 0..WARM_UP + rounds {
        source.update(round)?;
        of_postgres.add(round, Phase::Update, stage, &source, &mut postgres)?;
        of_sqlite.add(round, Phase::Update, stage, &source, &mut sqlite)?;
    }
    of_postgres.report::<Postgres>(Phase::Update, figures);
    of_sqlite.report::<Sqlite>(Phase::Update, figures);
    postgres.check(&source)?;
    sqlite.check(&source)
}

impl Rounds {
    /// The mirror, and then the same rows without it.
    fn add<D: Database>(
        &mut self,
        round: usize,
        phase: Phase,
        stage: &Stage,
        source: &Source,
        database: &mut D,
    ) -> anyhow::Result<()> {
        let is_load = phase == Phase::Load;
        if is_load {
            database.clear()?;
        }
        let cost = process::run(stage, source, database)?;
        let rows = database.take(source.changed_since().as_deref())?;
        anyhow::ensure!(rows as i64 == source.new_rows(), "the mirror has {rows} of them");
        if round == 0 {
            self.batch = best(D::BATCHES, |batch| database.write(is_load, batch))?;
        }
        let took = database.write(is_load, self.batch)?;
        let (mirror, ceiling) = (cost.per_s(rows, cost.took), cost.per_s(rows, took));
        let (name, phase) = (D::NAME, phase.name());
        eprintln!("bench: {name} {phase} {round}: mirror {mirror:.0}, ceiling {ceiling:.0} rows/s");
        if round >= WARM_UP {
            self.kept.push((cost.per_row(rows), ceiling));
        }
        Ok(())
    }

    fn report<D: Database>(&self, phase: Phase, figures: &mut Figures) {
        let mut add = |what: &str, value, unit| {
            figures.add(format!("{}_{}", D::NAME, what.replace("PHASE", phase.name())), value, unit);
        };
        let rows_per_s = |cost: &Cost| 1.0 / cost.took.as_secs_f64();
        let micros = |time: Duration| time.as_secs_f64() * 1e6;
        add("mirror_PHASE_rows_per_s", self.median(|cost, _| rows_per_s(cost)), "rows/s");
        add("ceiling_PHASE_rows_per_s", self.median(|_, ceiling| ceiling), "rows/s");
        add("ceiling_PHASE_batch_rows", self.batch as f64, "rows");
        add("mirror_ratio_PHASE", self.median(|cost, ceiling| rows_per_s(cost) / ceiling), "");
        add("mirror_PHASE_start_ms", self.median(|cost, _| micros(cost.start) / 1e3), "ms");
        add("mirror_PHASE_cpu_us_per_row", self.median(|cost, _| micros(cost.mirror)), "us");
        add("mirror_PHASE_kafka_cpu_us_per_row", self.median(|cost, _| micros(cost.kafka)), "us");
        if D::HAS_SERVER {
            add("mirror_PHASE_server_cpu_us_per_row", self.median(|cost, _| micros(cost.server)), "us");
        }
        add("mirror_PHASE_peak_mb", self.median(|cost, _| cost.peak_mb), "MiB");
    }

    /// Of a value of each round's mirror and ceiling.
    fn median(&self, value: impl Fn(&Cost, f64) -> f64) -> f64 {
        median(self.kept.iter().map(|(cost, ceiling)| value(cost, *ceiling)))
    }
}

/// The size with which it takes least.
fn best(sizes: &[usize], mut write: impl FnMut(usize) -> anyhow::Result<Duration>) -> anyhow::Result<usize> {
    let mut tried = Vec::new();
    for size in sizes {
        tried.push((write(*size)?, *size));
    }
    tried.sort_unstable();
    tried.first().map(|(_, size)| *size).ok_or_else(|| anyhow::anyhow!("no sizes to choose from"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_that_takes_least_is_the_best() {
        let times = |size| Ok(Duration::from_millis(if size == 20 { 5 } else { 7 }));
        assert_eq!(best(&[10, 20, 30], times).unwrap(), 20);
        assert!(best(&[], times).is_err());
    }
}
