//! Results on standard output.

use std::fmt::Display;
use std::io::{self, Write};

use clap::ValueEnum;
use serde::Serialize;

/// How results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Text,
    /// One document per line.
    Json,
}

impl Output {
    /// Writes a result in the form that was asked for.
    pub(crate) fn result(self, json: &impl Serialize, text: impl Display) -> io::Result<()> {
        let mut out = io::stdout().lock();
        match self {
            Self::Text => write!(out, "{text}")?,
            Self::Json => {
                serde_json::to_writer(&mut out, json)?;
                writeln!(out)?;
            }
        }
        out.flush()
    }
}
