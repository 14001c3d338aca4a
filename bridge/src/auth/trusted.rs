//! The certificates that an application trusts now: those of its files, taken over again when the files change.
//!
//! A roll-over needs no restart: the new certificate is put beside the old one, and the old one taken away later. Files
//! that cannot be used change nothing.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use thiserror::Error;
use xxhash_rust::xxh3::Xxh3;

use super::certificate::{Certificate, CertificateError};

/// Why a file's certificates cannot be used.
#[derive(Debug, Error)]
#[error("{}: {reason}", path.display())]
pub struct FileError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: FileFault,
}

/// What is wrong with a file of certificates.
#[derive(Debug, Error)]
pub enum FileFault {
    /// The system does not give it.
    #[error("cannot be read")]
    Read(#[from] std::io::Error),
    /// What stands in it is no certificate, or must not be trusted.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

/// Certificates, and the files that they came from if there are any.
#[derive(Debug, Default)]
pub struct Trusted {
    now: RwLock<Arc<Vec<Certificate>>>,
    files: Vec<PathBuf>,
    /// Hash of the files when they were last looked at, whatever came of it.
    seen: Mutex<u128>,
}

impl Trusted {
    /// These, for ever.
    #[must_use]
    pub fn fixed(certificates: Vec<Certificate>) -> Self {
        Self { now: RwLock::new(Arc::new(certificates)), ..Self::default() }
    }

    /// Those of the files.
    ///
    /// # Errors
    /// Everything that is wrong with any of them.
    pub fn of_files(files: Vec<PathBuf>) -> Result<Self, Vec<FileError>> {
        let read: Vec<_> = files.iter().map(|file| read(file)).collect();
        let seen = Mutex::new(hash(&read));
        let now = RwLock::new(Arc::new(certificates(&files, read)?));
        Ok(Self { now, files, seen })
    }

    /// The certificates of this moment.
    #[must_use]
    pub fn certificates(&self) -> Arc<Vec<Certificate>> {
        Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks at the files and takes over what has changed; says whether something has. Errors of the same files come
    /// only once. Blocks.
    ///
    /// # Errors
    /// What is wrong with files that have changed; nothing is taken over then.
    pub fn look(&self) -> Result<bool, Vec<FileError>> {
        let read: Vec<_> = self.files.iter().map(|file| read(file)).collect();
        let hash = hash(&read);
        if self.files.is_empty() || std::mem::replace(&mut *self.seen(), hash) == hash {
            return Ok(false);
        }
        let certificates = Arc::new(certificates(&self.files, read)?);
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = certificates;
        Ok(true)
    }

    fn seen(&self) -> MutexGuard<'_, u128> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(file: &Path) -> std::io::Result<Vec<u8>> {
    std::fs::read(file)
}

fn hash(files: &[std::io::Result<Vec<u8>>]) -> u128 {
    let mut hash = Xxh3::new();
    for file in files {
        let (is_there, bytes) = file.as_ref().map_or((0, [].as_slice()), |bytes| (1, bytes));
        hash.update(&[is_there]);
        hash.update(&bytes.len().to_le_bytes());
        hash.update(bytes);
    }
    hash.digest128()
}

fn certificates(
    files: &[PathBuf],
    read: Vec<std::io::Result<Vec<u8>>>,
) -> Result<Vec<Certificate>, Vec<FileError>> {
    let (mut certificates, mut errors) = (Vec::new(), Vec::new());
    for (path, bytes) in files.iter().zip(read) {
        let found = bytes.map_err(FileFault::from).and_then(|bytes| Ok(Certificate::read_all(&bytes)?));
        match found {
            Ok(found) => certificates.extend(found),
            Err(reason) => errors.push(FileError { path: path.clone(), reason }),
        }
    }
    if errors.is_empty() { Ok(certificates) } else { Err(errors) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::testing::{NOW, certificate_der, other_key, pem, vendor_key};

    #[test]
    fn files_that_change_are_taken_over_and_broken_ones_are_told_once_and_change_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("login.crt");
        let (old, new) = (pem(&certificate_der(vendor_key(), NOW)), pem(&certificate_der(other_key(), NOW)));
        std::fs::write(&file, &old).unwrap();
        let trusted = Trusted::of_files(vec![file.clone()]).unwrap();
        let count = || trusted.certificates().len();
        assert!(!trusted.look().unwrap());
        std::fs::write(&file, old.clone() + &new).unwrap();
        assert!(trusted.look().unwrap());
        assert_eq!(count(), 2);
        for broken in ["", &new.replace("MII", "!II")] {
            std::fs::write(&file, broken).unwrap();
            assert!(trusted.look().is_err());
            assert!(!trusted.look().unwrap(), "told already");
            assert_eq!(count(), 2);
        }
        std::fs::remove_file(&file).unwrap();
        let errors = trusted.look().unwrap_err();
        assert!(errors[0].to_string().ends_with("login.crt: cannot be read"), "{errors:?}");
        std::fs::write(&file, &new).unwrap();
        assert!(trusted.look().unwrap());
        let keys: Vec<_> = trusted.certificates().iter().map(|certificate| certificate.key.clone()).collect();
        assert_eq!(keys, [other_key().to_public_key()]);
    }
}
