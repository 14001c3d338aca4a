//! How lists are printed.

use std::io::Write;

use clap::{Args, ValueEnum};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// For people or for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Aligned columns; words and order may change.
    Text,
    /// One JSON document.
    Json,
}

#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Output {
    /// How to print: text for people, json for programs.
    #[arg(short = 'o', long = "output", value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    pub(crate) format: Format,
}

/// Prints a value as JSON.
pub(crate) fn json(out: &mut impl Write, value: &serde_json::Value) -> anyhow::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    writeln!(out)?;
    Ok(())
}

/// A moment in milliseconds since 1970 as people and programs read it, such as `2026-07-01T12:00:00Z`.
pub(crate) fn moment(ms: i64) -> String {
    let moment = OffsetDateTime::from_unix_timestamp(ms.div_euclid(1000)).ok();
    moment.and_then(|moment| moment.format(&Rfc3339).ok()).unwrap_or_else(|| format!("{ms} ms"))
}
