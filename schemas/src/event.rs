//! The records of a tenant's `cycles` topic: what the vendor's `IMirrorAdmin` hooks tell a partner, and the
//! receipt of every completed cycle. Avro in the wire format, kept for 30 days, key null.

use std::sync::LazyLock;

use apache_avro::Schema;
use serde::{Deserialize, Serialize};

/// The schema's text, as it is registered.
pub const SCHEMA_JSON: &str = include_str!("../avro/cycle_event.avsc");

/// The parsed schema.
#[allow(clippy::expect_used)]
pub static SCHEMA: LazyLock<Schema> =
    LazyLock::new(|| Schema::parse_str(SCHEMA_JSON).expect("the crate's own schema parses"));

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A cycle was opened by an accepted Authenticate.
    Authenticated,
    /// A table's topic and its first schema were made.
    SchemaCreated,
    /// A table's schema changed; `epoch` tells whether a new population began.
    SchemaChanged,
    /// A table left the source; its rows are tombstoned up to `tables[0].ends`.
    Dropped,
    /// A new population of the table began at the vendor's request.
    Wiped,
    /// A cycle ended; `tables` is the receipt and a consistent cut.
    CycleCompleted,
    /// The operator paused the tenant.
    Paused,
    /// The operator resumed the tenant.
    Resumed,
    /// Rows were refused.
    RowsRefused,
    /// Something an operator should look at.
    Alarm,
}

/// The next offset to be read of one partition of a table's topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Partition number.
    pub partition: i32,
    /// Everything the event speaks of lies below this offset.
    pub offset: i64,
}

/// What the event says of one table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableReceipt {
    /// The table's name.
    pub table: String,
    /// Its population.
    pub epoch: i64,
    /// The registry's id of the newest value schema; 0 where the table has none yet.
    pub value_schema_id: i32,
    /// The position acknowledged to the vendor; -1 while there is none.
    pub lsn: i64,
    /// Inserts that the vendor says it sent in the cycle.
    pub claimed_inserts: i64,
    /// Updates that the vendor says it sent in the cycle.
    pub claimed_updates: i64,
    /// Deletes that the vendor says it sent in the cycle.
    pub claimed_deletes: i64,
    /// Insert and update rows committed in the cycle by this bridge process; -1 where it did not see the whole cycle.
    pub committed_upserts: i64,
    /// Delete rows committed in the cycle by this bridge process; -1 where it did not see the whole cycle.
    pub committed_deletes: i64,
    /// End offsets of the table's topic, by partition.
    pub ends: Vec<End>,
}

/// One record of the `cycles` topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CycleEvent {
    /// What happened.
    pub kind: Kind,
    /// When, by the bridge's clock, in milliseconds since 1970 UTC.
    pub at: i64,
    /// The tenant.
    pub tenant: String,
    /// The cycle; empty where the vendor echoed none.
    pub cycle: String,
    /// One sentence for an operator; never a row's value.
    pub message: String,
    /// The tables that the event speaks of.
    pub tables: Vec<TableReceipt>,
}

#[cfg(test)]
mod tests {
    use apache_avro::reader::datum::GenericDatumReader;
    use apache_avro::writer::datum::GenericDatumWriter;

    use super::*;

    #[test]
    fn an_event_survives_the_round_trip_through_its_schema() {
        let event = CycleEvent {
            kind: Kind::CycleCompleted,
            at: 1_795_000_000_000,
            tenant: "Cust1".into(),
            cycle: "c1".into(),
            message: String::new(),
            tables: vec![TableReceipt {
                table: "contact".into(),
                ends: vec![End { partition: 0, offset: 7 }],
                ..TableReceipt::default()
            }],
        };
        let writer = GenericDatumWriter::builder(&SCHEMA).build().unwrap();
        let bytes = writer.write_ser_to_vec(&event).unwrap();
        let reader = GenericDatumReader::builder(&SCHEMA).build().unwrap();
        let back: CycleEvent = reader.read_deser(&mut bytes.as_slice()).unwrap();
        assert_eq!(back, event);
    }
}
