//! How a program ends, and with which code.

use std::error::Error;

use crate::error::{MirrorError, chain};
use crate::verbs::VerbError;

pub(crate) const FAILED: u8 = 1;
pub(crate) const USAGE: u8 = 2;
pub(crate) const DIFFERENCES: u8 = 3;
pub(crate) const FENCED: u8 = 4;

/// A verb that did not do what it was told.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: u8,
    pub(crate) reason: String,
}

impl Failure {
    /// Something that another command line would mend.
    pub(crate) fn usage(reason: impl Into<String>) -> Self {
        Self { code: USAGE, reason: reason.into() }
    }

    pub(crate) fn failed(error: &dyn Error) -> Self {
        Self { code: FAILED, reason: chain(error) }
    }
}

impl From<VerbError> for Failure {
    fn from(error: VerbError) -> Self {
        Self::failed(&error)
    }
}

impl From<MirrorError> for Failure {
    fn from(error: MirrorError) -> Self {
        let code = if matches!(error, MirrorError::Fenced { .. }) { FENCED } else { FAILED };
        Self { code, reason: chain(&error) }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::failed(&error)
    }
}
