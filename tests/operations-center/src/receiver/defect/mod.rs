//! Ways of being wrong, one at a time: against each of them a conformance run must fail in the right line.
//!
//! The honest receiver knows nothing of them but the places where they take hold: the token, the proof, a call that
//! could be read, an upload, and a refusal.

mod call;
mod reading;
mod token;
mod upload;

use time::{Duration, OffsetDateTime};

pub(super) use call::Memory;
pub(super) use upload::{Alone, has_token};

/// How far a wrong clock is behind.
const STALE: Duration = Duration::hours(1);

/// A defect that real receivers have had, or may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, clap::ValueEnum)]
pub enum Defect {
    /// Answers success to rows that it can read, and applies them only when the tenant calls again
    EarlyAcknowledgement,
    /// Answers success to rows before their call has come whole, if its end lets wait for itself
    AnswerBeforeTheEnd,
    /// Answers success to Wipe and does nothing
    IgnoredWipe,
    /// A wiped table loses its position and keeps its rows
    WipeKeepsRows,
    /// A wiped table loses its rows and keeps its position
    WipeKeepsPosition,
    /// A table that TableSchema no longer names stays as it is
    KeptDroppedTable,
    /// A table whose column changed its type loses its rows and keeps its position
    RetypedTableKeepsPosition,
    /// TableSchema's answer leaves out tables that are new
    AnswerWithoutNewTables,
    /// Every table of a RowData call gets the LSN of its last batch
    LsnOfWrongBatch,
    /// A batch with LSN 0 sets the position to 0
    PositionOfIntermediateBatch,
    /// A position never goes back, not even by a Wipe
    PositionNeverGoesBack,
    /// A RowData call that is refused moves positions all the same
    PositionMovedByRefusedCall,
    /// Of a call that breaks off, what came whole is applied
    PositionMovedByBrokenCall,
    /// Tokens for other applications are accepted
    UncheckedAudience,
    /// Expired tokens are accepted
    UncheckedExpiry,
    /// Tokens are accepted before they are valid
    UncheckedNotBefore,
    /// Tokens of other issuers are accepted
    UncheckedIssuer,
    /// Anybody may have signed the token
    UncheckedSignature,
    /// `alg` may be `none`
    AcceptedAlgNone,
    /// `alg` may be HS256, and the certificate is the secret then
    AcceptedHmac,
    /// A key that the token brings along in its header is trusted
    TrustedKeyInHeader,
    /// Only the calls that open a cycle are checked
    UncheckedDataTokens,
    /// The proof has another nonce than the call
    WrongNonce,
    /// The proof's time is an hour old
    StaleTimestamp,
    /// The proof's signature is of the nonce alone
    WrongSignature,
    /// NULL in a text column becomes the empty text
    NullAsEmpty,
    /// Text that looks like a marked value loses its marker
    MarkedTextAsValue,
    /// Text loses the white space around it
    TrimmedText,
    /// Values that do not fit their column become NULL
    MisfitAsNull,
    /// A row that comes again stands twice
    RepeatedRowStandsTwice,
    /// Deleted rows stay
    IgnoredDelete,
    /// One call at a time, uploading included
    NotReentrant,
    /// One call of a tenant at a time, uploading included
    NotReentrantWithinTenant,
    /// Whatever is refused is answered with a page for people
    HtmlErrorPage,
    /// A refused token is answered with HTTP status 401 and nothing else
    UnauthorizedStatus,
    /// Bodies above a megabyte and a half are refused
    SmallBodiesOnly,
    /// Nothing is told by GET
    NoDescription,
    /// A SOAPAction without quotes is refused
    QuotedActionOnly,
    /// Calls at the address of an operation are refused
    OneAddressOnly,
    /// Prefixes are taken for names
    FixedPrefixes,
    /// Members in another order are refused
    OrderedMembersOnly,
    /// Members that are not known are refused
    KnownMembersOnly,
    /// A token with white space around it is refused
    TightTokensOnly,
    /// Operations in lower case are refused
    UpperCaseOnly,
    /// A Wipe concerns all tables of the tenant
    WipeOfAllTables,
    /// Of a date with points, the month is taken to come first
    DayAndMonthSwapped,
    /// Moments lose their fraction of a second
    WholeSecondsOnly,
}

impl Defect {
    /// The nonce and the time that are signed.
    pub(super) fn signed(self, nonce: &str, now: OffsetDateTime) -> (String, OffsetDateTime) {
        match self {
            Self::WrongNonce => (nonce.chars().rev().collect(), now),
            Self::StaleTimestamp => (nonce.to_owned(), now - STALE),
            _ => (nonce.to_owned(), now),
        }
    }

    /// What the proof's signature is of.
    pub(super) fn message(self, whole: String) -> String {
        match self {
            Self::WrongSignature => whole.split('.').next().unwrap_or_default().to_owned(),
            _ => whole,
        }
    }

    /// A refusal's status and media type, where they are not SOAP's.
    pub(super) fn refusal(self, is_token: bool) -> Option<(u16, &'static str)> {
        match self {
            Self::HtmlErrorPage => Some((500, "text/html; charset=utf-8")),
            Self::UnauthorizedStatus if is_token => Some((401, "text/plain")),
            _ => None,
        }
    }
}
