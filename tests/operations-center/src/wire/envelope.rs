//! The envelope around what a call says: the token in the header, the operation's element in the body.

use super::xml::Writer;
use super::{ENVELOPE, INSTANCE, MIRRORING, Operation};

/// Elements that are open after [`begin`].
pub(super) const DEPTH: usize = 2;

/// From the beginning to the token's end.
pub(super) fn begin(xml: &mut Writer, token: &str) {
    xml.open("s:Envelope", &[("xmlns:s", ENVELOPE)]);
    xml.open("s:Header", &[]);
    xml.loose_leaf("h:SignedToken", &[("s:mustUnderstand", "1"), ("xmlns:h", MIRRORING)], token);
}

/// From the token's end to the first member that is not the same in all calls.
pub(super) fn middle(xml: &mut Writer, operation: Operation, client_state: Option<&str>) {
    xml.close("s:Header");
    xml.open("s:Body", &[]);
    xml.open(&format!("{operation}Request"), &[("xmlns", MIRRORING)]);
    match client_state {
        Some(state) => xml.leaf("ClientState", &[], state),
        None => xml.empty("ClientState", &[("i:nil", "true"), ("xmlns:i", INSTANCE)]),
    }
}

/// From the last member to the end.
pub(super) fn end(xml: &mut Writer, operation: Operation) {
    xml.close(&format!("{operation}Request"));
    xml.close("s:Body");
    xml.close("s:Envelope");
}
