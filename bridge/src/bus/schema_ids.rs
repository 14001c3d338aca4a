//! Whether the registry still knows the schemas by the ids that records carry.
//!
//! A record's key holds its schema's id. A registry that was set up anew hands out other ids: for compaction, tombstones
//! and partitioning the same key would be another one. So the newest id is looked up once a cycle, and all of them where
//! it has lost its meaning; tables whose id did begin anew, and their old keys are tombstoned with their old bytes.

use apache_avro::Schema;

use super::call::Call;
use super::error::BusError;
use crate::batch::TableColumns;
use crate::metrics::{self, Alarm};

/// A table and the key schema that its records say they have.
struct Known<'t> {
    table: &'t str,
    id: u32,
    key_schema: String,
}

/// Tables whose key schema's id means something else now, or nothing. None where the registry cannot be asked: that
/// fails no call.
pub(super) fn lost_tables<'t>(
    call: &Call<'_>,
    announced: impl Iterator<Item = &'t TableColumns>,
) -> Vec<String> {
    let known: Vec<Known<'t>> = announced.filter_map(|table| known(call, table)).collect();
    match find_lost(call, &known) {
        Ok(lost) => lost,
        Err(error) => {
            tracing::warn!(tenant = %call.tenant(), %error, "schema ids were not compared");
            Vec::new()
        }
    }
}

fn known<'t>(call: &Call<'_>, table: &'t TableColumns) -> Option<Known<'t>> {
    let schema = call.session.memory.tables.get(&table.table)?.schema.as_ref()?;
    Some(Known { table: &table.table, id: schema.key_schema_id?, key_schema: schema.key_json(table) })
}

fn find_lost(call: &Call<'_>, known: &[Known<'_>]) -> Result<Vec<String>, BusError> {
    let Some(newest) = known.iter().max_by_key(|known| known.id) else { return Ok(Vec::new()) };
    if means(call, newest)? {
        return Ok(Vec::new());
    }
    call.bus.registry.forget();
    let mut lost = Vec::new();
    for known in known {
        if !means(call, known)? {
            lost.push(known.table.to_owned());
        }
    }
    metrics::alarm(call.bus.name(), Alarm::LostSchemas);
    tracing::error!(tenant = %call.tenant(), tables = lost.len(), "the registry has lost schema ids");
    Ok(lost)
}

fn means(call: &Call<'_>, known: &Known<'_>) -> Result<bool, BusError> {
    let canonical = |text: &str| Schema::parse_str(text).ok().map(|schema| schema.canonical_form());
    let found = call.bus.registry.find(known.id)?;
    Ok(found.is_some_and(|found| canonical(&found) == canonical(&known.key_schema)))
}
