//! A registered application as the vendor's Operations Center keeps it: its id, its RSA key, and the certificate
//! by which the environment signs tokens for it.
//!
//! The receiver gets three of its files: the application's private key (RSAXML or PKCS#8) and the public signing
//! certificate. The signing key is the vendor's own and never leaves the stand-in.

mod certificate;
mod rsa_xml;

use std::fs;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rand::rngs::OsRng;
use rsa::pkcs8::{DecodePrivateKey, EncodePrivateKey, LineEnding};
use rsa::{RsaPrivateKey, RsaPublicKey};
use serde::{Deserialize, Serialize};

pub use certificate::{CertificateError, Thumbprint};

const DESCRIPTION_FILE: &str = "application.json";
const APPLICATION_KEY_XML_FILE: &str = "application-key.xml";
const APPLICATION_KEY_PEM_FILE: &str = "application-key.pem";
const SIGNING_CERTIFICATE_FILE: &str = "signing-certificate.pem";
const SIGNING_KEY_FILE: &str = "signing-key.pem";

/// The vendor's signing keys have 2048 bits.
const SIGNING_KEY_BITS: usize = 2048;
/// Two keys of the vendor's samples have 1024 bits; new ones are longer.
const DEFAULT_APPLICATION_KEY_BITS: usize = 2048;
/// The `iss` of every observed token.
const ISSUER: &str = "SuperOffice AS";

/// Why an application could not be made, read or written.
#[derive(Debug, thiserror::Error)]
pub enum ApplicationError {
    /// A key could not be generated or signed with.
    #[error("cannot use an RSA key of {bits} bits")]
    Key {
        /// The length that was asked for.
        bits: usize,
        /// What the RSA library says.
        #[source]
        source: rsa::Error,
    },
    /// A key could not be written in, or read from, its text form.
    #[error("cannot read or write the key {file}")]
    KeyFormat {
        /// The file's name.
        file: &'static str,
        /// What the PKCS#8 library says.
        #[source]
        source: rsa::pkcs8::Error,
    },
    /// The certificate could not be built or read.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The description is not the JSON that `save` writes.
    #[error("cannot read or write {DESCRIPTION_FILE}")]
    Description(#[from] serde_json::Error),
    /// A file could not be read or written.
    #[error("cannot read or write {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: std::io::Error,
    },
}

/// A registered application with both of its key pairs.
#[derive(Clone, Debug)]
pub struct Application {
    /// The application id (client id), the `<id>` in the tokens' `aud` `spn:<id>`.
    pub id: String,
    /// The `iss` of its tokens, `SuperOffice AS`.
    pub issuer: String,
    application_key: RsaPrivateKey,
    signing_key: RsaPrivateKey,
    certificate_pem: String,
    thumbprint: Thumbprint,
}

#[derive(Serialize, Deserialize)]
struct Description {
    id: String,
    issuer: String,
    thumbprint: String,
}

impl Application {
    /// Makes an application with new keys, the application's own of 2048 bits. Takes a second or more.
    ///
    /// # Errors
    /// [`ApplicationError`] when the system has no randomness or a key cannot be used.
    pub fn generate(id: &str) -> Result<Self, ApplicationError> {
        Self::generate_with_key(id, DEFAULT_APPLICATION_KEY_BITS)
    }

    /// Makes an application whose own key has `application_key_bits`: 1024 as in the vendor's sample, or 2048.
    ///
    /// # Errors
    /// [`ApplicationError`] when a key of that length cannot be made.
    pub fn generate_with_key(id: &str, application_key_bits: usize) -> Result<Self, ApplicationError> {
        let application_key = new_key(application_key_bits)?;
        let signing_key = new_key(SIGNING_KEY_BITS)?;
        let (certificate_pem, thumbprint) = certificate::self_signed(&signing_key)?;
        let (id, issuer) = (id.to_owned(), ISSUER.to_owned());
        Ok(Self { id, issuer, application_key, signing_key, certificate_pem, thumbprint })
    }

    /// Reads the folder that [`Application::save`] wrote.
    ///
    /// # Errors
    /// [`ApplicationError`] naming the file that is missing or malformed.
    pub fn load(folder: &Path) -> Result<Self, ApplicationError> {
        let description: Description = serde_json::from_str(&read(&folder.join(DESCRIPTION_FILE))?)?;
        let certificate_pem = read(&Self::certificate_path(folder))?;
        Ok(Self {
            id: description.id,
            issuer: description.issuer,
            application_key: read_key(folder, APPLICATION_KEY_PEM_FILE)?,
            signing_key: read_key(folder, SIGNING_KEY_FILE)?,
            thumbprint: certificate::thumbprint(&certificate_pem)?,
            certificate_pem,
        })
    }

