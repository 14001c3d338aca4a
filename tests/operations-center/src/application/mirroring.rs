//! Whether an application is mirrored to, and where.
//!
//! Mirroring that is on has a URL, always: the vendor does not let it be switched on without one. Switched off, the
//! URL is kept for the day when it is switched on again.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use ureq::http::Uri;

/// Why mirroring could not be set.
#[derive(Debug, thiserror::Error)]
pub enum MirroringError {
    /// Mirroring without a place to call.
    #[error("mirroring needs a Mirroring URL, such as https://example.com/MirroringClientService.svc")]
    NoUrl,
    /// Something else than an address on the web.
    #[error("the Mirroring URL '{url}' {rule}")]
    Url {
        /// What was given.
        url: String,
        /// What is wrong with it.
        rule: &'static str,
    },
}

/// The receiver's address: an absolute `http` or `https` URL with a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MirroringUrl(String);

impl MirroringUrl {
    /// The URL as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MirroringUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for MirroringUrl {
    type Err = MirroringError;

    fn from_str(text: &str) -> Result<Self, MirroringError> {
        let wrong = |rule| MirroringError::Url { url: text.to_owned(), rule };
        let uri: Uri = text.parse().map_err(|_| wrong("is not a URL"))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(wrong("does not begin with https:// or http://"));
        }
        if uri.host().is_none_or(str::is_empty) {
            return Err(wrong("names no host"));
        }
        if text.contains('#') {
            return Err(wrong("has a fragment, which is never sent"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for MirroringUrl {
    type Error = MirroringError;

    fn try_from(text: String) -> Result<Self, MirroringError> {
        text.parse()
    }
}

impl From<MirroringUrl> for String {
    fn from(url: MirroringUrl) -> Self {
        url.0
    }
}

/// Mirroring, on or off.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Mirroring {
    is_enabled: bool,
    url: Option<MirroringUrl>,
}

impl Mirroring {
    /// On, to `url`.
    #[must_use]
    pub fn on(url: MirroringUrl) -> Self {
        Self { is_enabled: true, url: Some(url) }
    }

    /// Off, and never on before.
    #[must_use]
    pub fn off() -> Self {
        Self::default()
    }

    /// Where calls go; `None` while mirroring is off.
    #[must_use]
    pub fn url(&self) -> Option<&MirroringUrl> {
        self.url.as_ref().filter(|_| self.is_enabled)
    }

    /// The URL that is registered, whether or not mirroring is on.
    #[must_use]
    pub fn registered_url(&self) -> Option<&MirroringUrl> {
        self.url.as_ref()
    }

    /// Whether calls are made.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.is_enabled
    }

    /// Switched on, to `url` or else to the one that is registered.
    ///
    /// # Errors
    /// [`MirroringError::NoUrl`] where there is neither.
    pub fn enabled(self, url: Option<MirroringUrl>) -> Result<Self, MirroringError> {
        url.or(self.url).map(Self::on).ok_or(MirroringError::NoUrl)
    }

    /// Switched off; the URL stays registered.
    #[must_use]
    pub fn disabled(self) -> Self {
        Self { is_enabled: false, ..self }
    }
}

#[derive(Serialize, Deserialize)]
struct Stored {
    enabled: bool,
    url: Option<MirroringUrl>,
}

impl From<Mirroring> for Stored {
    fn from(mirroring: Mirroring) -> Self {
        Self { enabled: mirroring.is_enabled, url: mirroring.url }
    }
}

impl TryFrom<Stored> for Mirroring {
    type Error = MirroringError;

    fn try_from(stored: Stored) -> Result<Self, MirroringError> {
        if stored.enabled && stored.url.is_none() {
            return Err(MirroringError::NoUrl);
        }
        Ok(Self { is_enabled: stored.enabled, url: stored.url })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://receiver.example:8443/MirroringClientService.svc?a=b";

    #[test]
    fn a_mirroring_url_is_an_address_on_the_web() {
        assert_eq!(URL.parse::<MirroringUrl>().unwrap().as_str(), URL);
        assert!("http://127.0.0.1:8080/".parse::<MirroringUrl>().is_ok());
        let cases = [
            ("", "is not a URL"),
            ("not a url", "is not a URL"),
            ("/MirroringClientService.svc", "does not begin with https:// or http://"),
            ("receiver.example", "does not begin with https:// or http://"),
            ("ftp://receiver.example/", "does not begin with https:// or http://"),
            ("https://receiver.example/#top", "has a fragment, which is never sent"),
        ];
        for (text, rule) in cases {
            let error = text.parse::<MirroringUrl>().unwrap_err().to_string();
            assert_eq!(error, format!("the Mirroring URL '{text}' {rule}"));
        }
        for text in ["http://", "https:///path", "https://:80/"] {
            assert!(text.parse::<MirroringUrl>().is_err(), "{text}");
        }
    }

    #[test]
    fn mirroring_is_never_on_without_a_url() {
        assert!(matches!(Mirroring::off().enabled(None), Err(MirroringError::NoUrl)));
        let on = Mirroring::off().enabled(Some(URL.parse().unwrap())).unwrap();
        assert_eq!(on.url().map(MirroringUrl::as_str), Some(URL));
        let stored = r#"{"enabled":true,"url":null}"#;
        assert!(serde_json::from_str::<Mirroring>(stored).is_err());
    }

    #[test]
    fn mirroring_that_is_switched_off_keeps_its_url() {
        let off = Mirroring::on(URL.parse().unwrap()).disabled();
        assert_eq!((off.is_enabled(), off.url()), (false, None));
        let read: Mirroring = serde_json::from_str(&serde_json::to_string(&off).unwrap()).unwrap();
        assert_eq!(read, off);
        assert_eq!(read.enabled(None).unwrap().url().map(MirroringUrl::as_str), Some(URL));
    }
}
