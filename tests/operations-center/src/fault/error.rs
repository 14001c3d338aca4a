//! What is wrong with a script, always with what exists instead.

use std::path::PathBuf;

/// The operations as places name them.
pub(super) const OPERATIONS: &str = "authenticate, tableschema, wipe, rowdata, completed, or * for all";
/// The kinds of faults.
pub(super) const KINDS: &str = "refuse, hang-up, hang-up@50%, hang-up@BYTES, repeat, repeat:new-token, together, \
     slow:BYTES_PER_SECOND, huge:BYTES, stale, stale:SECONDS, wrong:audience, wrong:issuer, wrong:signature, \
     skew:SECONDS, flip:POSITION, flip:random, flip:random:SEED";

/// Why a fault cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FaultError {
    /// There is no `=`.
    #[error("the fault '{fault}' is not written as PLACE=KIND, as in rowdata:2=hang-up@50%")]
    NoKind {
        /// The whole fault.
        fault: String,
    },
    /// The place begins with no operation.
    #[error("the fault '{fault}' names the unknown operation '{operation}', there are: {OPERATIONS}")]
    Operation {
        /// The whole fault.
        fault: String,
        /// What stands for the operation.
        operation: String,
    },
    /// After the operation comes what is neither table nor number, or stands in the wrong order.
    #[error(
        "the fault '{fault}' has '{part}' in its place, where only a table and then a number from 1 may follow, as \
         in rowdata:contact:2"
    )]
    Place {
        /// The whole fault.
        fault: String,
        /// What is wrong.
        part: String,
    },
    /// There is no such kind.
    #[error("the fault '{fault}' is of the unknown kind '{kind}', there are: {KINDS}")]
    Kind {
        /// The whole fault.
        fault: String,
        /// What stands for the kind.
        kind: String,
    },
    /// A kind that cannot happen at its place.
    #[error("the fault '{fault}' can never happen: {rule}")]
    Never {
        /// The whole fault.
        fault: String,
        /// What the kind asks of its place.
        rule: &'static str,
    },
    /// A script's file cannot be read.
    #[error("cannot read the faults in {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: std::io::Error,
    },
    /// A line of a script's file is no fault.
    #[error("{}, line {line}: {source}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        source: Box<FaultError>,
    },
}
