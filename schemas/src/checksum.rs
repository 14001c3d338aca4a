//! One number for the contents of a table, equal for equal tables whatever the order of their rows.
//!
//! A row is written as bytes: for each column in the order of its name's bytes, the name, `0x1F`, the value,
//! `0x1E`. A value is `-` for NULL, else `=` and the value's canonical text (see [`Canonical`]). The row's hash is
//! the first 16 bytes of the SHA-256 of these bytes as a big-endian number; a table's checksum is the sum of its
//! rows' hashes modulo 2^128, shown as 32 hex digits beside the number of rows.

use std::fmt;

use sha2::{Digest, Sha256};

/// A column's value in the form that is hashed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Canonical<'a> {
    /// NULL.
    Null,
    /// Whole numbers in decimal: int, smallint, bigint; bit as 0 or 1; date as days since 1970; datetime as
    /// milliseconds, datetime2 as microseconds since 1970; time as microseconds since midnight; decimal and money
    /// as their unscaled number.
    Whole(i128),
    /// A float as the 16 lower-case hex digits of its IEEE 754 bits.
    Double(f64),
    /// Text as it is, in UTF-8.
    Text(&'a str),
    /// Bytes in lower-case hex.
    Bytes(&'a [u8]),
}

/// Row count and sum of a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableChecksum {
    /// Rows added.
    pub rows: u64,
    sum: u128,
}

impl TableChecksum {
    /// Adds one row, its columns in any order.
    pub fn add<'a>(&mut self, columns: impl IntoIterator<Item = (&'a str, Canonical<'a>)>) {
        self.add_hash(row_hash(columns));
    }

    /// Adds one row of which only the hash is at hand.
    pub fn add_hash(&mut self, hash: u128) {
        self.sum = self.sum.wrapping_add(hash);
        self.rows += 1;
    }
}

/// The hash of one row, or of its key columns alone, given in any order.
pub fn row_hash<'a>(columns: impl IntoIterator<Item = (&'a str, Canonical<'a>)>) -> u128 {
    let mut columns: Vec<_> = columns.into_iter().collect();
    columns.sort_unstable_by(|a, b| a.0.cmp(b.0));
    let mut hash = Sha256::new();
    for (name, value) in columns {
        hash.update(name.as_bytes());
        hash.update([0x1F]);
        update(&mut hash, value);
        hash.update([0x1E]);
    }
    let digest: [u8; 32] = hash.finalize().into();
    let (head, _) = digest.split_at(16);
    head.iter().fold(0u128, |number, byte| number << 8 | u128::from(*byte))
}

impl fmt::Display for TableChecksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.sum)
    }
}

fn update(hash: &mut Sha256, value: Canonical<'_>) {
    match value {
        Canonical::Null => hash.update(b"-"),
        Canonical::Whole(number) => hash.update(format!("={number}")),
        Canonical::Double(number) => hash.update(format!("={:016x}", number.to_bits())),
        Canonical::Text(text) => {
            hash.update(b"=");
            hash.update(text.as_bytes());
        }
        Canonical::Bytes(bytes) => {
            hash.update(b"=");
            for byte in bytes {
                hash.update(format!("{byte:02x}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: i128, name: Canonical<'static>) -> Vec<(&'static str, Canonical<'static>)> {
        vec![("name", name), ("id", Canonical::Whole(id))]
    }

    #[test]
    fn order_of_rows_and_columns_does_not_matter() {
        let (mut one, mut two) = (TableChecksum::default(), TableChecksum::default());
        one.add(row(1, Canonical::Text("a")));
        one.add(row(2, Canonical::Null));
        two.add(row(2, Canonical::Null).into_iter().rev());
        two.add(row(1, Canonical::Text("a")));
        assert_eq!(one, two);
    }

    #[test]
    fn null_and_empty_text_and_a_changed_cell_differ() {
        let sums: Vec<String> =
            [Canonical::Null, Canonical::Text(""), Canonical::Text("-"), Canonical::Double(0.0)]
                .map(|value| {
                    let mut sum = TableChecksum::default();
                    sum.add(row(1, value));
                    sum.to_string()
                })
                .into();
        for (i, sum) in sums.iter().enumerate() {
            assert!(!sums[..i].contains(sum), "{sum} twice");
        }
    }

    #[test]
    fn the_documented_example_holds() {
        // printf 'id\x1f=1\x1ename\x1f=a\x1e' | sha256sum | cut -c1-32
        let mut sum = TableChecksum::default();
        sum.add(row(1, Canonical::Text("a")));
        assert_eq!(sum.to_string(), "e85ac1768be4a73f1144fab3d87597fd");
    }
}
