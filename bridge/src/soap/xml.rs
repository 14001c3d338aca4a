//! A strict pull parser over quick-xml: what is not well-formed, or has no business in a SOAP message, is refused.
//!
//! quick-xml finds the markup; the rules it leaves to its user stand here: one root, no DTD, no processing
//! instruction, only the five entities and character references, bound prefixes, and the limits on nesting and
//! attributes that keep a hostile document cheap.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event as Raw};

use super::Limits;
use super::error::Fault;
use super::name::{Name, Namespace};

/// Namespace bindings in scope at once.
const MAX_BINDINGS: usize = 64;
const MAX_NAME_BYTES: usize = 256;

/// An element's start with the attributes that mean something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag {
    pub(super) namespace: Namespace,
    pub(super) name: Name,
    /// `i:nil="true"`.
    pub(super) is_nil: bool,
    /// `s:mustUnderstand="1"`.
    pub(super) must_understand: bool,
    /// Meant for another receiver on the way (`s:actor`).
    pub(super) for_others: bool,
}

impl Tag {
    pub(super) fn is(self, namespace: Namespace, name: Name) -> bool {
        self.namespace == namespace && self.name == name
    }
}

/// What comes next in a document. Comments are skipped.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event<'a> {
    Start(Tag),
    End,
    Text(Text<'a>),
    Eof,
}

/// A piece of text, references resolved and line ends normalised.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Text<'a> {
    pub(super) text: Cow<'a, str>,
    /// References to U+0000, which stand as U+2400: no copy of the table could hold them everywhere.
    pub(super) replaced_nuls: u64,
}

#[derive(Debug)]
struct Binding {
    depth: usize,
    prefix: String,
    namespace: Namespace,
}

/// Reads one document.
pub(super) struct Xml<'a> {
    reader: Reader<&'a [u8]>,
    bindings: Vec<Binding>,
    depth: usize,
    seen_root: bool,
    at_start: bool,
    limits: &'a Limits,
}

impl<'a> Xml<'a> {
    /// Begins with a whole document.
    pub(super) fn new(document: &'a [u8], limits: &'a Limits) -> Result<Self, Fault> {
        let document = std::str::from_utf8(document).map_err(|_| Fault::client("the body is not UTF-8"))?;
        let document = document.strip_prefix('\u{feff}').unwrap_or(document);
        if document.bytes().any(|byte| byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r')) {
            return Err(Fault::client("a control character stands unescaped"));
        }
        let mut reader = Reader::from_str(document);
        let config = reader.config_mut();
        config.check_comments = true;
        config.expand_empty_elements = true;
        config.trim_markup_names_in_closing_tags = true;
        Ok(Self { reader, bindings: Vec::new(), depth: 0, seen_root: false, at_start: true, limits })
    }

