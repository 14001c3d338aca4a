//! Who signs tokens: an environment's RSA key and the certificate by which receivers check them.
//!
//! The key is the vendor's own; receivers get the certificate only.

use std::path::Path;

use rsa::RsaPrivateKey;

use super::certificate::{self, Thumbprint};
use super::environment::Environment;
use super::files::{self, new_key, read_key, write_key};
use super::{ApplicationError, SIGNING_KEY_BITS};

/// The name of a signing key's file.
pub(crate) const KEY_FILE: &str = "signing-key.pem";

/// A signing key with its certificate.
#[derive(Clone, Debug)]
pub struct Signer {
    key: RsaPrivateKey,
    certificate_pem: String,
    thumbprint: Thumbprint,
}

impl Signer {
    /// A new key of 2048 bits, and a certificate for it that is named as the vendor's for that environment.
    ///
    /// # Errors
    /// [`ApplicationError`] when the system has no randomness.
    pub fn generate(environment: Environment) -> Result<Self, ApplicationError> {
        Self::generate_with_key(environment, SIGNING_KEY_BITS)
    }

    /// The same with a key of another length: tests that sign tens of thousands of tokens take a short one.
    pub(crate) fn generate_with_key(environment: Environment, bits: usize) -> Result<Self, ApplicationError> {
        let key = new_key(bits)?;
        let (certificate_pem, thumbprint) = certificate::issue(environment, &key)?;
        Ok(Self { key, certificate_pem, thumbprint })
    }

    /// Reads `signing-key.pem` of a folder, and the certificate in the file of the given name.
    pub(crate) fn load(folder: &Path, certificate_file: &str) -> Result<Self, ApplicationError> {
        let certificate_pem = files::read(&folder.join(certificate_file))?;
        let thumbprint = certificate::thumbprint(&certificate_pem)?;
        Ok(Self { key: read_key(&folder.join(KEY_FILE))?, certificate_pem, thumbprint })
    }

    /// Writes what [`Signer::load`] reads. The folder exists.
    pub(crate) fn save(&self, folder: &Path, certificate_file: &str) -> Result<(), ApplicationError> {
        files::write(&folder.join(certificate_file), &self.certificate_pem)?;
        write_key(&folder.join(KEY_FILE), &self.key)
    }

    /// The key that signs.
    #[must_use]
    pub fn key(&self) -> &RsaPrivateKey {
        &self.key
    }

    /// The certificate as PEM.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The certificate's SHA-1 thumbprint.
    #[must_use]
    pub fn thumbprint(&self) -> Thumbprint {
        self.thumbprint
    }
}
