//! What a reader saw, partition by partition.

use std::collections::BTreeMap;

use reader::Record;

/// A partition as far as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Partition {
    pub(crate) records: Vec<Record>,
    /// Everything before this offset was read.
    pub(crate) next: i64,
}

/// A topic and a partition's number.
pub(crate) type Place = (String, i32);

/// All partitions of one prefix.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    pub(crate) partitions: BTreeMap<Place, Partition>,
    /// What a reader must never meet, in words.
    pub(crate) faults: Vec<String>,
}

impl Log {
    /// Takes the next record of a partition.
    pub(crate) fn take(&mut self, place: &Place, record: Record) {
        let partition = self.partitions.entry(place.clone()).or_default();
        if record.offset < partition.next {
            let (topic, number) = place;
            self.faults.push(format!("{topic}, partition {number}: offset {} came again", record.offset));
            return;
        }
        partition.next = record.offset + 1;
        partition.records.push(record);
    }

    /// Nothing follows before `offset`.
    pub(crate) fn end(&mut self, place: &Place, offset: i64) {
        let partition = self.partitions.entry(place.clone()).or_default();
        partition.next = partition.next.max(offset);
    }

    /// Records of the only partition of a topic.
    pub(crate) fn records(&self, topic: &str) -> &[Record] {
        self.partitions.get(&(topic.to_owned(), 0)).map_or(&[], |partition| &partition.records)
    }

    /// How many records there are.
    pub(crate) fn count(&self) -> usize {
        self.partitions.values().map(|partition| partition.records.len()).sum()
    }
}
