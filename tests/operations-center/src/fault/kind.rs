//! What happens to a call.

use std::num::NonZeroU32;

use super::Place;
use crate::wire::Operation;

/// A token that is stale ended an hour ago, unless the script says when.
const STALE_SECONDS: u32 = 3600;
const SEED: u64 = 1;

/// A fault of the vendor's side or of the way to the receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The vendor gives up before this call: it is not sent, and the cycle ends.
    Refuse,
    /// The connection ends while the call is sent, or after it without reading the answer; the cycle ends.
    HangUp(Point),
    /// The answer is "lost" and the call is sent again.
    Repeat {
        /// With another nonce in its token, instead of the very same bytes.
        new_token: bool,
    },
    /// Sent at the same moment as the next call, if that is about other tables. (Two calls for one tenant and table
    /// are never on their way at once: the vendor promises so much.)
    Together,
    /// The body is sent at this rate.
    Slow {
        /// Bytes per second.
        rate: NonZeroU32,
    },
    /// RowData calls carry so many bytes of rows, as far as there are rows.
    Huge {
        /// Bytes.
        bytes: usize,
    },
    /// The token has ended.
    Stale {
        /// How long ago.
        seconds: u32,
    },
    /// The token is for another application, from another issuer, or badly signed.
    Wrong(WrongPart),
    /// The vendor's clock is wrong when the token is made, and when an answer to Authenticate is checked. The
    /// tenant does not remember such a token as its last.
    Skew {
        /// How far ahead.
        seconds: i32,
    },
    /// One bit of one byte of the body is turned over.
    Flip(Flip),
}

/// When the connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// When the whole body was sent.
    AfterUpload,
    /// When this part of the body was sent, in percent below 100.
    Percent(u8),
    /// When so many bytes of the body were sent.
    Bytes(usize),
}

/// A part of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrongPart {
    /// `aud`.
    Audience,
    /// `iss`.
    Issuer,
    /// The signature.
    Signature,
}

/// Which bit is turned over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flip {
    /// The lowest bit of the byte at this position, from 0.
    Position(usize),
    /// Any bit of any byte, another one in every call, and the same ones for the same seed.
    Random {
        /// The seed.
        seed: u64,
    },
}

impl Kind {
    /// Reads one of the forms that [`super::error::KINDS`] lists.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (name, value) = match text.split_once([':', '@']) {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        let is_at = text.get(name.len()..).is_some_and(|rest| rest.starts_with('@'));
        Some(match (name, value) {
            ("hang-up", Some(value)) if is_at => Self::HangUp(point(value)?),
            _ if is_at => return None,
            ("refuse", None) => Self::Refuse,
            ("hang-up", None) => Self::HangUp(Point::AfterUpload),
            ("repeat", None) => Self::Repeat { new_token: false },
            ("repeat", Some("new-token")) => Self::Repeat { new_token: true },
            ("together", None) => Self::Together,
            ("slow", Some(value)) => Self::Slow { rate: value.parse().ok()? },
            ("huge", Some(value)) => Self::Huge { bytes: value.parse().ok().filter(|bytes| *bytes > 0)? },
            ("stale", None) => Self::Stale { seconds: STALE_SECONDS },
            ("stale", Some(value)) => Self::Stale { seconds: value.parse().ok()? },
            ("wrong", Some("audience")) => Self::Wrong(WrongPart::Audience),
            ("wrong", Some("issuer")) => Self::Wrong(WrongPart::Issuer),
            ("wrong", Some("signature")) => Self::Wrong(WrongPart::Signature),
            ("skew", Some(value)) => Self::Skew { seconds: value.parse().ok()? },
            ("flip", Some(value)) => Self::Flip(flip(value)?),
            _ => return None,
        })
    }

    /// Whether a receiver that is right may refuse the call.
    pub(super) fn may_fail(self) -> bool {
        !matches!(self, Self::Repeat { .. } | Self::Together | Self::Slow { .. } | Self::Huge { .. })
    }

    /// Why it can never happen at `place`, if it cannot.
    pub(super) fn never_at(self, place: &Place) -> Option<&'static str> {
        let is_about = |operations: &[Operation]| place.operation.is_none_or(|one| operations.contains(&one));
        let with_table = [Operation::Wipe, Operation::RowData];
        if place.table.is_some() && !is_about(&with_table) {
            return Some("only wipe and rowdata are about one table");
        }
        match self {
            Self::Together if !is_about(&with_table) => Some("only wipe and rowdata are sent together"),
            Self::Huge { .. } if !is_about(&[Operation::RowData]) => Some("only rowdata can be huge"),
            Self::Huge { .. } if place.number.is_some() => {
                Some("the size of batches is that of a table, not of one call: leave the number out")
            }
            _ => None,
        }
    }
}

fn point(text: &str) -> Option<Point> {
    match text.strip_suffix('%') {
        Some(percent) => percent.parse().ok().filter(|percent| *percent < 100).map(Point::Percent),
        None => text.parse().ok().map(Point::Bytes),
    }
}

fn flip(text: &str) -> Option<Flip> {
    match text.strip_prefix("random") {
        Some("") => Some(Flip::Random { seed: SEED }),
        Some(rest) => Some(Flip::Random { seed: rest.strip_prefix(':')?.parse().ok()? }),
        None => Some(Flip::Position(text.parse().ok()?)),
    }
}
