//! What every mirror can do beside mirroring, for any destination that implements [`Copies`](crate::Copies).

mod checksum;
mod compare;
mod error;
mod expected;
mod making;
mod progress;
mod regenerate;
mod repair;
mod report;
mod reread;
mod source;
mod status;
mod verify;
mod watched;

pub use checksum::{TableSum, checksums};
pub use error::VerbError;
pub use progress::Progress;
pub use regenerate::{Regenerate, Regenerated};
pub use report::{Difference, DifferenceKind, Finding, Repair, Sum, TableReport, TenantReport};
pub use status::{PartitionStatus, Status, TableState, TableStatus, TenantStatus};
pub use verify::Verify;
