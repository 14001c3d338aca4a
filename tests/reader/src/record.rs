//! Records, and the rule by which they are a table.

use std::collections::BTreeMap;

/// A record as it lies in its partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its place in the partition.
    pub offset: i64,
    /// The key's bytes, framing included.
    pub key: Vec<u8>,
    /// The value's bytes, framing included; `None` for a tombstone.
    pub value: Option<Vec<u8>>,
}

/// The table that records are: the newest value of each key; keys without a value are dropped.
#[must_use]
pub fn upsert<'r>(records: impl IntoIterator<Item = &'r Record>) -> BTreeMap<&'r [u8], &'r [u8]> {
    let mut rows = BTreeMap::new();
    for record in records {
        match &record.value {
            Some(value) => rows.insert(record.key.as_slice(), value.as_slice()),
            None => rows.remove(record.key.as_slice()),
        };
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_value_counts_and_a_tombstone_drops_the_key() {
        let record = |key: u8, value: Option<u8>| Record {
            offset: 0,
            key: vec![key],
            value: value.map(|value| vec![value]),
        };
        let records = [
            record(1, Some(1)),
            record(2, Some(2)),
            record(1, Some(3)),
            record(2, None),
            record(3, None),
            record(4, None),
            record(4, Some(4)),
        ];
        let rows: Vec<_> = upsert(&records).into_iter().map(|(key, value)| (key[0], value[0])).collect();
        assert_eq!(rows, [(1, 3), (4, 4)]);
    }
}
