//! How calls come in: over TLS, or plain where that harms nobody or the operator says so.

use std::net::SocketAddr;
use std::path::Path;

use super::Warnings;
use super::fault::with_causes;
use super::section::Section;
use crate::http::tls::{Tls, TlsFiles};

/// Reads `[tls]`, whose files are loaded, and says whether calls may be plain without it.
pub(super) fn read(
    root: &Section<'_>,
    listen: SocketAddr,
    folder: &Path,
    warnings: &mut Warnings,
) -> Option<Tls> {
    let section = root.section("tls");
    let (certificate, key) = (section.text("certificate_file"), section.text("private_key_file"));
    if certificate.is_some() != key.is_some() {
        section.fault("certificate_file", "tls.certificate_file and tls.private_key_file go together");
    }
    refuse_plain(root, listen, certificate.is_some());
    section.refuse_unknown_keys();
    let files = TlsFiles { certificate: folder.join(certificate?), private_key: folder.join(key?) };
    match Tls::load(files) {
        Ok((tls, warning)) => {
            warning.iter().for_each(|warning| warnings.add(&section.path_of("private_key_file"), warning));
            Some(tls)
        }
        Err(error) => {
            section.fault("certificate_file", with_causes(&error));
            None
        }
    }
}

/// A token can be used by whoever sees it, with other rows: plain calls from other machines need the operator's word
/// that something in front of the bridge ends TLS.
fn refuse_plain(root: &Section<'_>, listen: SocketAddr, has_tls: bool) {
    let is_allowed = root.truth("plain_http");
    if is_allowed && has_tls {
        root.fault("plain_http", "stands beside [tls]: calls come over one of the two");
    }
    if !is_allowed && !has_tls && !listen.ip().is_loopback() {
        root.fault(
            "listen",
            "takes calls from other machines without TLS: add [tls], or plain_http = true where a proxy ends TLS",
        );
    }
}
