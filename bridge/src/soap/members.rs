//! Members of elements and items of lists, read the same way everywhere: any order, none twice, unknown members passed
//! over.

use std::borrow::Cow;

use super::error::{ContentError, Fault, SoapError};
use super::name::{Name, Namespace};
use super::xml::{Tag, Text, Xml};

/// Which members of an element have been read: none may stand twice.
#[derive(Default)]
pub(super) struct Members(u64);

impl Members {
    /// The next member in `namespace`, skipping all that the contract does not name.
    pub(super) fn next(
        &mut self,
        xml: &mut Xml<'_>,
        namespace: Namespace,
        known: &[Name],
    ) -> Result<Option<Tag>, SoapError> {
        while let Some(tag) = xml.child()? {
            if tag.namespace != namespace || !known.contains(&tag.name) {
                xml.skip()?;
                continue;
            }
            let bit = 1 << (tag.name as u32);
            if self.0 & bit != 0 {
                return Err(ContentError::new(format!("{} stands twice", tag.name.text())).into());
            }
            self.0 |= bit;
            return Ok(Some(tag));
        }
        Ok(None)
    }
}

/// The next item of a list. Unlike an unknown member, an unknown item is refused: to pass over it could lose a row, or
/// make a table look dropped.
pub(super) fn items(xml: &mut Xml<'_>, namespace: Namespace, item: Name) -> Result<Option<Tag>, SoapError> {
    match xml.child()? {
        Some(tag) if !tag.is(namespace, item) => {
            Err(ContentError::new(format!("a list of {} holds something else", item.text())).into())
        }
        tag => Ok(tag),
    }
}

/// Reads from the element that was just begun. Where its contents do not fit, passes over what is left of it and
/// keeps the error, because the table that it concerns is named further on.
pub(super) fn contained<'a, T>(
    xml: &mut Xml<'a>,
    read: impl FnOnce(&mut Xml<'a>) -> Result<T, SoapError>,
) -> Result<Result<T, ContentError>, Fault> {
    let depth = xml.depth();
    match read(xml) {
        Ok(value) => Ok(Ok(value)),
        Err(SoapError::Content(error)) => xml.leave(depth).map(|()| Err(error)),
        Err(SoapError::Fault(fault)) => Err(fault),
    }
}

/// A leaf's text; `None` for `i:nil`. One that is too long is an error of its row or table, not of the document.
pub(super) fn optional<'a>(xml: &mut Xml<'a>, tag: Tag) -> Result<Option<Text<'a>>, SoapError> {
    let text = xml.leaf()?;
    if text.text.len() > xml.limits().max_value_bytes {
        return Err(ContentError::new("a value is longer than the limit").into());
    }
    match tag.is_nil {
        true if text.text.trim_ascii().is_empty() => Ok(None),
        true => Err(Fault::client("a nil element holds text").into()),
        false => Ok(Some(text)),
    }
}

/// A leaf's text, empty for `i:nil`.
pub(super) fn text<'a>(xml: &mut Xml<'a>, tag: Tag) -> Result<Cow<'a, str>, SoapError> {
    Ok(optional(xml, tag)?.unwrap_or_default().text)
}

/// A whole number by the rules of `xs:long`, without its optional plus sign; nil counts as absent.
pub(super) fn number<T: std::str::FromStr>(xml: &mut Xml<'_>, tag: Tag) -> Result<Option<T>, SoapError> {
    let Some(text) = optional(xml, tag)? else { return Ok(None) };
    let text = text.text.trim_ascii();
    let number = if text.starts_with('+') { None } else { text.parse().ok() };
    let rule = || ContentError::new(format!("{} is not a whole number in range", tag.name.text()));
    number.map(Some).ok_or_else(|| rule().into())
}
