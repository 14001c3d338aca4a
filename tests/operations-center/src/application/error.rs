//! What can go wrong with an application's files and keys.

use std::path::PathBuf;

use super::certificate::CertificateError;

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
    #[error("cannot read or write the key {}", path.display())]
    KeyFormat {
        /// The file.
        path: PathBuf,
        /// What the PKCS#8 library says.
        #[source]
        source: rsa::pkcs8::Error,
    },
    /// The certificate could not be built or read.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The description is not the JSON that `save` writes.
    #[error("cannot read or write the description {}", path.display())]
    Description {
        /// The file.
        path: PathBuf,
        /// What the JSON library says.
        #[source]
        source: serde_json::Error,
    },
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
