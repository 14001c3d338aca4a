//! Metrics with their names, kinds and labels, so that what exists can be compared with what METRICS.md lists.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};

/// Seconds; a call has 45 by default.
const BUCKETS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 45.0];

type Labels<const N: usize> = [(&'static str, String); N];

/// One metric with the names of its labels.
pub(super) struct Series<M, const N: usize, C = fn() -> M> {
    labels: [&'static str; N],
    family: Family<Labels<N>, M, C>,
}

impl<M: Clone, const N: usize> Series<M, N> {
    pub(super) fn of(&self, values: [&str; N]) -> M {
        let labels = std::array::from_fn(|index| (self.labels[index], values[index].to_owned()));
        self.family.get_or_create_owned(&labels)
    }
}

/// A metric as METRICS.md lists it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Described {
    /// Its name in a scrape, without what histograms add.
    pub name: String,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// Names of its labels.
    pub labels: Vec<&'static str>,
}

#[derive(Default)]
pub(super) struct Shelf {
    pub(super) registry: Registry,
    pub(super) described: Vec<Described>,
}

impl Shelf {
    pub(super) fn counter<const N: usize>(
        &mut self,
        name: &'static str,
        labels: [&'static str; N],
        help: &str,
    ) -> Series<Counter, N> {
        self.series((name, "counter", "_total"), labels, help, Counter::default)
    }

    pub(super) fn gauge<const N: usize>(
        &mut self,
        name: &'static str,
        labels: [&'static str; N],
        help: &str,
    ) -> Series<Gauge, N> {
        self.series((name, "gauge", ""), labels, help, Gauge::default)
    }

    pub(super) fn histogram<const N: usize>(
        &mut self,
        name: &'static str,
        labels: [&'static str; N],
        help: &str,
    ) -> Series<Histogram, N> {
        self.series((name, "histogram", ""), labels, help, || Histogram::new(BUCKETS))
    }

    fn series<M: Clone, const N: usize>(
        &mut self,
        (name, kind, ending): (&'static str, &'static str, &'static str),
        labels: [&'static str; N],
        help: &str,
        new: fn() -> M,
    ) -> Series<M, N>
    where
        Family<Labels<N>, M, fn() -> M>: Metric + Clone,
    {
        let family = Family::new_with_constructor(new);
        self.registry.register(name, help, family.clone());
        self.described.push(Described { name: format!("{name}{ending}"), kind, labels: labels.to_vec() });
        Series { labels, family }
    }
}
