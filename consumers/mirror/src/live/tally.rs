//! What was read, in figures.

use mirrorbus_librdkafka::ConsumedRecord;

/// Records that were read and are not durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) records: u64,
    /// Of keys and values.
    pub(crate) bytes: u64,
    /// Times of the records, in milliseconds since 1970 UTC.
    pub(crate) oldest_ms: Option<i64>,
    pub(crate) newest_ms: Option<i64>,
}

impl Tally {
    pub(crate) fn take(&mut self, record: &ConsumedRecord) {
        let size = record.key().map_or(0, <[u8]>::len) + record.payload().map_or(0, <[u8]>::len);
        let time = record.timestamp_ms();
        self.add(Self { records: 1, bytes: size as u64, oldest_ms: time, newest_ms: time });
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.records += other.records;
        self.bytes += other.bytes;
        self.newest_ms = self.newest_ms.max(other.newest_ms);
        self.oldest_ms = older(self.oldest_ms, other.oldest_ms);
    }
}

/// The older of two times, where there are any.
pub(crate) fn older(one: Option<i64>, other: Option<i64>) -> Option<i64> {
    one.into_iter().chain(other).min()
}
