//! The vendor's three environments. Each signs with a key of its own, and all applications of one environment are
//! called with tokens of the same certificate.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Where an application is registered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// Where applications are written (SOD).
    #[default]
    Development,
    /// Where they are tried before they are published.
    Stage,
    /// Where customers use them.
    Production,
}

impl Environment {
    /// All of them, in the order in which an application goes through them.
    pub const ALL: [Self; 3] = [Self::Development, Self::Stage, Self::Production];

    /// `development`, `stage` or `production`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::Stage => "stage",
            Self::Production => "production",
        }
    }

    /// The common name (CN) of the vendor's signing certificate.
    #[must_use]
    pub fn certificate_name(self) -> &'static str {
        match self {
            Self::Development => "SuperOffice Online Development Federated Login",
            Self::Stage => "SuperOffice Online Stage Federated Login",
            Self::Production => "SuperOffice Online Production Federated Login",
        }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A word that is no environment's name.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("no environment is called '{name}', there are development, stage and production")]
pub struct NoEnvironment {
    /// The word.
    name: String,
}

impl FromStr for Environment {
    type Err = NoEnvironment;

    fn from_str(name: &str) -> Result<Self, NoEnvironment> {
        let found = Self::ALL.into_iter().find(|environment| environment.name() == name);
        found.ok_or_else(|| NoEnvironment { name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_environment_is_found_by_its_name() {
        for environment in Environment::ALL {
            assert_eq!(environment.name().parse(), Ok(environment));
            assert_eq!(serde_json::to_value(environment).unwrap(), environment.name());
        }
        assert!("Stage".parse::<Environment>().is_err());
    }
}