    pub(super) fn limits(&self) -> &'a Limits {
        self.limits
    }

    /// The next thing that is not a comment.
    pub(super) fn next(&mut self) -> Result<Event<'a>, Fault> {
        loop {
            let event = self.reader.read_event().map_err(|_| Fault::client("not well-formed XML"))?;
            let at_start = std::mem::replace(&mut self.at_start, false);
            match event {
                Raw::Start(start) => return self.start(&start).map(Event::Start),
                Raw::End(_) => return self.end(),
                Raw::Text(text) => match self.text(text.into_inner())? {
                    Some(text) => return Ok(Event::Text(text)),
                    None => continue,
                },
                Raw::CData(text) if self.depth > 0 => {
                    return Ok(Event::Text(Text { text: normalised(text.into_inner()), replaced_nuls: 0 }));
                }
                Raw::GeneralRef(reference) if self.depth > 0 => {
                    return resolved(&reference).map(Event::Text);
                }
                Raw::CData(_) | Raw::GeneralRef(_) => return Err(OUTSIDE),
                Raw::Comment(_) => {}
                Raw::Decl(declaration) if at_start => check_declaration(&declaration)?,
                Raw::Decl(_) => return Err(Fault::client("an XML declaration that is not at the start")),
                Raw::PI(_) => return Err(Fault::client("a processing instruction")),
                Raw::DocType(_) => return Err(Fault::client("a document type")),
                Raw::Eof if self.depth == 0 && self.seen_root => return Ok(Event::Eof),
                Raw::Eof => return Err(Fault::client("the document ends early")),
                Raw::Empty(_) => return Err(Fault::client("not well-formed XML")),
            }
        }
    }

    /// The next element's start, or `None` at the end of the one that it would stand in. Text between is refused.
    pub(super) fn child(&mut self) -> Result<Option<Tag>, Fault> {
        loop {
            match self.next()? {
                Event::Start(tag) => return Ok(Some(tag)),
                Event::End => return Ok(None),
                Event::Text(text) if text.text.bytes().all(|byte| byte.is_ascii_whitespace()) => {}
                Event::Text(_) => return Err(Fault::client("text where only elements may stand")),
                Event::Eof => return Err(Fault::client("the document ends early")),
            }
        }
    }

    /// All text up to the end of the element that was just begun. An element inside is refused.
    pub(super) fn leaf(&mut self) -> Result<Text<'a>, Fault> {
        let mut whole: Option<Text<'a>> = None;
        loop {
            let piece = match self.next()? {
                Event::Text(piece) => piece,
                Event::End => return Ok(whole.unwrap_or_default()),
                Event::Start(_) => return Err(Fault::client("an element where only text may stand")),
                Event::Eof => return Err(Fault::client("the document ends early")),
            };
            match &mut whole {
                None => whole = Some(piece),
                Some(whole) => {
                    whole.replaced_nuls += piece.replaced_nuls;
                    whole.text.to_mut().push_str(&piece.text);
                }
            }
            if whole.as_ref().is_some_and(|text| text.text.len() > self.limits.max_value_bytes) {
                return Err(Fault::client("a value is longer than the limit"));
            }
        }
    }

    /// Passes over the element that was just begun.
    pub(super) fn skip(&mut self) -> Result<(), Fault> {
        let outside = self.depth - 1;
        while self.depth > outside {
            self.next()?;
        }
        Ok(())
    }

    fn start(&mut self, start: &BytesStart<'_>) -> Result<Tag, Fault> {
        if self.depth == 0 && std::mem::replace(&mut self.seen_root, true) {
            return Err(Fault::client("more than one root element"));
        }
        if self.depth == self.limits.max_depth {
            return Err(Fault::client("elements are nested too deeply"));
        }
        self.depth += 1;
        let qualified = start.name().0;
        let (prefix, local) = split_name(qualified)?;
        let has_attributes = !start.attributes_raw().trim_ascii().is_empty();
        if has_attributes {
            self.bind(start)?;
        }
        let namespace = self.resolve(prefix)?;
        let mut tag = Tag {
            namespace,
            name: Name::of(local),
            is_nil: false,
            must_understand: false,
            for_others: false,
        };
        if has_attributes {
            self.attributes(start, &mut tag)?;
        }
        Ok(tag)
    }

    /// Takes over the element's namespace declarations, and checks all its attributes.
    fn bind(&mut self, start: &BytesStart<'_>) -> Result<(), Fault> {
        for (number, attribute) in start.attributes().enumerate() {
            let attribute =
                attribute.map_err(|_| Fault::client("an attribute is malformed or stands twice"))?;
            if number == self.limits.max_attributes {
                return Err(Fault::client("an element has too many attributes"));
            }
            if attribute.value.len() > self.limits.max_attribute_bytes || attribute.value.contains('<') {
                return Err(Fault::client("an attribute's value is too long or malformed"));
            }
            let prefix = match attribute.key.0 {
                "xmlns" => "",
                name => match name.strip_prefix("xmlns:") {
                    Some(prefix) => prefix,
                    None => continue,
                },
            };
            let uri = unescaped(&attribute)?;
            let is_reserved = matches!(prefix, "xml" | "xmlns") || (uri.is_empty() && !prefix.is_empty());
            if is_reserved || self.bindings.len() == MAX_BINDINGS {
                return Err(Fault::client("a namespace is declared that may not be"));
            }
            let namespace = Namespace::of(&uri);
            self.bindings.push(Binding { depth: self.depth, prefix: prefix.to_owned(), namespace });
        }
        Ok(())
    }

    fn attributes(&self, start: &BytesStart<'_>, tag: &mut Tag) -> Result<(), Fault> {
        for attribute in start.attributes() {
            let attribute =
                attribute.map_err(|_| Fault::client("an attribute is malformed or stands twice"))?;
            let name = attribute.key.0;
            if name == "xmlns" || name.starts_with("xmlns:") {
                continue;
            }
            let (prefix, local) = split_name(name)?;
            let value = unescaped(&attribute)?;
            let namespace = if prefix.is_empty() { Namespace::None } else { self.resolve(prefix)? };
            match (namespace, local) {
                (Namespace::Instance, "nil") => tag.is_nil = is_true(&value)?,
                (Namespace::Envelope, "mustUnderstand") => tag.must_understand = is_true(&value)?,
                (Namespace::Envelope, "actor") => {
                    tag.for_others = value != "http://schemas.xmlsoap.org/soap/actor/next";
                }
                (Namespace::Serialization, "Ref") => {
                    return Err(Fault::client("references to other elements are not supported"));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn resolve(&self, prefix: &str) -> Result<Namespace, Fault> {
        if prefix == "xml" {
            return Ok(Namespace::Xml);
        }
        match self.bindings.iter().rev().find(|binding| binding.prefix == prefix) {
            Some(binding) => Ok(binding.namespace),
            None if prefix.is_empty() => Ok(Namespace::None),
            None => Err(Fault::client("a prefix is not declared")),
        }
    }

    fn end(&mut self) -> Result<Event<'a>, Fault> {
        while self.bindings.last().is_some_and(|binding| binding.depth == self.depth) {
            self.bindings.pop();
        }
        self.depth = self.depth.checked_sub(1).ok_or(OUTSIDE)?;
        Ok(Event::End)
    }

    /// Text outside the root may only be white space, and nobody needs to see that.
    fn text(&self, text: Cow<'a, str>) -> Result<Option<Text<'a>>, Fault> {
        if self.depth == 0 {
            let is_blank = text.bytes().all(|byte| byte.is_ascii_whitespace());
            return if is_blank { Ok(None) } else { Err(OUTSIDE) };
        }
        if text.contains("]]>") {
            return Err(Fault::client("]]> stands unescaped"));
        }
        Ok(Some(Text { text: normalised(text), replaced_nuls: 0 }))
    }
}

const OUTSIDE: Fault = Fault::client("text outside the root element");

/// Raw line ends become LF, as XML demands; a CR that was meant comes as a reference.
fn normalised(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.contains('\r') { Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n")) } else { text }
}

fn resolved<'a>(reference: &BytesRef<'_>) -> Result<Text<'a>, Fault> {
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

fn check_declaration(declaration: &BytesDecl<'_>) -> Result<(), Fault> {
    let is_1_0 = declaration.version().is_ok_and(|version| version == "1.0");
    let is_utf8 = match declaration.encoding() {
        None => true,
        Some(encoding) => encoding.is_ok_and(|encoding| encoding.eq_ignore_ascii_case("utf-8")),
    };
    if is_1_0 && is_utf8 {
        Ok(())
    } else {
        Err(Fault::client("the XML declaration names another version or encoding than 1.0 and UTF-8"))
    }
}

/// Prefix (empty where there is none) and local name.
fn split_name(qualified: &str) -> Result<(&str, &str), Fault> {
    let (prefix, local) = qualified.split_once(':').unwrap_or(("", qualified));
    let fits = qualified.len() <= MAX_NAME_BYTES
        && is_name(local)
        && (is_name(prefix) || (prefix.is_empty() && !qualified.starts_with(':')));
    if fits { Ok((prefix, local)) } else { Err(Fault::client("a malformed name")) }
}

fn is_name(name: &str) -> bool {
    let first = |c: char| c.is_ascii_alphabetic() || c == '_' || !c.is_ascii();
    let rest = |c: char| first(c) || c.is_ascii_digit() || c == '-' || c == '.';
    name.starts_with(first) && name.chars().all(rest)
}

fn unescaped<'v>(attribute: &quick_xml::events::attributes::Attribute<'v>) -> Result<Cow<'v, str>, Fault> {
    attribute
        .normalized_value(quick_xml::XmlVersion::Explicit1_0)
        .map_err(|_| Fault::client("an attribute's value is malformed"))
}

fn is_true(value: &str) -> Result<bool, Fault> {
    match value.trim_ascii() {
        "1" | "true" => Ok(true),
        "0" | "false" => Ok(false),
        _ => Err(Fault::client("an attribute must be 0, 1, true or false")),
    }
}
