//! From a response's body to an [`Answer`].

use super::{Answer, Position};
use crate::wire::{DATA, ENVELOPE, MIRRORING, Operation};
use crate::xml::{Tag, Xml, XmlError};

/// What is wrong with an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// Not UTF-8, not XML, or XML that has no business in SOAP.
    #[error("the answer cannot be read: {0}")]
    Xml(#[from] XmlError),
    /// Another element was due.
    #[error("{expected} was due, {found} came")]
    Unexpected {
        /// What the contract says.
        expected: String,
        /// What came.
        found: String,
    },
    /// A member that the contract does not have, or not here.
    #[error("{member} is unknown, stands twice, or does not stand in the contract's order")]
    Order {
        /// The member.
        member: String,
    },
    /// A member that must be there.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A member whose value is not of its type.
    #[error("{member} is not {kind}")]
    Type {
        /// The member.
        member: &'static str,
        /// Its type.
        kind: &'static str,
    },
    /// The receiver answered a SOAP fault.
    #[error("the receiver answered the fault {code}: {text}")]
    Fault {
        /// Such as `s:Client`.
        code: String,
        /// What the receiver says.
        text: String,
    },
}

/// The members of each answer, in the contract's order.
fn members(operation: Operation) -> &'static [&'static str] {
    match operation {
        Operation::Authenticate => &[
            "IsSuccessful",
            "ErrorMessage",
            "SignedApplicationToken",
            "SupportedInterfaces",
            "SuperOfficeMirroringBuild",
            "ClientState",
            "AdditionalInformationJson",
        ],
        Operation::TableSchema => &["IsSuccessful", "ErrorMessage", "MirrorLSN"],
        Operation::Wipe | Operation::RowData | Operation::ReplicationCompleted => {
            &["IsSuccessful", "ErrorMessage"]
        }
    }
}

/// Reads the answer to `operation`.
///
/// # Errors
/// [`AnswerError`] for the first thing that the contract does not allow, and for a fault.
pub fn parse(operation: Operation, body: &[u8]) -> Result<Answer, AnswerError> {
    let document = std::str::from_utf8(body).map_err(|_| XmlError::NotWellFormed)?;
    let mut xml = Xml::new(document.strip_prefix('\u{feff}').unwrap_or(document));
    expect(xml.child()?, ENVELOPE, "Envelope")?;
    let mut tag = xml.child()?;
    if tag.as_ref().is_some_and(|tag| tag.is(ENVELOPE, "Header")) {
        xml.skip()?;
        tag = xml.child()?;
    }
    expect(tag, ENVELOPE, "Body")?;
    let tag = xml.child()?;
    if tag.as_ref().is_some_and(|tag| tag.is(ENVELOPE, "Fault")) {
        return Err(fault(&mut xml)?);
    }
    expect(tag, MIRRORING, &format!("{operation}Response"))?;
    let answer = read_members(&mut xml, members(operation))?;
    none(xml.child()?)?;
    none(xml.child()?)?;
    xml.end()?;
    check(operation, answer)
}

fn read_members(xml: &mut Xml<'_>, known: &[&str]) -> Result<Answer, AnswerError> {
    let mut answer = Answer::default();
    let (mut next, mut is_successful) = (0, None);
    while let Some(tag) = xml.child()? {
        let order = || AnswerError::Order { member: tag.name.clone() };
        let rest = known.get(next..).unwrap_or_default();
        let place = rest.iter().position(|name| tag.is(MIRRORING, name)).ok_or_else(order)?;
        next += place + 1;
        if tag.name == "MirrorLSN" {
            answer.positions = Some(read_positions(xml)?);
            continue;
        }
        let text = xml.text()?;
        let text = (!tag.is_nil).then_some(text);
        match tag.name.as_str() {
            "IsSuccessful" => is_successful = Some(boolean(text.as_deref())?),
            "ErrorMessage" => answer.error_message = text,
            "SignedApplicationToken" => answer.signed_application_token = text,
            "SupportedInterfaces" => answer.supported_interfaces = text,
            "SuperOfficeMirroringBuild" => answer.build = text,
            "ClientState" => answer.client_state = text,
            _ => answer.additional_information = text,
        }
    }
    answer.is_successful = is_successful.ok_or(AnswerError::Missing("IsSuccessful"))?;
    Ok(answer)
}

/// A success must bring what the vendor needs to go on.
fn check(operation: Operation, answer: Answer) -> Result<Answer, AnswerError> {
    let has_token = answer.signed_application_token.as_ref().is_some_and(|token| !token.is_empty());
    match operation {
        _ if !answer.is_successful => Ok(answer),
        Operation::Authenticate if !has_token => Err(AnswerError::Missing("SignedApplicationToken")),
        Operation::TableSchema if answer.positions.is_none() => Err(AnswerError::Missing("MirrorLSN")),
        _ => Ok(answer),
    }
}

fn read_positions(xml: &mut Xml<'_>) -> Result<Vec<Position>, AnswerError> {
    let mut positions = Vec::new();
    while let Some(tag) = xml.child()? {
        expect(Some(tag), DATA, "TableLSN")?;
        expect(xml.child()?, DATA, "LSN")?;
        let lsn = xml.text()?.trim_ascii().parse();
        let lsn = lsn.map_err(|_| AnswerError::Type { member: "LSN", kind: "an xs:long" })?;
        expect(xml.child()?, DATA, "TableName")?;
        positions.push(Position { table: xml.text()?, lsn });
        none(xml.child()?)?;
    }
    Ok(positions)
}

fn boolean(text: Option<&str>) -> Result<bool, AnswerError> {
    match text.unwrap_or_default().trim_ascii() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(AnswerError::Type { member: "IsSuccessful", kind: "an xs:boolean" }),
    }
}

/// `faultcode` and `faultstring`, which have no namespace.
fn fault(xml: &mut Xml<'_>) -> Result<AnswerError, AnswerError> {
    expect(xml.child()?, "", "faultcode")?;
    let code = xml.text()?;
    expect(xml.child()?, "", "faultstring")?;
    Ok(AnswerError::Fault { code, text: xml.text()? })
}

fn expect(tag: Option<Tag>, namespace: &str, name: &str) -> Result<(), AnswerError> {
    match tag {
        Some(tag) if tag.is(namespace, name) => Ok(()),
        Some(Tag { namespace: found_in, name: found, .. }) => Err(AnswerError::Unexpected {
            expected: format!("{{{namespace}}}{name}"),
            found: format!("{{{found_in}}}{found}"),
        }),
        None => Err(AnswerError::Unexpected {
            expected: format!("{{{namespace}}}{name}"),
            found: "an end".to_owned(),
        }),
    }
}

fn none(tag: Option<Tag>) -> Result<(), AnswerError> {
    match tag {
        None => Ok(()),
        Some(Tag { namespace, name, .. }) => Err(AnswerError::Unexpected {
            expected: "an end".to_owned(),
            found: format!("{{{namespace}}}{name}"),
        }),
    }
}
