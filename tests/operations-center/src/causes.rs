//! Errors as people read them: one line, with all that led to it.

use std::error::Error;
use std::iter::successors;

/// An error with its causes behind it, a colon between each two.
#[must_use]
pub fn with_causes(error: &dyn Error) -> String {
    let causes = successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
