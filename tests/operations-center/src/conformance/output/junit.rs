//! JUnit XML, for build servers.

use std::io::{self, Write};

use quick_xml::events::BytesText;
use quick_xml::writer::Writer;

use crate::conformance::report::{LineReport, Outcome, Report};

/// The whole report as JUnit XML: a test case per line, in a suite per group of lines. What was not observed, and
/// advice, is skipped there, with its reason.
///
/// # Errors
/// When `out` does not take it.
pub fn junit(out: &mut impl Write, report: &Report) -> io::Result<()> {
    let mut xml = Writer::new_with_indent(&mut *out, b' ', 2);
    let counts = counts(&report.lines);
    let suites = xml.create_element("testsuites").with_attribute(("name", "conformance"));
    suites.with_attributes(borrowed(&counts)).write_inner_content(|xml| {
        groups(&report.lines).into_iter().try_for_each(|lines| suite(xml, report, lines))
    })?;
    writeln!(out)
}

/// Neighbouring lines with the same word before the dot.
fn groups(lines: &[LineReport]) -> Vec<&[LineReport]> {
    lines.chunk_by(|one, next| group(one) == group(next)).collect()
}

fn group(line: &LineReport) -> &str {
    line.id.split('.').next().unwrap_or(line.id)
}

fn counts(lines: &[LineReport]) -> [(&'static str, String); 4] {
    let failures = lines.iter().filter(|line| line.is_failure()).count();
    let skipped = lines.iter().filter(|line| !line.is_failure() && line.outcome != Outcome::Pass).count();
    let seconds: f64 = lines.iter().map(|line| line.seconds).sum();
    [
        ("tests", lines.len().to_string()),
        ("failures", failures.to_string()),
        ("skipped", skipped.to_string()),
        ("time", format!("{seconds:.3}")),
    ]
}

fn borrowed<'a>(attributes: &'a [(&'static str, String); 4]) -> impl Iterator<Item = (&'a str, &'a str)> {
    attributes.iter().map(|(name, value)| (*name, value.as_str()))
}

fn suite<W: Write>(xml: &mut Writer<W>, report: &Report, lines: &[LineReport]) -> io::Result<()> {
    let counts = counts(lines);
    let suite = xml.create_element("testsuite").with_attribute(("name", lines.first().map_or("", group)));
    let suite = suite
        .with_attribute(("timestamp", report.began.as_str()))
        .with_attribute(("hostname", report.url.as_str()));
    suite
        .with_attributes(borrowed(&counts))
        .write_inner_content(|xml| lines.iter().try_for_each(|line| case(xml, line)))
        .map(|_| ())
}

fn case<W: Write>(xml: &mut Writer<W>, line: &LineReport) -> io::Result<()> {
    let seconds = format!("{:.3}", line.seconds);
    let case = xml.create_element("testcase").with_attribute(("classname", group(line)));
    let case = case.with_attribute(("name", line.id)).with_attribute(("time", seconds.as_str()));
    case.write_inner_content(|xml| {
        let observed = printable(&line.observed);
        match line.outcome {
            _ if line.is_failure() => {
                let failure = xml.create_element("failure").with_attribute(("message", observed.as_str()));
                failure.write_text_content(BytesText::new(&format!("{} ({})", line.rule, line.source)))?;
            }
            Outcome::Pass => {}
            Outcome::Fail | Outcome::NotObserved => {
                let why = format!(
                    "{}: {observed}",
                    if line.outcome == Outcome::Fail { "advice" } else { "not observed" }
                );
                xml.create_element("skipped").with_attribute(("message", why.as_str())).write_empty()?;
            }
        }
        xml.create_element("system-out")
            .write_text_content(BytesText::new(&format!("{}\nobserved: {observed}", line.rule)))?;
        Ok(())
    })
    .map(|_| ())
}

/// Without the control characters that XML cannot hold: what a receiver answers may have any.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') { ' ' } else { c })
        .collect()
}
