//! Cycle events that wait for rows.
//!
//! An event speaks of what lies below its `ends`; it is applied once the rows up to there are. Until then the cycles
//! topic's stored position stays before it, so a mirror that is killed reads it again.

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use mirrorbus_schemas::event::{CycleEvent, Kind, SCHEMA};
use mirrorbus_schemas::topic::Table;
use mirrorbus_schemas::wire;

use crate::error::RecordFault;
use crate::registry::Registry;

/// What an event does to a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// The table leaves.
    Leave,
    /// Its columns become those of this schema id.
    Columns(u32),
}

/// One table of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pending {
    pub(crate) offset: i64,
    pub(crate) table: Table,
    pub(crate) epoch: i64,
    pub(crate) ends: Vec<(i32, i64)>,
    pub(crate) effect: Effect,
    /// How often topics had been listed when the event came.
    pub(crate) listing: u64,
}

/// What the record at `offset` asks of the mirror; most events ask nothing.
pub(crate) fn read(
    record: Option<&[u8]>,
    offset: i64,
    listing: u64,
    registry: &mut Registry,
) -> Result<Vec<Pending>, RecordFault> {
    let Some(record) = record else { return Ok(Vec::new()) };
    let event = decode(record, registry)?;
    let effect = |value_schema_id: i32| match event.kind {
        Kind::Dropped => Some(Effect::Leave),
        Kind::SchemaCreated | Kind::SchemaChanged if value_schema_id > 0 => {
            u32::try_from(value_schema_id).ok().map(Effect::Columns)
        }
        _ => None,
    };
    let tables = event.tables.iter().filter_map(|receipt| {
        Some(Pending {
            offset,
            effect: effect(receipt.value_schema_id)?,
            table: Table::new(receipt.table.as_str()).ok()?,
            epoch: receipt.epoch,
            ends: receipt.ends.iter().map(|end| (end.partition, end.offset)).collect(),
            listing,
        })
    });
    Ok(tables.collect())
}

/// Events of later versions are read with the schema that this version knows.
fn decode(record: &[u8], registry: &mut Registry) -> Result<CycleEvent, RecordFault> {
    let rule = |error: apache_avro::Error| RecordFault::Rule(format!("not a cycle event: {error}"));
    let (id, mut datum) = wire::split(record).map_err(|error| RecordFault::Rule(error.to_string()))?;
    let text = registry.text(id)?;
    let writer = Schema::parse_str(&text).map_err(rule)?;
    let reader = GenericDatumReader::builder(&writer).reader_schema(&SCHEMA).build().map_err(rule)?;
    let value = reader.read_value(&mut datum).map_err(rule)?;
    apache_avro::from_value(&value).map_err(rule)
}
