//! A registered application as the vendor's Operations Center keeps it: what its owner registered, its RSA key, and
//! the environment's key and certificate by which its tokens are signed.
//!
//! The receiver is handed the application's private key (RSAXML or PKCS#8) and the public signing certificate. The
//! signing key is the vendor's own and never leaves the stand-in.

mod certificate;
mod environment;
mod error;
pub(crate) mod files;
mod mirroring;
mod registration;
mod rsa_xml;
mod signer;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};

use rsa::{RsaPrivateKey, RsaPublicKey};
use serde::{Deserialize, Serialize};

pub use certificate::{CertificateError, Thumbprint};
pub use environment::{Environment, NoEnvironment};
pub use error::ApplicationError;
pub use mirroring::{Mirroring, MirroringError, MirroringUrl};
pub use registration::{ApplicationToken, Details, Registration};
pub use signer::Signer;

use crate::clock::{Clock, SystemClock};
use files::{new_key, read, read_key, write_key, write_secret};

const DESCRIPTION_FILE: &str = "application.json";
const APPLICATION_KEY_XML_FILE: &str = "application-key.xml";
const APPLICATION_KEY_PEM_FILE: &str = "application-key.pem";
const SIGNING_CERTIFICATE_FILE: &str = "signing-certificate.pem";

/// The vendor's signing keys have 2048 bits.
const SIGNING_KEY_BITS: usize = 2048;
/// Two keys of the vendor's samples have 1024 bits; new ones are longer.
const DEFAULT_KEY_BITS: usize = 2048;
/// The `iss` of every observed token.
const ISSUER: &str = "SuperOffice AS";

/// A registered application with both of its key pairs.
#[derive(Clone, Debug)]
pub struct Application {
    /// The application id (client id), the `<id>` in the tokens' `aud` `spn:<id>`.
    pub id: String,
    /// The `iss` of its tokens, `SuperOffice AS`.
    pub issuer: String,
    /// What its owner registered.
    pub details: Details,
    /// The secret beside the id.
    pub token: ApplicationToken,
    /// When it was registered, in milliseconds since 1970 UTC.
    pub created_ms: i64,
    application_key: RsaPrivateKey,
    signer: Signer,
}

#[derive(Serialize, Deserialize)]
struct Description {
    id: String,
    issuer: String,
    thumbprint: String,
    token: ApplicationToken,
    created_ms: i64,
    #[serde(flatten)]
    details: Details,
}

impl Application {
    /// Makes an application with new keys, the application's own of 2048 bits, in a development environment of its
    /// own, with nothing registered but its id. Takes a second or more.
    ///
    /// # Errors
    /// [`ApplicationError`] when the system has no randomness or a key cannot be used.
    pub fn generate(id: &str) -> Result<Self, ApplicationError> {
        Self::generate_with_key(id, DEFAULT_KEY_BITS)
    }

    /// Makes an application whose own key has `application_key_bits`: 1024 as in the vendor's sample, or 2048.
    ///
    /// # Errors
    /// [`ApplicationError`] when a key of that length cannot be made.
    pub fn generate_with_key(id: &str, application_key_bits: usize) -> Result<Self, ApplicationError> {
        let details = Details::named(id);
        let signer = Signer::generate(details.environment)?;
        let registration = Registration { id: id.to_owned(), key_bits: application_key_bits, details };
        Self::registered(registration, signer, SystemClock.now_ms())
    }

    /// Makes an application whose tokens are signed by `signer`.
    ///
    /// # Errors
    /// [`ApplicationError`] when a key of the length cannot be made.
    pub fn registered(
        registration: Registration,
        signer: Signer,
        created_ms: i64,
    ) -> Result<Self, ApplicationError> {
        Ok(Self {
            application_key: new_key(registration.key_bits)?,
            id: registration.id,
            issuer: ISSUER.to_owned(),
            details: registration.details,
            token: ApplicationToken::random(),
            created_ms,
            signer,
        })
    }

    /// Reads the folder that [`Application::save`] wrote.
    ///
    /// # Errors
    /// [`ApplicationError`] naming the file that is missing or malformed.
    pub fn load(folder: &Path) -> Result<Self, ApplicationError> {
        Self::load_signed_by(folder, |_| Signer::load(folder, SIGNING_CERTIFICATE_FILE))
    }

    /// Reads the folder of an application whose tokens are signed by its environment's signer.
    pub(crate) fn load_signed_by<E: From<ApplicationError>>(
        folder: &Path,
        signer: impl FnOnce(Environment) -> Result<Signer, E>,
    ) -> Result<Self, E> {
        let path = folder.join(DESCRIPTION_FILE);
        let description: Description = serde_json::from_str(&read(&path)?)
            .map_err(|source| ApplicationError::Description { path, source })?;
        Ok(Self {
            application_key: read_key(&Self::application_key_pem_path(folder))?,
            signer: signer(description.details.environment)?,
            id: description.id,
            issuer: description.issuer,
            details: description.details,
            token: description.token,
            created_ms: description.created_ms,
        })
    }

    /// Writes all files into `folder`, which is created where it is missing.
    ///
    /// # Errors
    /// [`ApplicationError`] naming the file that could not be written.
    pub fn save(&self, folder: &Path) -> Result<(), ApplicationError> {
        self.save_for_partner(folder)?;
        self.signer.save(folder, SIGNING_CERTIFICATE_FILE)
    }

    /// Writes all files but the signing key.
    pub(crate) fn save_for_partner(&self, folder: &Path) -> Result<(), ApplicationError> {
        fs::create_dir_all(folder)
            .map_err(|source| ApplicationError::File { path: folder.to_owned(), source })?;
        self.save_description(folder)?;
        self.save_key(folder)?;
        files::write(&Self::certificate_path(folder), self.signer.certificate_pem())
    }

    /// Writes what can change without new keys.
    pub(crate) fn save_description(&self, folder: &Path) -> Result<(), ApplicationError> {
        let description = Description {
            id: self.id.clone(),
            issuer: self.issuer.clone(),
            thumbprint: self.thumbprint().hex(),
            token: self.token.clone(),
            created_ms: self.created_ms,
            details: self.details.clone(),
        };
        let path = folder.join(DESCRIPTION_FILE);
        let text = serde_json::to_string_pretty(&description)
            .map_err(|source| ApplicationError::Description { path: path.clone(), source })?;
        write_secret(&path, &text)
    }

    /// Writes the application's own key in both forms, the one that [`Application::load`] reads last.
    pub(crate) fn save_key(&self, folder: &Path) -> Result<(), ApplicationError> {
        write_secret(&Self::application_key_xml_path(folder), &rsa_xml::write(&self.application_key))?;
        write_key(&Self::application_key_pem_path(folder), &self.application_key)
    }

    /// The same application with another key.
    pub(crate) fn with_key(self, application_key: RsaPrivateKey) -> Self {
        Self { application_key, ..self }
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
        folder.join(signer::KEY_FILE)
    }

    /// Who signs its tokens.
    #[must_use]
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// The key that signs tokens: the vendor's, not the application's.
    #[must_use]
    pub fn signing_key(&self) -> &RsaPrivateKey {
        self.signer.key()
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
        self.signer.thumbprint()
    }

    /// The signing certificate as PEM.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        self.signer.certificate_pem()
    }
}
