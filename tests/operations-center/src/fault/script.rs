//! Faults as text.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use super::place::PlaceFault;
use super::{FaultError, Kind, Place};

/// One fault: where, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where it happens.
    pub place: Place,
    /// What happens.
    pub kind: Kind,
    text: String,
}

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let fault = text.trim().to_owned();
        let Some((place, kind)) = fault.split_once('=') else { return Err(FaultError::NoKind { fault }) };
        let place = match Place::parse(place) {
            Ok(place) => place,
            Err(PlaceFault::Operation(operation)) => return Err(FaultError::Operation { fault, operation }),
            Err(PlaceFault::Part(part)) => return Err(FaultError::Place { fault, part }),
        };
        let Some(parsed) = Kind::parse(kind) else {
            return Err(FaultError::Kind { kind: kind.to_owned(), fault });
        };
        match parsed.never_at(&place) {
            Some(rule) => Err(FaultError::Never { fault, rule }),
            None => Ok(Self { place, kind: parsed, text: fault }),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The faults of one cycle.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    faults: Vec<Fault>,
}

impl Script {
    /// These faults, in this order.
    #[must_use]
    pub fn new(faults: Vec<Fault>) -> Self {
        Self { faults }
    }

    /// Reads a file with a fault per line. Empty lines, and those that begin with `#`, are left out.
    ///
    /// # Errors
    /// [`FaultError`] for a file that cannot be read, and for its first line that is no fault.
    pub fn read(path: &Path) -> Result<Self, FaultError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| FaultError::File { path: path.to_owned(), source })?;
        let lines = (1..).zip(text.lines().map(str::trim));
        let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let fault = |(line, text): (usize, &str)| {
            text.parse().map_err(|source| FaultError::Line {
                path: path.to_owned(),
                line,
                source: Box::new(source),
            })
        };
        Ok(Self { faults: lines.map(fault).collect::<Result<_, _>>()? })
    }

    /// These faults and then those of `other`.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.faults.extend(other.faults);
        self
    }

    /// The faults in their order.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }
}
