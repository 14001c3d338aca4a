//! The envelope up to the operation's name: all that is read before the token is accepted.

use std::collections::BTreeSet;

use super::Limits;
use super::call::{self, Call};
use super::error::{Fault, FaultCode, SoapError};
use super::members;
use super::name::{Name, Namespace, Operation};
use super::xml::{Event, Tag, Xml};

/// A call whose operation and token are known and whose contents are not read yet.
pub struct Envelope<'a> {
    operation: Operation,
    token: Option<String>,
    xml: Xml<'a>,
}

impl<'a> Envelope<'a> {
    /// Reads up to the operation's element.
    ///
    /// # Errors
    /// [`Fault`] when the document is not well-formed or not a SOAP 1.1 envelope with one of our operations.
    pub fn open(document: &'a [u8], limits: &'a Limits) -> Result<Self, Fault> {
        let mut xml = Xml::new(document, limits)?;
        let root = match xml.next()? {
            Event::Start(tag) => tag,
            _ => return Err(Fault::client("no envelope")),
        };
        if !root.is(Namespace::Envelope, Name::Envelope) {
            let rule = "the root is not a SOAP 1.1 envelope";
            return Err(Fault { code: FaultCode::VersionMismatch, rule });
        }
        let token = match xml.child()? {
            Some(tag) if tag.is(Namespace::Envelope, Name::Header) => read_header(&mut xml)?,
            _ => return Err(Fault::client("the envelope does not begin with a header")),
        };
        match xml.child()? {
            Some(tag) if tag.is(Namespace::Envelope, Name::Body) => {}
            _ => return Err(Fault::client("no body follows the header")),
        }
        let operation = xml
            .child()?
            .filter(|tag| tag.namespace == Namespace::Mirroring)
            .and_then(|tag| Operation::of_request(tag.name))
            .ok_or(Fault::client("the body holds no operation of IMirroringClientService"))?;
        xml.end_preamble();
        Ok(Self { operation, token, xml })
    }

    /// What is called.
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// The token's text without white space around it; `None` where it is absent, too long, or stands twice.
    #[must_use]
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// Reads the rest. Faults in tables that are `ignored` do not count.
    ///
    /// # Errors
    /// [`SoapError::Fault`] when the document is not well-formed, [`SoapError::Content`] when it is and the contents do
    /// not fit the contract.
    pub fn read_call(mut self, ignored: &BTreeSet<String>) -> Result<Call<'a>, SoapError> {
        let operation = self.operation;
        let call = members::contained(&mut self.xml, |xml| call::read(xml, operation, ignored))?;
        if self.xml.child()?.is_some() {
            return Err(Fault::client("the body holds more than one operation").into());
        }
        if self.xml.child()?.is_some() {
            return Err(Fault::client("an element after the body").into());
        }
        match self.xml.next()? {
            Event::Eof => Ok(call?),
            _ => Err(Fault::client("something after the envelope").into()),
        }
    }
}

/// The token, if there is exactly one.
fn read_header(xml: &mut Xml<'_>) -> Result<Option<String>, Fault> {
    let mut tokens = Vec::new();
    while let Some(tag) = xml.child()? {
        if tag.is(Namespace::Mirroring, Name::SignedToken) {
            tokens.push(read_token(xml, tag)?);
        } else if tag.must_understand && !tag.for_others {
            let rule = "a header that must be understood is not known";
            return Err(Fault { code: FaultCode::MustUnderstand, rule });
        } else {
            xml.skip()?;
        }
    }
    match tokens.len() {
        1 => Ok(tokens.pop().flatten()),
        _ => Ok(None),
    }
}

fn read_token(xml: &mut Xml<'_>, tag: Tag) -> Result<Option<String>, Fault> {
    let max_bytes = xml.limits().max_token_bytes;
    let text = xml.leaf()?.text;
    let token = text.trim_ascii();
    Ok((!tag.is_nil && !token.is_empty() && token.len() <= max_bytes).then(|| token.to_owned()))
}
