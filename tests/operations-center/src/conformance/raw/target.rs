//! Where a receiver is, and a connection to it, with or without TLS.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use ureq::http::Uri;

/// Why a URL cannot be called.
#[derive(Debug, thiserror::Error)]
#[error("{url} is no http or https URL with a host, as in http://127.0.0.1:8080/MirroringClientService.svc")]
pub struct UrlError {
    url: String,
}

/// Where a receiver is.
#[derive(Clone, Debug)]
pub(in crate::conformance) struct Target {
    pub(super) host: String,
    pub(super) port: u16,
    is_secure: bool,
    pub(super) path: String,
}

impl Target {
    pub(in crate::conformance) fn new(url: &str) -> Result<Self, UrlError> {
        let error = || UrlError { url: url.to_owned() };
        let uri: Uri = url.parse().map_err(|_| error())?;
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(error)?.to_owned();
        let is_secure = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(error()),
        };
        let port = uri.port_u16().unwrap_or(if is_secure { 443 } else { 80 });
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Ok(Self { host, port, is_secure, path })
    }

    /// Connects; every wait on the connection ends after `timeout`.
    pub(super) fn connect(&self, timeout: Duration) -> io::Result<Connection> {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        let mut error = io::Error::new(ErrorKind::NotFound, "the host has no address");
        for address in (host, self.port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, timeout) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    stream.set_read_timeout(Some(timeout))?;
                    stream.set_write_timeout(Some(timeout))?;
                    return if self.is_secure { secure(host, stream) } else { Ok(Connection::Plain(stream)) };
                }
                Err(failed) => error = failed,
            }
        }
        Err(error)
    }
}

pub(super) enum Connection {
    Plain(TcpStream),
    Secure(Box<StreamOwned<ClientConnection, TcpStream>>),
}

fn secure(host: &str, stream: TcpStream) -> io::Result<Connection> {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let session = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
    Ok(Connection::Secure(Box::new(StreamOwned::new(session, stream))))
}

impl Connection {
    pub(super) fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Secure(stream) => &stream.sock,
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.write_all(bytes),
            Self::Secure(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
        }
    }

    pub(super) fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(piece),
            Self::Secure(stream) => stream.read(piece),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        let target = Target::new("https://mirror.example/a.svc?x=1").unwrap();
        assert_eq!(
            (target.host.as_str(), target.port, target.path.as_str()),
            ("mirror.example", 443, "/a.svc?x=1")
        );
        assert_eq!(Target::new("http://[::1]:81").unwrap().port, 81);
        for url in ["", "mirror.example", "ftp://mirror.example/", "http:///x"] {
            assert!(Target::new(url).is_err(), "{url}");
        }
    }
}
