//! What was measured: names, values and units, in the order in which they were found.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;

#[derive(Serialize)]
struct Figure {
    name: String,
    value: f64,
    unit: &'static str,
}

/// All figures of a run.
#[derive(Default)]
pub(crate) struct Figures(Vec<Figure>);

impl Figures {
    pub(crate) fn add(&mut self, name: impl Into<String>, value: f64, unit: &'static str) {
        let name = name.into();
        eprintln!("bench: {name} {value:.3} {unit}");
        self.0.push(Figure { name, value, unit });
    }

    /// p50, p95 and p99 of what one-row calls took.
    pub(crate) fn add_latencies(&mut self, name: &str, latencies: &mut [Duration]) {
        latencies.sort_unstable();
        for percent in [50, 95, 99] {
            self.add(format!("{name}_p{percent}"), ms(percentile(latencies, percent)), "ms");
        }
    }

    pub(crate) fn write(&self, file: &Path) -> anyhow::Result<()> {
        let json = serde_json::to_string_pretty(&self.0)?;
        std::fs::write(file, json + "\n").with_context(|| format!("cannot write {}", file.display()))
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|Figure { name, value, unit }| {
            let decimals = if value.abs() >= 1000.0 { 0 } else { 2 };
            writeln!(f, "{name:<44}{value:>14.decimals$} {unit}")
        })
    }
}

pub(crate) fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// Of what is sorted.
pub(crate) fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let index = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(index).copied().unwrap_or_default()
}

/// The middle one; of none, zero.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_and_medians_are_values_that_occurred() {
        let sorted: Vec<Duration> = (1..=100).map(Duration::from_millis).collect();
        assert_eq!(percentile(&sorted, 50), Duration::from_millis(51));
        assert_eq!(percentile(&sorted, 99), Duration::from_millis(100));
        assert_eq!(percentile(&sorted[..1], 99), Duration::from_millis(1));
        assert_eq!(median([3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median([]), 0.0);
    }

    #[test]
    fn the_file_is_a_list_of_name_value_and_unit() {
        let mut figures = Figures::default();
        figures.add("bridge_ratio", 1.5, "");
        let json = serde_json::to_value(&figures.0).unwrap();
        assert_eq!(json, serde_json::json!([{"name": "bridge_ratio", "value": 1.5, "unit": ""}]));
    }
}
