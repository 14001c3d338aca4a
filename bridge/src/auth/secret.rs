//! Files that hold a secret: read whole, wiped after use, and not open to others.

use std::fs::{self, Metadata};
use std::path::Path;

use thiserror::Error;
use zeroize::Zeroizing;

use super::Warning;

/// Most that a secret may need; a 4096-bit key as RSAXML has some 3 KiB.
const MAX_BYTES: u64 = 64 * 1024;
const WRITABLE_BY_OTHERS: u32 = 0o022;
const USABLE_BY_OTHERS: u32 = 0o077;

/// Why a secret's file is not read.
#[derive(Debug, Error)]
pub enum SecretError {
    /// The system does not give it.
    #[error("cannot be read")]
    File(#[from] std::io::Error),
    /// A folder or device, or too long for a secret.
    #[error("is no file, or has more than {MAX_BYTES} bytes")]
    Kind,
    /// Others could put their own secret there.
    #[error("has mode {mode:03o}: others than its owner can write it, set it to 400")]
    WritableByOthers {
        /// Its permission bits.
        mode: u32,
    },
}

/// Reads a secret. A file that others can write is refused; one that they can read draws a warning, because secrets
/// that a container mounts often are.
///
/// # Errors
/// [`SecretError`] when the file cannot be read or must not be trusted.
pub fn read(path: &Path) -> Result<(Zeroizing<Vec<u8>>, Option<Warning>), SecretError> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() || metadata.len() > MAX_BYTES {
        return Err(SecretError::Kind);
    }
    let mode = permissions(&metadata);
    if mode & WRITABLE_BY_OTHERS != 0 {
        return Err(SecretError::WritableByOthers { mode });
    }
    let warning =
        (mode & USABLE_BY_OTHERS != 0).then(|| Warning::ReadableByOthers { path: path.to_owned(), mode });
    Ok((Zeroizing::new(fs::read(path)?), warning))
}

#[cfg(unix)]
fn permissions(metadata: &Metadata) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o777
}

/// Nothing is known of the rights there.
#[cfg(not(unix))]
fn permissions(_: &Metadata) -> u32 {
    0o400
}
