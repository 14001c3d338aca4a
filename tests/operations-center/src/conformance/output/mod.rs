//! A report as text for people, as JSON, and as JUnit XML for build servers.

mod junit;
#[cfg(test)]
mod tests;

use std::io::{self, Write};

pub use junit::junit;

use super::line::Level;
use super::report::{LineReport, Outcome, Report};

/// One line for people: how it ended, its id and rule, and below what was observed.
///
/// # Errors
/// When `out` does not take it.
pub fn line(out: &mut impl Write, line: &LineReport) -> io::Result<()> {
    let outcome = match (line.outcome, line.level) {
        (Outcome::Fail, Level::Recommended) => "advice".to_owned(),
        (outcome, _) => outcome.to_string(),
    };
    writeln!(out, "{outcome:<13} {:<24} {}", line.id, line.rule)?;
    writeln!(out, "{:13} {:<24} observed: {}", "", "", line.observed)
}

/// The counts at the end of a report for people.
///
/// # Errors
/// When `out` does not take it.
pub fn summary(out: &mut impl Write, report: &Report) -> io::Result<()> {
    let failures = report.lines.iter().filter(|line| line.is_failure()).count();
    let advice = report.count(Outcome::Fail) - failures;
    writeln!(
        out,
        "\n{} lines: {} pass, {failures} fail, {advice} are advice, {} were not observed",
        report.lines.len(),
        report.count(Outcome::Pass),
        report.count(Outcome::NotObserved)
    )?;
    if !report.mirror {
        writeln!(out, "the mirror was not looked into: give --mirror for the lines that must see its rows")?;
    }
    let verdict = if report.passed { "keeps" } else { "does not keep" };
    writeln!(out, "{} {verdict} to what was checked of the contract", report.url)
}

/// The whole report for people.
///
/// # Errors
/// When `out` does not take it.
pub fn text(out: &mut impl Write, report: &Report) -> io::Result<()> {
    writeln!(
        out,
        "receiver     {}\napplication  {}\nbegan        {}\n",
        report.url, report.application, report.began
    )?;
    report.lines.iter().try_for_each(|one| line(out, one))?;
    summary(out, report)
}

/// The whole report as one JSON object.
///
/// # Errors
/// When `out` does not take it.
pub fn json(out: &mut impl Write, report: &Report) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, report)?;
    writeln!(out)
}
