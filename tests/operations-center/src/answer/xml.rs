//! Reads the little XML that an answer is: elements and text, nothing else.

use quick_xml::NsReader;
use quick_xml::events::Event;
use quick_xml::name::ResolveResult;

use super::AnswerError;

/// An element's start.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tag {
    /// Empty where there is none.
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) is_nil: bool,
}

impl Tag {
    pub(super) fn is(&self, namespace: &str, name: &str) -> bool {
        self.namespace == namespace && self.name == name
    }
}

enum Piece {
    Start(Tag),
    End,
    Text(String),
    Eof,
}

pub(super) struct Xml<'a> {
    reader: NsReader<&'a [u8]>,
}

impl<'a> Xml<'a> {
    pub(super) fn new(document: &'a str) -> Self {
        let mut reader = NsReader::from_str(document);
        reader.config_mut().expand_empty_elements = true;
        Self { reader }
    }

    fn next(&mut self) -> Result<Piece, AnswerError> {
        let malformed = |_| AnswerError::NotWellFormed;
        loop {
            let (resolved, event) = self.reader.read_resolved_event().map_err(malformed)?;
            let namespace = match resolved {
                ResolveResult::Bound(namespace) => namespace.0.to_owned(),
                ResolveResult::Unbound => String::new(),
                ResolveResult::Unknown(_) => return Err(AnswerError::NotWellFormed),
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
                Event::PI(_) | Event::DocType(_) | Event::Empty(_) => return Err(AnswerError::NotWellFormed),
            });
        }
    }

    /// The next element inside the one that was begun; `None` at its end.
    pub(super) fn child(&mut self) -> Result<Option<Tag>, AnswerError> {
        loop {
            match self.next()? {
                Piece::Start(tag) => return Ok(Some(tag)),
                Piece::End => return Ok(None),
                Piece::Text(text) if text.trim_ascii().is_empty() => {}
                Piece::Text(_) => return Err(AnswerError::Stray("text between elements")),
                Piece::Eof => return Err(AnswerError::NotWellFormed),
            }
        }
    }

    /// The text of the element that was begun, to its end.
    pub(super) fn text(&mut self) -> Result<String, AnswerError> {
        let mut whole = String::new();
        loop {
            match self.next()? {
                Piece::Text(text) => whole.push_str(&text),
                Piece::End => return Ok(whole),
                Piece::Start(_) => return Err(AnswerError::Stray("an element inside a value")),
                Piece::Eof => return Err(AnswerError::NotWellFormed),
            }
        }
    }

    /// Passes over the element that was begun.
    pub(super) fn skip(&mut self) -> Result<(), AnswerError> {
        let mut depth = 1;
        while depth > 0 {
            match self.next()? {
                Piece::Start(_) => depth += 1,
                Piece::End => depth -= 1,
                Piece::Text(_) => {}
                Piece::Eof => return Err(AnswerError::NotWellFormed),
            }
        }
        Ok(())
    }

    /// Nothing but white space may follow.
    pub(super) fn end(&mut self) -> Result<(), AnswerError> {
        loop {
            match self.next()? {
                Piece::Eof => return Ok(()),
                Piece::Text(text) if text.trim_ascii().is_empty() => {}
                _ => return Err(AnswerError::Stray("something after the envelope")),
            }
        }
    }
}

fn resolve(reference: &str) -> Result<char, AnswerError> {
    let number = match reference {
        "amp" => return Ok('&'),
        "lt" => return Ok('<'),
        "gt" => return Ok('>'),
        "quot" => return Ok('"'),
        "apos" => return Ok('\''),
        other => other.strip_prefix('#').ok_or(AnswerError::NotWellFormed)?,
    };
    let number = match number.strip_prefix('x') {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => number.parse(),
    };
    number.ok().and_then(char::from_u32).ok_or(AnswerError::NotWellFormed)
}
