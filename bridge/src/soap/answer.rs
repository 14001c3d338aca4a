//! The five answers and the fault, element by element in the contract's order.

use std::borrow::Cow;
use std::fmt::Write;

use super::error::FaultCode;
use super::name::{DATA, ENVELOPE, MIRRORING, Operation};

/// What an accepted Authenticate tells the vendor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signed {
    /// Nonce, time and the application's signature over both.
    pub token: String,
    /// Echoed in every later call of the cycle.
    pub client_state: String,
    /// Asks the vendor to skip this cycle.
    pub do_not_replicate: bool,
}

/// A table's position as TableSchema answers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TablePosition {
    /// The table's name.
    pub table: String,
    /// The LSN held, -1 for "send everything".
    pub lsn: i64,
}

/// An answer to one of the operations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Success of an operation that answers nothing else.
    Done(Operation),
    /// Success of Authenticate.
    Authenticated(Signed),
    /// Success of TableSchema.
    Positions(Vec<TablePosition>),
    /// Failure of any operation.
    Failed {
        /// The operation.
        operation: Operation,
        /// One sentence for the vendor's log, without anything of our insides.
        message: String,
    },
}

impl Answer {
    /// The operation that is answered.
    #[must_use]
    pub fn operation(&self) -> Operation {
        match self {
            Self::Done(operation) | Self::Failed { operation, .. } => *operation,
            Self::Authenticated(_) => Operation::Authenticate,
            Self::Positions(_) => Operation::TableSchema,
        }
    }

    /// The whole envelope.
    #[must_use]
    pub fn to_xml(&self) -> String {
        let operation = self.operation();
        let mut members = String::new();
        let message = match self {
            Self::Failed { message, .. } => message.as_str(),
            _ => "",
        };
        element(
            &mut members,
            "IsSuccessful",
            if matches!(self, Self::Failed { .. }) { "false" } else { "true" },
        );
        element(&mut members, "ErrorMessage", message);
        match operation {
            Operation::Authenticate => self.authenticate(&mut members),
            Operation::TableSchema => self.positions(&mut members),
            Operation::Wipe | Operation::RowData | Operation::ReplicationCompleted => {}
        }
        envelope(&format!("<{operation}Response xmlns=\"{MIRRORING}\">{members}</{operation}Response>"))
    }

    fn authenticate(&self, members: &mut String) {
        let signed = match self {
            Self::Authenticated(signed) => signed.clone(),
            _ => Signed::default(),
        };
        element(members, "SignedApplicationToken", &signed.token);
        element(members, "SupportedInterfaces", "1");
        element(members, "SuperOfficeMirroringBuild", concat!(env!("CARGO_PKG_VERSION"), "/mirrorbus"));
        element(members, "ClientState", &signed.client_state);
        let information = if signed.do_not_replicate { "{ \"doNotReplicate\": \"true\" }" } else { "" };
        element(members, "AdditionalInformationJson", information);
    }

    fn positions(&self, members: &mut String) {
        members.push_str("<MirrorLSN xmlns:d=\"");
        members.push_str(DATA);
        members.push_str("\">");
        if let Self::Positions(positions) = self {
            for position in positions {
                members.push_str("<d:TableLSN>");
                element(members, "d:LSN", &position.lsn.to_string());
                element(members, "d:TableName", &position.table);
                members.push_str("</d:TableLSN>");
            }
        }
        members.push_str("</MirrorLSN>");
    }
}

/// A SOAP fault with a text for the caller.
#[must_use]
pub fn fault(code: FaultCode, text: &str) -> String {
    envelope(&format!(
        "<s:Fault><faultcode>s:{code}</faultcode><faultstring>{}</faultstring></s:Fault>",
        escape(text)
    ))
}

fn envelope(content: &str) -> String {
    format!("<s:Envelope xmlns:s=\"{ENVELOPE}\"><s:Body>{content}</s:Body></s:Envelope>")
}

fn element(buffer: &mut String, name: &str, text: &str) {
    let written = if text.is_empty() {
        write!(buffer, "<{name}/>")
    } else {
        write!(buffer, "<{name}>{}</{name}>", escape(text))
    };
    debug_assert!(written.is_ok(), "writing to a string does not fail");
}

/// Text as it may stand in an element or a quoted attribute. What XML cannot hold becomes U+FFFD.
pub(super) fn escape(text: &str) -> Cow<'_, str> {
    let must_change =
        |c: char| matches!(c, '&' | '<' | '>' | '"' | '\r' | '\u{fffe}' | '\u{ffff}') || is_illegal(c);
    if !text.contains(must_change) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\r' => escaped.push_str("&#xD;"),
            c if is_illegal(c) => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    Cow::Owned(escaped)
}

fn is_illegal(c: char) -> bool {
    (c < ' ' && !matches!(c, '\t' | '\n' | '\r')) || matches!(c, '\u{fffe}' | '\u{ffff}')
}
