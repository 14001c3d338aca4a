//! Writing a tenant's cycle events.

use std::sync::LazyLock;

use apache_avro::writer::datum::GenericDatumWriter;
use mirrorbus_schemas::event::{self, CycleEvent, Kind, TableReceipt};
use mirrorbus_schemas::topic::Tenant;
use mirrorbus_schemas::wire;
use xxhash_rust::xxh3::xxh3_128;

use super::Bus;
use super::error::BusError;
use super::order::EventSchema;
use super::position::Position;
use super::registry::Registration;

/// Whether the schema is the one that this bridge writes.
pub(super) fn is_ours(schema: &EventSchema) -> bool {
    schema.fingerprint == *FINGERPRINT
}

static FINGERPRINT: LazyLock<String> =
    LazyLock::new(|| format!("{:032x}", xxh3_128(event::SCHEMA_JSON.as_bytes())));

/// Registers the events' schema for the tenant's topic.
pub(super) fn register(bus: &Bus, tenant: &Tenant) -> Result<EventSchema, BusError> {
    let subject = format!("{}-value", bus.settings.prefix.cycles(tenant));
    let schema = event::SCHEMA_JSON.to_owned();
    let ids = bus.registry.register(vec![Registration { subject, schema, begins_anew: true }])?;
    let id = ids.first().copied();
    let id = id.ok_or_else(|| BusError::kafka("register", "no id for the events' schema"))?;
    Ok(EventSchema { id, fingerprint: FINGERPRINT.clone() })
}

/// The event as a record's value.
pub(super) fn encode(schema_id: u32, event: &CycleEvent) -> Result<Vec<u8>, BusError> {
    let failed = |error: apache_avro::Error| BusError::kafka("encode an event", error.to_string());
    let writer = GenericDatumWriter::builder(&event::SCHEMA).build().map_err(failed)?;
    let mut record = Vec::new();
    wire::begin(&mut record, schema_id);
    record.extend(writer.write_ser_to_vec(event).map_err(failed)?);
    Ok(record)
}

/// An event of the tenant at this moment.
pub(super) fn now(
    bus: &Bus,
    tenant: &Tenant,
    cycle: &str,
    kind: Kind,
    message: String,
    tables: Vec<TableReceipt>,
) -> CycleEvent {
    CycleEvent {
        kind,
        at: bus.clock.now_ms(),
        tenant: tenant.to_string(),
        cycle: cycle.to_owned(),
        message,
        tables,
    }
}

/// What an event says of a table.
pub(super) fn receipt(table: &str, position: &Position) -> TableReceipt {
    let value_schema_id = position.schema.as_ref().and_then(|schema| schema.value_schema_id);
    TableReceipt {
        table: table.to_owned(),
        epoch: position.epoch,
        value_schema_id: value_schema_id.and_then(|id| i32::try_from(id).ok()).unwrap_or(0),
        lsn: position.lsn,
        ends: position.ends(),
        ..TableReceipt::default()
    }
}
