//! Reads the little XML that calls and answers are: elements and text, nothing else.

use quick_xml::NsReader;
use quick_xml::events::Event;
use quick_xml::name::ResolveResult;

/// Why a document cannot be read on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    /// Not XML, or XML that has no business in SOAP.
    #[error("not a well-formed XML document in UTF-8")]
    NotWellFormed,
    /// Something stands where nothing may.
    #[error("{0} stands where nothing may stand")]
    Stray(&'static str),
}

/// An element's start.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Tag {
    /// Empty where there is none.
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) is_nil: bool,
}

impl Tag {
    pub(crate) fn is(&self, namespace: &str, name: &str) -> bool {
        self.namespace == namespace && self.name == name
    }
}

enum Piece {
    Start(Tag),
    End,
    Text(String),
    Eof,
}

pub(crate) struct Xml<'a> {
    reader: NsReader<&'a [u8]>,
}

impl<'a> Xml<'a> {
    pub(crate) fn new(document: &'a str) -> Self {
        let mut reader = NsReader::from_str(document);
        reader.config_mut().expand_empty_elements = true;
        Self { reader }
    }

    fn next(&mut self) -> Result<Piece, XmlError> {
        let malformed = |_| XmlError::NotWellFormed;
        loop {
            let (resolved, event) = self.reader.read_resolved_event().map_err(malformed)?;
            let namespace = match resolved {
                ResolveResult::Bound(namespace) => namespace.0.to_owned(),
                ResolveResult::Unbound => String::new(),
                ResolveResult::Unknown(_) => return Err(XmlError::NotWellFormed),
            };
            return Ok(match event {
                Event::Start(start) => {
                    let nil = start
                        .attributes()
                        .filter_map(Result::ok)
                        .find(|attribute| attribute.key.local_name().as_ref() == "nil");
                    let is_nil = nil.is_some_and(|nil| matches!(nil.value.as_ref(), "true" | "1"));
                    Piece::Start(Tag { namespace, name: start.local_name().as_ref().to_owned(), is_nil })
                }
                Event::End(_) => Piece::End,
                Event::Text(text) => Piece::Text(text.to_string()),
                Event::CData(text) => Piece::Text(text.to_string()),
                Event::GeneralRef(reference) => Piece::Text(resolve(&reference)?.to_string()),
                Event::Eof => Piece::Eof,
                Event::Comment(_) | Event::Decl(_) => continue,
                Event::PI(_) | Event::DocType(_) | Event::Empty(_) => return Err(XmlError::NotWellFormed),
            });
        }
    }

    /// The next element inside the one that was begun; `None` at its end.
    pub(crate) fn child(&mut self) -> Result<Option<Tag>, XmlError> {
        loop {
            match self.next()? {
                Piece::Start(tag) => return Ok(Some(tag)),
                Piece::End => return Ok(None),
                Piece::Text(text) if text.trim_ascii().is_empty() => {}
                Piece::Text(_) => return Err(XmlError::Stray("text between elements")),
                Piece::Eof => return Err(XmlError::NotWellFormed),
            }
        }
    }

    /// The text of the element that was begun, to its end.
    pub(crate) fn text(&mut self) -> Result<String, XmlError> {
        let mut whole = String::new();
        loop {
            match self.next()? {
                Piece::Text(text) => whole.push_str(&text),
                Piece::End => return Ok(whole),
                Piece::Start(_) => return Err(XmlError::Stray("an element inside a value")),
                Piece::Eof => return Err(XmlError::NotWellFormed),
            }
        }
    }

    /// Passes over the element that was begun.
    pub(crate) fn skip(&mut self) -> Result<(), XmlError> {
        let mut depth = 1;
        while depth > 0 {
            match self.next()? {
                Piece::Start(_) => depth += 1,
                Piece::End => depth -= 1,
                Piece::Text(_) => {}
                Piece::Eof => return Err(XmlError::NotWellFormed),
            }
        }
        Ok(())
    }

    /// Nothing but white space may follow.
    pub(crate) fn end(&mut self) -> Result<(), XmlError> {
        loop {
            match self.next()? {
                Piece::Eof => return Ok(()),
                Piece::Text(text) if text.trim_ascii().is_empty() => {}
                _ => return Err(XmlError::Stray("something after the envelope")),
            }
        }
    }
}

fn resolve(reference: &str) -> Result<char, XmlError> {
    let number = match reference {
        "amp" => return Ok('&'),
        "lt" => return Ok('<'),
        "gt" => return Ok('>'),
        "quot" => return Ok('"'),
        "apos" => return Ok('\''),
        other => other.strip_prefix('#').ok_or(XmlError::NotWellFormed)?,
    };
    let number = match number.strip_prefix('x') {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => number.parse(),
    };
    number.ok().and_then(char::from_u32).ok_or(XmlError::NotWellFormed)
}
