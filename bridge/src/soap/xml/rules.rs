//! The rules of XML that need no state: references, names, declarations and the few attributes that mean something.

use std::borrow::Cow;

use quick_xml::events::attributes::{Attribute, Attributes};
use quick_xml::events::{BytesDecl, BytesRef};

use super::Text;
use crate::soap::error::Fault;

const MAX_NAME_BYTES: usize = 256;

/// Raw line ends become LF, as XML demands; a CR that was meant comes as a reference.
pub(super) fn normalised(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.contains('\r') { Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n")) } else { text }
}

pub(super) fn resolved<'a>(reference: &BytesRef<'_>) -> Result<Text<'a>, Fault> {
    let text = match &**reference {
        "amp" => "&",
        "lt" => "<",
        "gt" => ">",
        "quot" => "\"",
        "apos" => "'",
        other => return character(other),
    };
    Ok(Text { text: Cow::Borrowed(text), replaced_nuls: 0 })
}

fn character<'a>(reference: &str) -> Result<Text<'a>, Fault> {
    let bad = || Fault::client("an entity or character reference that XML does not know");
    let number = match reference.strip_prefix('#').ok_or_else(bad)? {
        hex if hex.starts_with('x') => digits(&hex[1..], 16),
        decimal => digits(decimal, 10),
    };
    match number.ok_or_else(bad)? {
        0 => Ok(Text { text: Cow::Borrowed("\u{2400}"), replaced_nuls: 1 }),
        number => {
            let character = char::from_u32(number).ok_or_else(bad)?;
            Ok(Text { text: Cow::Owned(character.to_string()), replaced_nuls: 0 })
        }
    }
}

/// A number of nothing but digits: no sign, not empty.
fn digits(text: &str, radix: u32) -> Option<u32> {
    if text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        u32::from_str_radix(text, radix).ok()
    } else {
        None
    }
}

/// `version`, then perhaps `encoding`, then perhaps `standalone`: a declaration that is spelt wrong could hide another
/// encoding.
pub(super) fn check_declaration(declaration: &BytesDecl<'_>) -> Result<(), Fault> {
    const BAD: Fault =
        Fault::client("the XML declaration is malformed or names more than version 1.0 and UTF-8");
    let written = declaration.strip_prefix("xml").filter(|rest| are_separated(rest)).ok_or(BAD)?;
    let mut last = 0;
    for attribute in Attributes::new(written, 0) {
        let attribute = attribute.map_err(|_| BAD)?;
        let (place, fits) = match attribute.key.0 {
            "version" => (1, attribute.value == "1.0"),
            "encoding" => (2, attribute.value.eq_ignore_ascii_case("utf-8")),
            "standalone" => (3, matches!(&*attribute.value, "yes" | "no")),
            _ => return Err(BAD),
        };
        let is_in_order = place > last && (place == 1) == (last == 0);
        if !fits || !is_in_order {
            return Err(BAD);
        }
        last = place;
    }
    if last == 0 { Err(BAD) } else { Ok(()) }
}

/// Prefix (empty where there is none) and local name.
pub(super) fn split_name(qualified: &str) -> Result<(&str, &str), Fault> {
    let colon = qualified.bytes().position(|byte| byte == b':');
    let (prefix, local) = match colon {
        Some(colon) => {
            (qualified.get(..colon).unwrap_or_default(), qualified.get(colon + 1..).unwrap_or_default())
        }
        None => ("", qualified),
    };
    let fits = qualified.len() <= MAX_NAME_BYTES
        && is_name(local)
        && (is_name(prefix) || (prefix.is_empty() && !qualified.starts_with(':')));
    if fits { Ok((prefix, local)) } else { Err(Fault::client("a malformed name")) }
}

fn is_name(name: &str) -> bool {
    let first = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_' || !byte.is_ascii();
    let rest = |byte: u8| first(byte) || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
    name.bytes().next().is_some_and(first) && name.bytes().all(rest)
}

pub(super) fn unescaped<'v>(attribute: &Attribute<'v>) -> Result<Cow<'v, str>, Fault> {
    attribute
        .normalized_value(quick_xml::XmlVersion::Explicit1_0)
        .map_err(|_| Fault::client("an attribute's value is malformed"))
}

/// Whether white space follows every attribute but the last, which quick-xml does not ask for.
pub(super) fn are_separated(attributes: &str) -> bool {
    let mut quote = None;
    let mut after_value = false;
    attributes.bytes().all(|byte| {
        let fits = !after_value || byte.is_ascii_whitespace();
        after_value = quote == Some(byte);
        quote = match quote {
            None => matches!(byte, b'"' | b'\'').then_some(byte),
            Some(_) if after_value => None,
            open => open,
        };
        fits
    })
}

/// Two prefixes can make one attribute of two.
pub(super) fn once(seen: &mut Option<bool>, value: bool) -> Result<(), Fault> {
    match seen.replace(value) {
        None => Ok(()),
        Some(_) => Err(Fault::client("an attribute is malformed or stands twice")),
    }
}

/// Whether an actor is somebody else. Everybody is "next", and who names none means the last receiver: us.
pub(super) fn is_another(actor: &str) -> bool {
    !matches!(actor.trim_ascii(), "" | "http://schemas.xmlsoap.org/soap/actor/next")
}

pub(super) fn is_true(value: &str) -> Result<bool, Fault> {
    match value.trim_ascii() {
        "1" | "true" => Ok(true),
        "0" | "false" => Ok(false),
        _ => Err(Fault::client("an attribute must be 0, 1, true or false")),
    }
}
