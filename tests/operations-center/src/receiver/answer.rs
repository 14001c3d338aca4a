//! Answers as XML, their members in the contract's order.

use quick_xml::escape::escape;

use crate::answer::Position;
use crate::wire::{DATA, ENVELOPE, MIRRORING, Operation};

/// What the vendor's sample answers.
const SUPPORTED_INTERFACES: &str = "1";
/// Ours, in the form of the vendor's sample `4.0.0.0/Release_1`.
const BUILD: &str = concat!(env!("CARGO_PKG_VERSION"), ".0/operations-center");

/// What is answered to a call that could be read.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Answer {
    Done,
    /// The proof that we are the application.
    Authenticated(String),
    Positions(Vec<Position>),
    /// Why it was not done.
    Failed(String),
}

impl Answer {
    pub(super) fn to_xml(&self, operation: Operation) -> String {
        let (success, message) = match self {
            Self::Failed(message) => ("false", message.as_str()),
            _ => ("true", ""),
        };
        let message = leaf("ErrorMessage", message);
        let members = match self {
            Self::Done | Self::Failed(_) => String::new(),
            Self::Authenticated(proof) => authenticated(proof),
            Self::Positions(positions) => mirror_lsn(positions),
        };
        envelope(&format!(
            "<{operation}Response xmlns=\"{MIRRORING}\"><IsSuccessful>{success}</IsSuccessful>{message}{members}\
             </{operation}Response>"
        ))
    }
}

/// A SOAP fault, for what is no call of the contract.
pub(super) fn fault(text: &str) -> String {
    let text = leaf("faultstring", text);
    envelope(&format!("<s:Fault><faultcode>s:Client</faultcode>{text}</s:Fault>"))
}

fn authenticated(proof: &str) -> String {
    [
        leaf("SignedApplicationToken", proof),
        leaf("SupportedInterfaces", SUPPORTED_INTERFACES),
        leaf("SuperOfficeMirroringBuild", BUILD),
        leaf("ClientState", ""),
        leaf("AdditionalInformationJson", ""),
    ]
    .concat()
}

fn mirror_lsn(positions: &[Position]) -> String {
    let position = |Position { table, lsn }: &Position| {
        let table = leaf("d:TableName", table);
        format!("<d:TableLSN><d:LSN>{lsn}</d:LSN>{table}</d:TableLSN>")
    };
    let positions: String = positions.iter().map(position).collect();
    format!("<MirrorLSN xmlns:d=\"{DATA}\">{positions}</MirrorLSN>")
}

fn envelope(body: &str) -> String {
    format!("<s:Envelope xmlns:s=\"{ENVELOPE}\"><s:Body>{body}</s:Body></s:Envelope>")
}

/// Control characters cannot stand in XML; names that came with one lose it.
fn leaf(name: &str, text: &str) -> String {
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    format!("<{name}>{}</{name}>", escape(&text))
}
