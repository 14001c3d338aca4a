//! What a partner is handed for an application: its id, its private key, and the certificate that signs tokens.

use std::fs;
use std::path::{Path, PathBuf};

use jsonwebtoken::DecodingKey;
use rsa::RsaPrivateKey;
use rsa::pkcs8::DecodePrivateKey;
use sha1::{Digest, Sha1};
use x509_cert::Certificate;
use x509_cert::der::{DecodePem, Encode};

use crate::application::Application;

/// The `iss` of every observed token.
const ISSUER: &str = "SuperOffice AS";

/// Why a receiver cannot know who it is.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A file cannot be read.
    #[error("cannot read {}, register the application first", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: std::io::Error,
    },
    /// The private key is no RSA key in PKCS#8 PEM.
    #[error("the application's private key is not an RSA key in PKCS#8 PEM")]
    Key(#[from] rsa::pkcs8::Error),
    /// The certificate is none.
    #[error("the signing certificate is not a certificate in PEM")]
    Certificate(#[from] x509_cert::der::Error),
}

/// A registered application as its receiver knows it. Of the certificate nothing counts but public key and thumbprint.
#[derive(Clone)]
pub struct Identity {
    pub(super) id: String,
    pub(super) issuer: String,
    pub(super) key: RsaPrivateKey,
    /// The certificate's public key.
    pub(super) trusted: DecodingKey,
    /// SHA-1 of the certificate in upper-case hex, a token's `kid`.
    pub(super) thumbprint: String,
    pub(super) certificate_pem: String,
}

impl Identity {
    /// Reads the application's folder, which is named after its id.
    ///
    /// # Errors
    /// [`IdentityError`] naming the file that is missing or malformed.
    pub fn load(folder: &Path) -> Result<Self, IdentityError> {
        let id = folder.file_name().unwrap_or_default().to_string_lossy();
        let key = RsaPrivateKey::from_pkcs8_pem(&read(&Application::application_key_pem_path(folder))?)?;
        Self::new(&id, ISSUER, key, &read(&Application::certificate_path(folder))?)
    }

    /// Of an application in memory.
    ///
    /// # Errors
    /// [`IdentityError`] when its certificate is malformed.
    pub fn of(application: &Application) -> Result<Self, IdentityError> {
        let key = application.application_key().clone();
        Self::new(&application.id, &application.issuer, key, application.certificate_pem())
    }

    fn new(id: &str, issuer: &str, key: RsaPrivateKey, certificate_pem: &str) -> Result<Self, IdentityError> {
        let certificate = Certificate::from_pem(certificate_pem)?;
        let thumbprint = Sha1::digest(certificate.to_der()?);
        let public_key = &certificate.tbs_certificate.subject_public_key_info.subject_public_key;
        Ok(Self {
            id: id.to_owned(),
            issuer: issuer.to_owned(),
            key,
            trusted: DecodingKey::from_rsa_der(public_key.raw_bytes()),
            thumbprint: thumbprint.iter().map(|byte| format!("{byte:02X}")).collect(),
            certificate_pem: certificate_pem.to_owned(),
        })
    }
}

fn read(path: &Path) -> Result<String, IdentityError> {
    fs::read_to_string(path).map_err(|source| IdentityError::File { path: path.to_owned(), source })
}
