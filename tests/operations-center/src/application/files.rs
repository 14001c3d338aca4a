//! Files of applications and environments. Each appears whole or not at all: it is written beside its place and
//! renamed, so that a process that reads at the same moment sees the old one or the new one. What is secret can be
//! read by its owner only; a receiver may refuse it otherwise.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rand::rngs::OsRng;
use rsa::RsaPrivateKey;
use rsa::pkcs8::{DecodePrivateKey, EncodePrivateKey, LineEnding};
use tempfile::Builder;

use super::ApplicationError;

const SECRET: u32 = 0o600;
const PUBLIC: u32 = 0o644;

pub(crate) fn read(path: &Path) -> Result<String, ApplicationError> {
    fs::read_to_string(path).map_err(|source| ApplicationError::File { path: path.to_owned(), source })
}

/// Writes what anybody may read.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), ApplicationError> {
    replace(path, text, PUBLIC).map_err(|source| ApplicationError::File { path: path.to_owned(), source })
}

/// Writes what only its owner may read.
pub(crate) fn write_secret(path: &Path, text: &str) -> Result<(), ApplicationError> {
    replace(path, text, SECRET).map_err(|source| ApplicationError::File { path: path.to_owned(), source })
}

fn replace(path: &Path, text: &str, mode: u32) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file =
        Builder::new().prefix(".draft-").permissions(Permissions::from_mode(mode)).tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path).map(|_| ()).map_err(|failed| failed.error)
}

pub(crate) fn new_key(bits: usize) -> Result<RsaPrivateKey, ApplicationError> {
    RsaPrivateKey::new(&mut OsRng, bits).map_err(|source| ApplicationError::Key { bits, source })
}

pub(super) fn read_key(path: &Path) -> Result<RsaPrivateKey, ApplicationError> {
    RsaPrivateKey::from_pkcs8_pem(&read(path)?)
        .map_err(|source| ApplicationError::KeyFormat { path: path.to_owned(), source })
}

pub(super) fn write_key(path: &Path, key: &RsaPrivateKey) -> Result<(), ApplicationError> {
    let pem = key
        .to_pkcs8_pem(LineEnding::LF)
        .map_err(|source| ApplicationError::KeyFormat { path: path.to_owned(), source })?;
    write_secret(path, &pem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_secrets_are_their_owners() {
        let folder = tempfile::tempdir().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let path = folder.path().join("file");
        write(&path, "open").unwrap();
        assert_eq!(mode(&path) & 0o700, 0o600);
        write_secret(&path, "secret").unwrap();
        assert_eq!((read(&path).unwrap().as_str(), mode(&path)), ("secret", 0o600));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "a draft was left");
    }
}
