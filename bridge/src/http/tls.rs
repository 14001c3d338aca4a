//! TLS at the public listener: TLS 1.2 and 1.3, and a certificate that can be renewed while calls are under way.
//!
//! The files are looked at every few seconds and on SIGHUP. What is whole and fits together is taken over for
//! connections to come; those that are open go on as they are. What is broken changes nothing: the old certificate
//! stays, and the log and a metric say so. A renewal that is written file by file may look broken in between.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, ServerConfig};
use rustls::sign::CertifiedKey;
use thiserror::Error;
use tokio_rustls::TlsAcceptor;
use x509_cert::der::Decode as _;
use xxhash_rust::xxh3::xxh3_128;
use zeroize::Zeroizing;

use crate::auth::Warning;
use crate::auth::secret::{self, SecretError};
use crate::metrics;

/// Where certificate and key are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// PEM: ours first, then those that lead to the root.
    pub certificate: PathBuf,
    /// PEM: PKCS#8, PKCS#1 or SEC1, without a password.
    pub private_key: PathBuf,
}

/// Why the files cannot be used.
#[derive(Debug, Error)]
pub enum TlsError {
    /// The system does not give the certificate's.
    #[error("{} cannot be read", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The key's cannot be read, or must not be trusted.
    #[error("{}", path.display())]
    PrivateKey {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: SecretError,
    },
    /// No certificate in PEM, or a broken one.
    #[error("{} holds no certificate in pem, or one that is malformed", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// No key in PEM.
    #[error("{} holds no private key in pem, or one under a password", path.display())]
    NoPrivateKey {
        /// The file.
        path: PathBuf,
    },
    /// Each is right, but not both together; or a kind of key that TLS does not know.
    #[error("private key and certificate do not belong together, or cannot be used")]
    Pair(#[source] rustls::Error),
}

/// A certificate with its key, kept up to date with its files.
pub struct Tls {
    files: TlsFiles,
    config: Arc<ServerConfig>,
    current: Arc<Current>,
    /// Hash of both files when they were last looked at, whatever came of it.
    seen: Mutex<u128>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

/// What new connections are answered with.
#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// Both files as they were read.
struct Read {
    chain: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
    warning: Option<Warning>,
}

impl Tls {
    /// Reads the files; the key's by the rules of [`secret::read`].
    ///
    /// # Errors
    /// [`TlsError`] when they cannot be used.
    pub fn load(files: TlsFiles) -> Result<(Self, Option<Warning>), TlsError> {
        let read = files.read()?;
        let pair = read.pair(&files)?;
        let current = Arc::new(Current(RwLock::new(Arc::new(pair))));
        let provider = Arc::new(ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Pair)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::<Current>::clone(&current));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let tls = Self { files, config: Arc::new(config), current, seen: Mutex::new(read.hash()) };
        Ok((tls, read.warning))
    }

    /// Makes TLS of a connection.
    #[must_use]
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }

    /// Looks at the files and takes over what has changed. Blocks.
    pub fn look(&self) {
        match self.reload() {
            Ok(false) => {}
            Ok(true) => {
                metrics::certificate_reload("tls", true);
                self.tell_expiry();
                tracing::info!("the tls certificate was taken over for connections to come");
            }
            Err(error) => {
                metrics::certificate_reload("tls", false);
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::error!(%error, cause, "the new tls files cannot be used; the old certificate stays");
            }
        }
    }

    /// Whether there was something new; an error for the same broken files comes only once.
    fn reload(&self) -> Result<bool, TlsError> {
        let read = self.files.read();
        let hash = read.as_ref().map_or(0, Read::hash);
        let before = std::mem::replace(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner), hash);
        if before == hash {
            return Ok(false);
        }
        let pair = read?.pair(&self.files)?;
        *self.current.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(pair);
        Ok(true)
    }

    /// Tells the metrics when the certificate's life ends.
    pub fn tell_expiry(&self) {
        let current = Arc::clone(&self.current.0.read().unwrap_or_else(PoisonError::into_inner));
        if let Some(not_after) = current.cert.first().and_then(|certificate| not_after(certificate)) {
            metrics::tls_expiry(not_after);
        }
    }
}

impl TlsFiles {
    fn read(&self) -> Result<Read, TlsError> {
        let chain = std::fs::read(&self.certificate)
            .map_err(|source| TlsError::Certificate { path: self.certificate.clone(), source })?;
        let (key, warning) = secret::read(&self.private_key)
            .map_err(|source| TlsError::PrivateKey { path: self.private_key.clone(), source })?;
        Ok(Read { chain, key, warning })
    }
}

impl Read {
    fn hash(&self) -> u128 {
        xxh3_128(&self.chain) ^ xxh3_128(&self.key).rotate_left(1)
    }

    fn pair(&self, files: &TlsFiles) -> Result<CertifiedKey, TlsError> {
        let path = |path: &Path| path.to_owned();
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&self.chain)
            .collect::<Result<_, _>>()
            .map_err(|_| TlsError::NoCertificate { path: path(&files.certificate) })?;
        if chain.is_empty() {
            return Err(TlsError::NoCertificate { path: path(&files.certificate) });
        }
        let key = PrivateKeyDer::from_pem_slice(&self.key)
            .map_err(|_| TlsError::NoPrivateKey { path: path(&files.private_key) })?;
        CertifiedKey::from_der(chain, key, &ring::default_provider()).map_err(TlsError::Pair)
    }
}

fn not_after(certificate: &CertificateDer<'_>) -> Option<i64> {
    let certificate = x509_cert::Certificate::from_der(certificate).ok()?.tbs_certificate;
    i64::try_from(certificate.validity.not_after.to_unix_duration().as_secs()).ok()
}
