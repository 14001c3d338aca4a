//! Confluent wire format: a zero byte, the schema id as four big-endian bytes, then the Avro datum.

use thiserror::Error;

/// Bytes before the datum.
pub const PREFIX_BYTES: usize = 5;

/// A record that is not in the wire format.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("record of {length} bytes does not begin with the wire format's zero byte and schema id")]
pub struct NotFramed {
    /// Length of the record.
    pub length: usize,
}

/// Appends the prefix for schema `id` to `buffer`.
pub fn begin(buffer: &mut Vec<u8>, id: u32) {
    buffer.push(0);
    buffer.extend_from_slice(&id.to_be_bytes());
}

/// Splits a record into its schema id and its datum.
///
/// # Errors
/// [`NotFramed`] when the record is shorter than the prefix or begins with another byte.
pub fn split(record: &[u8]) -> Result<(u32, &[u8]), NotFramed> {
    match record {
        [0, a, b, c, d, datum @ ..] => Ok((u32::from_be_bytes([*a, *b, *c, *d]), datum)),
        _ => Err(NotFramed { length: record.len() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_framed_record_splits_into_what_it_was_made_of() {
        let mut record = Vec::new();
        begin(&mut record, 0x0102_0304);
        record.extend_from_slice(b"datum");
        assert_eq!(split(&record), Ok((0x0102_0304, b"datum".as_slice())));
    }

    #[test]
    fn short_or_foreign_records_are_refused() {
        for record in [&b""[..], b"\0\0\0\0", b"{\"a\":1}"] {
            assert_eq!(split(record), Err(NotFramed { length: record.len() }));
        }
    }
}
