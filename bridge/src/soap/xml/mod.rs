//! A strict pull parser over quick-xml: what is not well-formed, or has no business in a SOAP message, is refused.
//!
//! quick-xml finds the markup; the rules it leaves to its user stand here: one root, no DTD, no processing
//! instruction, only the five entities and character references, bound prefixes, and the limits on nesting and
//! attributes that keep a hostile document cheap.

mod plain;
mod rules;

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event as Raw};

pub(super) use self::plain::PlainLeaf;
use self::rules::{
    are_separated, check_declaration, is_another, is_true, normalised, once, resolved, split_name, unescaped,
};
use super::Limits;
use super::error::Fault;
use super::name::{Name, Namespace};

/// Namespace bindings in scope at once.
const MAX_BINDINGS: usize = 64;
/// Bytes up to the operation's name, without the token: what a caller may make us read before it is known.
const MAX_PREAMBLE_BYTES: usize = 28 * 1024;
/// Room for an attribute's name, quotes and white space around them.
const ATTRIBUTE_EXTRA_BYTES: usize = 512;
const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

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
    document: &'a str,
    reader: Reader<&'a [u8]>,
    /// The element that was just begun is written `<.../>`: its end comes next, and stands nowhere.
    is_empty_element: bool,
    /// Nowhere a line end or a `]]>` that texts would have to be searched for.
    has_plain_texts: bool,
    bindings: Vec<Binding>,
    depth: usize,
    seen_root: bool,
    at_start: bool,
    in_preamble: bool,
    limits: &'a Limits,
}

impl<'a> Xml<'a> {
    /// Begins with a whole document.
    pub(super) fn new(document: &'a [u8], limits: &'a Limits) -> Result<Self, Fault> {
        let document = std::str::from_utf8(document).map_err(|_| Fault::client("the body is not UTF-8"))?;
        if plain::has_control_characters(document.as_bytes()) {
            return Err(Fault::client("a control character stands unescaped"));
        }
        let mut reader = Reader::from_str(document);
        let config = reader.config_mut();
        config.check_comments = true;
        config.expand_empty_elements = true;
        config.trim_markup_names_in_closing_tags = true;
        Ok(Self {
            document,
            reader,
            is_empty_element: false,
            has_plain_texts: plain::has_plain_texts(document.as_bytes()),
            bindings: Vec::new(),
            depth: 0,
            seen_root: false,
            at_start: true,
            in_preamble: true,
            limits,
        })
    }

    /// From here on the document may be of any length.
    pub(super) fn end_preamble(&mut self) {
        self.in_preamble = false;
    }

