//! Values in PostgreSQL's binary form, there and back.

mod decode;
mod numeric;
mod plan;

pub(crate) use decode::Reader;
pub(crate) use plan::{Plan, Unfit};

/// What a binary COPY begins with: signature, flags, length of the extension.
pub(crate) const HEADER: &[u8] = b"PGCOPY\n\xFF\r\n\0\0\0\0\0\0\0\0\0";
/// What it ends with.
pub(crate) const TRAILER: &[u8] = b"\xFF\xFF";

/// 2000-01-01, from which PostgreSQL counts, in days since 1970.
const EPOCH_DAYS: i64 = 10_957;
/// The same in microseconds.
const EPOCH_MICROS: i64 = EPOCH_DAYS * 86_400_000_000;
/// The character that the bridge writes in the place of U+0000, and so does this mirror: PostgreSQL's text has no U+0000.
const NUL_PICTURE: &str = "\u{2400}";

#[cfg(test)]
#[path = "../encoding_tests.rs"]
mod tests;