    /// Writes all files into `folder`, which is created where it is missing.
    ///
    /// # Errors
    /// [`ApplicationError`] naming the file that could not be written.
    pub fn save(&self, folder: &Path) -> Result<(), ApplicationError> {
        fs::create_dir_all(folder)
            .map_err(|source| ApplicationError::File { path: folder.to_owned(), source })?;
        let description = Description {
            id: self.id.clone(),
            issuer: self.issuer.clone(),
            thumbprint: self.thumbprint.hex(),
        };
        write(&folder.join(DESCRIPTION_FILE), &serde_json::to_string_pretty(&description)?)?;
        write_secret(&Self::application_key_xml_path(folder), &rsa_xml::write(&self.application_key))?;
        write(&Self::certificate_path(folder), &self.certificate_pem)?;
        write_key(folder, APPLICATION_KEY_PEM_FILE, &self.application_key)?;
        write_key(folder, SIGNING_KEY_FILE, &self.signing_key)
    }

    /// Where `save(folder)` puts the application's private key as RSAXML, the form in which the vendor hands it out.
    #[must_use]
    pub fn application_key_xml_path(folder: &Path) -> PathBuf {
        folder.join(APPLICATION_KEY_XML_FILE)
    }

    /// Where `save(folder)` puts the application's private key as PKCS#8 PEM.
    #[must_use]
    pub fn application_key_pem_path(folder: &Path) -> PathBuf {
        folder.join(APPLICATION_KEY_PEM_FILE)
    }

    /// Where `save(folder)` puts the public certificate that tokens are checked with.
    #[must_use]
    pub fn certificate_path(folder: &Path) -> PathBuf {
        folder.join(SIGNING_CERTIFICATE_FILE)
    }

    /// Where `save(folder)` puts the key that tokens are signed with.
    #[must_use]
    pub fn signing_key_path(folder: &Path) -> PathBuf {
        folder.join(SIGNING_KEY_FILE)
    }

    /// The key that signs tokens: the vendor's, not the application's.
    #[must_use]
    pub fn signing_key(&self) -> &RsaPrivateKey {
        &self.signing_key
    }

    /// The public half of the application's key, which the vendor keeps to check the receiver's answers.
    #[must_use]
    pub fn application_public_key(&self) -> RsaPublicKey {
        self.application_key.to_public_key()
    }

    /// The application's private key, which only the receiver has in the real world.
    #[must_use]
    pub fn application_key(&self) -> &RsaPrivateKey {
        &self.application_key
    }

    /// The SHA-1 thumbprint of the signing certificate.
    #[must_use]
    pub fn thumbprint(&self) -> Thumbprint {
        self.thumbprint
    }

    /// The signing certificate as PEM.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }
}

fn new_key(bits: usize) -> Result<RsaPrivateKey, ApplicationError> {
    RsaPrivateKey::new(&mut OsRng, bits).map_err(|source| ApplicationError::Key { bits, source })
}

fn read(path: &Path) -> Result<String, ApplicationError> {
    fs::read_to_string(path).map_err(|source| ApplicationError::File { path: path.to_owned(), source })
}

fn write(path: &Path, text: &str) -> Result<(), ApplicationError> {
    fs::write(path, text).map_err(|source| ApplicationError::File { path: path.to_owned(), source })
}

/// Writes a key so that nobody but its owner can read it; a receiver may refuse it otherwise.
fn write_secret(path: &Path, text: &str) -> Result<(), ApplicationError> {
    let failed = |source| ApplicationError::File { path: path.to_owned(), source };
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path).map_err(failed)?;
    file.set_permissions(fs::Permissions::from_mode(0o600)).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)
}

fn read_key(folder: &Path, file: &'static str) -> Result<RsaPrivateKey, ApplicationError> {
    RsaPrivateKey::from_pkcs8_pem(&read(&folder.join(file))?)
        .map_err(|source| ApplicationError::KeyFormat { file, source })
}

fn write_key(folder: &Path, file: &'static str, key: &RsaPrivateKey) -> Result<(), ApplicationError> {
    let pem =
        key.to_pkcs8_pem(LineEnding::LF).map_err(|source| ApplicationError::KeyFormat { file, source })?;
    write_secret(&folder.join(file), &pem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::application;

    #[test]
    fn an_application_survives_saving_and_loading() {
        let folder = tempfile::tempdir().unwrap();
        let made = application();
        made.save(folder.path()).unwrap();
        let loaded = Application::load(folder.path()).unwrap();
        assert_eq!(loaded.id, made.id);
        assert_eq!(loaded.application_key(), made.application_key());
        assert_eq!(loaded.signing_key(), made.signing_key());
        assert_eq!(loaded.thumbprint(), made.thumbprint());
        let xml = fs::read_to_string(Application::application_key_xml_path(folder.path())).unwrap();
        assert!(xml.starts_with("<RSAKeyValue><Modulus>"), "{xml}");
    }

    #[test]
    fn a_missing_folder_is_named() {
        let error = Application::load(Path::new("nowhere-at-all")).unwrap_err();
        assert!(error.to_string().contains("nowhere-at-all"), "{error}");
    }
}