    /// Elements that are open, the one that was just begun among them.
    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    pub(super) fn limits(&self) -> &'a Limits {
        self.limits
    }

    /// The next thing that is not a comment.
    pub(super) fn next(&mut self) -> Result<Event<'a>, Fault> {
        loop {
            let event = self.reader.read_event().map_err(|_| Fault::client("not well-formed XML"))?;
            if self.in_preamble && self.position() > MAX_PREAMBLE_BYTES + self.limits.max_token_bytes {
                return Err(Fault::client("the header is longer than the limit"));
            }
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
        }
    }

    /// Passes over the element that was just begun.
    pub(super) fn skip(&mut self) -> Result<(), Fault> {
        self.leave(self.depth)
    }

    /// Passes over what is left of the element that stands at `depth`, if it has not ended yet.
    pub(super) fn leave(&mut self, depth: usize) -> Result<(), Fault> {
        while self.depth >= depth {
            self.next()?;
        }
        Ok(())
    }

    fn position(&self) -> usize {
        usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX)
    }

    fn start(&mut self, start: &BytesStart<'_>) -> Result<Tag, Fault> {
        if self.depth == 0 && std::mem::replace(&mut self.seen_root, true) {
            return Err(Fault::client("more than one root element"));
        }
        if self.depth == self.limits.max_depth {
            return Err(Fault::client("elements are nested too deeply"));
        }
        self.depth += 1;
        self.is_empty_element = self.read_so_far().ends_with(b"/>");
        let qualified = start.name().0;
        let (prefix, local) = split_name(qualified)?;
        let has_attributes = !start.attributes_raw().trim_ascii().is_empty();
        let has_others = has_attributes && self.bind(start)?;
        let namespace = self.resolve(prefix)?;
        let mut tag = Tag {
            namespace,
            name: Name::of(local),
            is_nil: false,
            must_understand: false,
            for_others: false,
        };
        if has_others {
            self.attributes(start, &mut tag)?;
        }
        Ok(tag)
    }

    /// Takes over the element's namespace declarations, and checks all its attributes. Says whether there are others
    /// than declarations.
    fn bind(&mut self, start: &BytesStart<'_>) -> Result<bool, Fault> {
        // Before anything goes through them: a tag can be as long as the body.
        let longest = self.limits.max_attributes * (self.limits.max_attribute_bytes + ATTRIBUTE_EXTRA_BYTES);
        if start.attributes_raw().len() > longest {
            return Err(Fault::client("an element's attributes are too long"));
        }
        let mut has_others = false;
        if !are_separated(start.attributes_raw()) {
            return Err(Fault::client("an attribute is malformed or stands twice"));
        }
        for (number, attribute) in start.attributes().enumerate() {
            let attribute =
                attribute.map_err(|_| Fault::client("an attribute is malformed or stands twice"))?;
            if number == self.limits.max_attributes {
                return Err(Fault::client("an element has too many attributes"));
            }
            if attribute.value.len() > self.limits.max_attribute_bytes || attribute.value.contains('<') {
                return Err(Fault::client("an attribute's value is too long or malformed"));
            }
            let prefix = match split_name(attribute.key.0)? {
                ("", "xmlns") => "",
                ("xmlns", prefix) => prefix,
                _ => {
                    has_others = true;
                    continue;
                }
            };
            let uri = unescaped(&attribute)?;
            let namespace = Namespace::of(&uri);
            let is_reserved = matches!(prefix, "xml" | "xmlns")
                || (uri.is_empty() && !prefix.is_empty())
                || namespace == Namespace::Xml
                || uri == XMLNS;
            if is_reserved || self.bindings.len() == MAX_BINDINGS {
                return Err(Fault::client("a namespace is declared that may not be"));
            }
            self.bindings.push(Binding { depth: self.depth, prefix: prefix.to_owned(), namespace });
        }
        Ok(has_others)
    }

    fn attributes(&self, start: &BytesStart<'_>, tag: &mut Tag) -> Result<(), Fault> {
        let (mut nil, mut must_understand, mut actor) = (None, None, None);
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
                (Namespace::Instance, "nil") => once(&mut nil, is_true(&value)?)?,
                (Namespace::Envelope, "mustUnderstand") => once(&mut must_understand, is_true(&value)?)?,
                (Namespace::Envelope, "actor") => once(&mut actor, is_another(&value))?,
                (Namespace::Serialization, "Ref") => {
                    return Err(Fault::client("references to other elements are not supported"));
                }
                _ => {}
            }
        }
        tag.is_nil = nil.unwrap_or(false);
        tag.must_understand = must_understand.unwrap_or(false);
        tag.for_others = actor.unwrap_or(false);
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
        self.is_empty_element = false;
        Ok(Event::End)
    }

    /// Text outside the root may only be white space, and nobody needs to see that.
    fn text(&self, text: Cow<'a, str>) -> Result<Option<Text<'a>>, Fault> {
        if self.depth == 0 {
            let is_blank = text.bytes().all(|byte| byte.is_ascii_whitespace());
            return if is_blank { Ok(None) } else { Err(OUTSIDE) };
        }
        if !self.has_plain_texts && text.contains("]]>") {
            return Err(Fault::client("]]> stands unescaped"));
        }
        let text = if self.has_plain_texts { text } else { normalised(text) };
        Ok(Some(Text { text, replaced_nuls: 0 }))
    }
}

const OUTSIDE: Fault = Fault::client("text outside the root element");
