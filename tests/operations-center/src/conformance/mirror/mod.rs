//! Looking into a partner's mirror: what the wire cannot show.

mod in_memory;
mod text;

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value as Json;

pub use text::shown;
pub(super) use text::shows;

/// A row's values by column; `None` is NULL. Columns that the source does not have are not looked at.
pub type MirrorRow = BTreeMap<String, Option<String>>;

/// Why a mirror could not be looked into.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// The command could not be run.
    #[error("the mirror command {command} cannot be run")]
    Start {
        /// The command.
        command: String,
        /// What the operating system says.
        #[source]
        source: std::io::Error,
    },
    /// The command failed.
    #[error("the mirror command ended with {status}: {message}")]
    Status {
        /// How it ended.
        status: std::process::ExitStatus,
        /// The last line of its standard error.
        message: String,
    },
    /// A line is not a JSON object of texts, numbers, booleans and nulls.
    #[error("line {line} of the mirror command's output is not a JSON object of texts and nulls")]
    Form {
        /// Counted from 1.
        line: usize,
    },
    /// Another kind of view failed.
    #[error("{0}")]
    Other(String),
}

/// Shows the rows that a receiver has put into its mirror.
pub trait MirrorView: Sync {
    /// All rows of a tenant's table as they are now, in any order; none where there is no such table.
    ///
    /// # Errors
    /// [`MirrorError`] when the mirror cannot be looked into. An absent table is no error.
    fn rows(&self, tenant: &str, table: &str) -> Result<Vec<MirrorRow>, MirrorError>;
}

/// A command of the partner's: it is called with the tenant's and the table's name behind its own arguments, and
/// prints each row as a JSON object in a line of its own, such as `{"id":"5","name":null}`.
#[derive(Clone, Debug)]
pub struct MirrorCommand {
    words: Vec<String>,
}

impl MirrorCommand {
    /// A command and its arguments, separated by blanks.
    #[must_use]
    pub fn new(command: &str) -> Self {
        Self { words: command.split_whitespace().map(str::to_owned).collect() }
    }
}

impl MirrorView for MirrorCommand {
    fn rows(&self, tenant: &str, table: &str) -> Result<Vec<MirrorRow>, MirrorError> {
        let (program, arguments) =
            self.words.split_first().map_or(("", &[][..]), |(program, rest)| (program, rest));
        let output = Command::new(program).args(arguments).args([tenant, table]).output();
        let output = output.map_err(|source| MirrorError::Start { command: self.words.join(" "), source })?;
        if !output.status.success() {
            let message =
                String::from_utf8_lossy(&output.stderr).trim_end().lines().last().unwrap_or("").to_owned();
            return Err(MirrorError::Status { status: output.status, message });
        }
        let text = String::from_utf8_lossy(&output.stdout);
        let lines = text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty());
        lines.map(|(line, number)| row(line).ok_or(MirrorError::Form { line: number })).collect()
    }
}

fn row(line: &str) -> Option<MirrorRow> {
    let Json::Object(cells) = serde_json::from_str(line).ok()? else { return None };
    let cell = |(name, value): (String, Json)| {
        let text = match value {
            Json::Null => None,
            Json::String(text) => Some(text),
            Json::Number(number) => Some(number.to_string()),
            Json::Bool(bit) => Some(bit.to_string()),
            Json::Array(_) | Json::Object(_) => return None,
        };
        Some((name, text))
    };
    cells.into_iter().map(cell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_given_tenant_and_table_and_prints_rows_as_json() {
        let view = MirrorCommand::new("printf {\"t\":\"%s\",\"n\":null,\"k\":5}\\n");
        let rows = view.rows("Conf1", "contact").unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[1]["t"].as_deref(), Some("contact"));
        assert_eq!((&rows[0]["n"], rows[0]["k"].as_deref()), (&None, Some("5")));
    }

    #[test]
    fn a_command_that_fails_or_prints_something_else_is_an_error_that_says_so() {
        let rows =
            |command: &str| MirrorCommand::new(command).rows("Conf1", "contact").unwrap_err().to_string();
        assert!(rows("false").contains("ended with exit status: 1"));
        assert!(rows("echo x").contains("line 1"));
        assert!(rows("no-such-command-here").contains("no-such-command-here"));
        assert!(rows("").contains("cannot be run"));
    }
}
