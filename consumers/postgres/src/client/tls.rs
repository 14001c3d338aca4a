//! TLS as libpq's `sslmode` means it.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::error::PostgresError;

/// What is asked of the server's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verify {
    /// Nothing, and no TLS either where the server has none.
    Prefer,
    /// Nothing.
    Require,
    /// That an authority signed it.
    Authority,
    /// That an authority signed it for this host.
    Full,
}

/// Whose signatures count.
#[derive(Clone, Debug)]
pub(super) enum Roots {
    System,
    File(String),
}

impl Roots {
    pub(super) fn new(value: &str) -> Self {
        if value == "system" { Self::System } else { Self::File(value.to_owned()) }
    }

    fn load(&self) -> Result<RootCertStore, PostgresError> {
        let mut store = RootCertStore::empty();
        match self {
            Self::System => {
                store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
            Self::File(path) => {
                let certificates = CertificateDer::pem_file_iter(path)
                    .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                    .map_err(|error| self.unusable(error.to_string()))?;
                store.add_parsable_certificates(certificates);
            }
        }
        if store.is_empty() { Err(self.unusable("it holds no certificate".to_owned())) } else { Ok(store) }
    }

    fn unusable(&self, rule: String) -> PostgresError {
        match self {
            Self::System => {
                PostgresError::address("the system has no root certificates; name some by sslrootcert")
            }
            Self::File(path) => PostgresError::File { what: "root certificates", path: path.into(), rule },
        }
    }
}

/// How connections are encrypted.
#[derive(Clone, Debug)]
pub(crate) struct Tls {
    pub(super) verify: Verify,
    roots: Option<Roots>,
}

impl Tls {
    /// By `sslmode` and `sslrootcert`; `None` for no TLS.
    pub(super) fn new(mode: Option<&str>, roots: Option<Roots>) -> Result<Option<Self>, PostgresError> {
        let verify = match mode.unwrap_or("prefer") {
            "disable" => return Ok(None),
            "prefer" => Verify::Prefer,
            // As libpq does: who names an authority wants it asked.
            "require" if roots.is_some() => Verify::Authority,
            "require" => Verify::Require,
            "verify-ca" => Verify::Authority,
            "verify-full" => Verify::Full,
            _ => {
                let rule = "sslmode is none of disable, prefer, require, verify-ca, verify-full";
                return Err(PostgresError::address(rule));
            }
        };
        Ok(Some(Self { verify, roots }))
    }

    /// The settings for rustls.
    pub(super) fn client(&self) -> Result<ClientConfig, PostgresError> {
        let provider = Arc::new(ring::default_provider());
        let refused = |error: rustls::Error| PostgresError::address(error.to_string());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(refused)?;
        let roots = self.roots.clone().unwrap_or(Roots::System);
        let verifier: Arc<dyn ServerCertVerifier> = match self.verify {
            Verify::Full => return Ok(builder.with_root_certificates(roots.load()?).with_no_client_auth()),
            Verify::Authority => {
                let chain =
                    WebPkiServerVerifier::builder_with_provider(Arc::new(roots.load()?), provider.clone())
                        .build()
                        .map_err(|error| PostgresError::address(error.to_string()))?;
                Arc::new(Lenient { provider, chain: Some(chain) })
            }
            Verify::Prefer | Verify::Require => Arc::new(Lenient { provider, chain: None }),
        };
        Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
    }
}

/// Asks less of a certificate than rustls does by itself: no host, or nothing at all. Signatures of the handshake are
/// verified all the same.
#[derive(Debug)]
struct Lenient {
    provider: Arc<CryptoProvider>,
    chain: Option<Arc<WebPkiServerVerifier>>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(chain) = &self.chain else { return Ok(ServerCertVerified::assertion()) };
        match chain.verify_server_cert(certificate, intermediates, name, ocsp, now) {
            // The host is looked at last.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
