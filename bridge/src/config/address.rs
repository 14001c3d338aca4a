//! Addresses: where the bridge listens and is reached, and where the registry is.

use std::net::SocketAddr;

use reqwest::Url;

use super::section::Section;

/// An IP address and port to listen on.
pub(super) fn socket(section: &Section<'_>, key: &'static str, default: SocketAddr) -> SocketAddr {
    let Some(text) = section.text(key) else { return default };
    text.parse().unwrap_or_else(|_| {
        section.fault(key, "must be an IP address and a port, such as 0.0.0.0:8080");
        default
    })
}

/// An http or https address without user, query or fragment, as it was written.
pub(super) fn url(section: &Section<'_>, key: &'static str) -> Option<String> {
    let text = section.required_text(key)?;
    let url = Url::parse(&text).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    });
    if url.is_none() {
        section.fault(key, "must be an http or https address without user, query or fragment");
    }
    url.map(|_| text)
}

/// Whether calls to this address can be read on their way by others than this machine.
pub(super) fn is_open_to_listeners(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    let is_local = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    url.scheme() == "http" && !is_local
}

/// The path of the service: what a router takes literally.
pub(super) fn path(section: &Section<'_>, key: &'static str, default: &str) -> String {
    let Some(path) = section.text(key) else { return default.to_owned() };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/-._~".contains(c);
    if !path.starts_with('/') || path.contains("//") || path.contains("/.") || !path.chars().all(is_plain) {
        section.fault(key, "must begin with / and have only letters, digits and -._~ between single slashes");
    }
    path
}
