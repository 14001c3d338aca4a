//! What is wrong with a configuration: everything at once, one line each.

use std::fmt;

use thiserror::Error;

/// A key that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The key's full path such as `kafka.properties.acks`, an environment variable, or a file.
    pub key: String,
    /// Where it stands in the configuration file, from 1.
    pub line: Option<usize>,
    /// The rule, or what failed; never a secret.
    pub rule: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{} (line {line}): {}", self.key, self.rule),
            None => write!(f, "{}: {}", self.key, self.rule),
        }
    }
}

/// All faults of a configuration, at least one.
#[derive(Debug, Error)]
pub struct ConfigErrors {
    /// In the order in which they were found.
    pub faults: Vec<Fault>,
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.faults.iter().map(Fault::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

/// An error with its causes in one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
