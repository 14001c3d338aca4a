//! Calls that are not taken for what they are.

use super::Defect;

impl Defect {
    /// Whether a call is refused for how it is addressed.
    pub(in crate::receiver) fn refuses_address(self, action: &str, is_operation_address: bool) -> bool {
        match self {
            Self::QuotedActionOnly => !action.starts_with('"'),
            Self::OneAddressOnly => is_operation_address,
            _ => false,
        }
    }

    /// Whether a call is refused for how it is written.
    pub(in crate::receiver) fn cannot_read(self, document: &str) -> bool {
        match self {
            Self::FixedPrefixes => !document.contains("<s:Envelope"),
            Self::OrderedMembersOnly => match (document.find(":TableInfo>"), document.find(":Data>")) {
                (Some(table), Some(data)) => table < data,
                _ => false,
            },
            Self::KnownMembersOnly => document.contains("Unknown>"),
            Self::TightTokensOnly => {
                let token = document.split_once("SignedToken").and_then(|(_, token)| token.split_once('>'));
                token.is_some_and(|(_, token)| token.starts_with(char::is_whitespace))
            }
            _ => false,
        }
    }
}
