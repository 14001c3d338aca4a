//! A mirror's metrics: METRICS.md says what each means and which one pages somebody.
//!
//! They are the [`Watch`](super::Watch)'s, not the process's, so two mirrors in one process do not mix. What is counted
//! is kept here; what is a state is written when it is asked for, so that a tenant that moved to another process leaves
//! no series behind. The label `tenant` stands on four gauges; none is per table: hundreds of tables times hundreds of
//! tenants would be more series than most Prometheus servers hold, and `status` tells it for the one that is looked at.

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use mirrorbus_schemas::topic::Prefix;
use prometheus_client::encoding::prometheus_text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};

use super::state::{State, Written};

/// Seconds.
const BUCKETS: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0];

/// Every kind of error, so that an increase is seen from the first one on.
const ERRORS: [&str; 7] = ["destination", "fenced", "kafka", "record", "registry", "replaced", "schema"];

type Label = [(&'static str, String); 1];
type Labelled<M> = Family<Label, M>;
type Seconds = Gauge<f64, AtomicU64>;

pub(super) struct Numbers {
    registry: Registry,
    rows: Labelled<Counter>,
    records: Counter,
    bytes: Counter,
    batches: Histogram,
    errors: Labelled<Counter>,
    rebuilds: Labelled<Counter>,
    lag_records: Labelled<Gauge>,
    lag_seconds: Labelled<Seconds>,
    caught_up: Labelled<Gauge>,
    cycle: Labelled<Gauge>,
    tenants: Labelled<Gauge>,
    topics: Gauge,
    held: Gauge,
    ready: Gauge,
}

impl Numbers {
    pub(super) fn new(application: &Prefix) -> Self {
        let label = (Cow::from("application"), Cow::from(application.as_str().to_owned()));
        let mut registry = Registry::with_prefix_and_labels("mirror", [label].into_iter());
        let r = &mut registry;
        let numbers = Self {
            rows: add(r, "rows_applied", "Rows that are durable in the destination"),
            records: add(r, "records_applied", "Records that are durable in the destination"),
            bytes: add(r, "bytes_applied", "Keys and values of the records that are durable"),
            batches: Histogram::new(BUCKETS),
            errors: add(r, "errors", "What failed and is tried again, by kind"),
            rebuilds: add(r, "rebuilds", "Tables that were thrown away and read from the beginning"),
            lag_records: add(r, "lag_records", "Offsets between the stored positions and the topics' ends"),
            lag_seconds: add(r, "lag_seconds", "Age of the oldest record that is not durable"),
            caught_up: add(
                r,
                "caught_up_timestamp_seconds",
                "When the mirror last was where the topics ended, seconds since 1970",
            ),
            cycle: add(
                r,
                "cycle_completed_timestamp_seconds",
                "When the newest cycle that is whole in the destination ended, seconds since 1970",
            ),
            tenants: add(r, "tenants", "Tenants of this process by state"),
            topics: add(r, "topics_followed", "Topics that are read"),
            held: add(
                r,
                "transactions_held",
                "Transactions of the destination that are open between two batches",
            ),
            ready: add(r, "ready", "1 while /readyz says so"),
            registry,
        };
        numbers.begin()
    }

    fn begin(mut self) -> Self {
        let help = "One batch in the destination, from its first statement to the commit where it ends";
        self.registry.register("batch_duration_seconds", help, self.batches.clone());
        for kind in ERRORS {
            self.errors.get_or_create_owned(&[("kind", kind.to_owned())]);
        }
        for kind in ["upsert", "delete"] {
            self.rows.get_or_create_owned(&[("kind", kind.to_owned())]);
        }
        self
    }

    pub(super) fn error(&self, kind: &str) {
        self.errors.get_or_create_owned(&[("kind", kind.to_owned())]).inc();
    }

    pub(super) fn rebuilt(&self, reason: &str) {
        self.rebuilds.get_or_create_owned(&[("reason", reason.to_owned())]).inc();
    }

    pub(super) fn batch(&self, took: Duration) {
        self.batches.observe(took.as_secs_f64());
    }

    pub(super) fn applied(&self, written: &Written, took: Duration) {
        self.batch(took);
        self.records.inc_by(written.records);
        self.bytes.inc_by(written.bytes);
        for (kind, rows) in [("upsert", written.upserts), ("delete", written.deletes)] {
            self.rows.get_or_create_owned(&[("kind", kind.to_owned())]).inc_by(rows);
        }
    }

    pub(super) fn render(&self, state: &State) -> Result<String, fmt::Error> {
        self.show(state);
        let mut text = String::new();
        prometheus_text::encode(&mut text, &self.registry)?;
        Ok(text)
    }

    fn show(&self, state: &State) {
        let per_tenant = [&self.lag_records, &self.caught_up, &self.cycle];
        per_tenant.into_iter().for_each(Family::clear);
        self.lag_seconds.clear();
        for (tenant, standing) in &state.tenants {
            let progress = &standing.progress;
            let set = |family: &Labelled<Gauge>, number: Option<i64>| {
                if let Some(number) = number {
                    family.get_or_create_owned(&[("tenant", tenant.to_string())]).set(number);
                }
            };
            set(&self.lag_records, progress.to_go.map(|to_go| i64::try_from(to_go).unwrap_or(i64::MAX)));
            set(&self.caught_up, progress.caught_up_ms.map(|ms| ms.div_euclid(1000)));
            set(&self.cycle, progress.cycle.as_ref().map(|cycle| cycle.completed_ms.div_euclid(1000)));
            if let Some(seconds) = standing.lag_seconds() {
                self.lag_seconds.get_or_create_owned(&[("tenant", tenant.to_string())]).set(seconds);
            }
        }
        let standings = || state.tenants.values();
        let aside = standings().filter(|standing| standing.aside.is_some()).count();
        let live = state.tenants.len() - aside;
        for (word, count) in
            [("live", live), ("aside", aside), ("owned", state.dealt.unwrap_or(live + aside))]
        {
            self.tenants.get_or_create_owned(&[("state", word.to_owned())]).set(whole(count));
        }
        self.topics.set(whole(standings().map(|standing| standing.topics).sum()));
        self.held.set(whole(standings().filter(|standing| standing.is_held).count()));
        self.ready.set(i64::from(state.is_ready()));
    }
}

fn add<M: Metric + Clone + Default>(registry: &mut Registry, name: &str, help: &str) -> M {
    let metric = M::default();
    registry.register(name, help, metric.clone());
    metric
}

fn whole(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use mirrorbus_schemas::topic::Tenant;

    use super::super::state::Sample;
    use super::super::watch::Watch;
    use super::*;
    use crate::destination::Cycle;

    /// Names of METRICS.md's list with kind and own labels.
    fn listed(line: &str) -> Option<(String, String, Vec<String>)> {
        let mut cells = line.strip_prefix("| `mirror_")?.split('|').map(str::trim);
        let name = format!("mirror_{}", cells.next()?.trim_end_matches('`'));
        let kind = cells.next()?.to_owned();
        let labels = cells.next()?.split_ascii_whitespace().map(|label| label.trim_matches('`').to_owned());
        Some((name, kind, labels.collect()))
    }

    /// The same of a scrape.
    fn exists(scrape: &str) -> Vec<(String, String, Vec<String>)> {
        let described = scrape.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
        let labels = |name: &str, kind: &str| {
            let first = if kind == "histogram" { format!("{name}_count{{") } else { format!("{name}{{") };
            let series = scrape.lines().find_map(|line| line.strip_prefix(&first)).unwrap();
            let labels = series.split_once('}').unwrap().0.split(',');
            let names = labels.map(|label| label.split_once('=').unwrap().0.to_owned());
            names.filter(|label| label != "application").collect()
        };
        described.map(|(name, kind)| (name.to_owned(), kind.to_owned(), labels(name, kind))).collect()
    }

    /// A scrape in which every metric has a series.
    fn scrape() -> String {
        let watch = Watch::new(&Prefix::new("crm").unwrap());
        watch.rebuilt("the topic was deleted and made anew");
        let sample = Sample {
            topics: 2,
            to_go: Some(3),
            oldest_ms: Some(1_795_000_000_000),
            caught_up_ms: Some(1_795_000_000_000),
            cycle: Some(Cycle { id: "c1".to_owned(), completed_ms: 1_795_000_000_000 }),
            is_well: true,
        };
        watch.sampled(&Tenant::new("Cust1").unwrap(), sample);
        watch.metrics().unwrap()
    }

    #[test]
    fn metrics_md_lists_exactly_the_metrics_of_a_mirror() {
        let mut exist = exists(&scrape());
        let mut listed: Vec<_> = include_str!("../../../../METRICS.md").lines().filter_map(listed).collect();
        exist.sort();
        listed.sort();
        assert_eq!(listed, exist);
    }

    #[test]
    fn every_metric_of_a_rule_exists() {
        let scrape = scrape();
        let (_, mirrors) = include_str!("../../../../METRICS.md").split_once("# Mirrors").unwrap();
        let (rules, _) = mirrors.split_once("## All of").unwrap();
        let words = rules.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        for word in words.filter(|word| word.starts_with("mirror_")) {
            assert!(scrape.contains(&format!("# TYPE {word} ")), "{word} does not exist");
        }
    }
}
