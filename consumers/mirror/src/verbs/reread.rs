//! Reading a topic once more, for rows that differ.

use std::collections::{HashMap, HashSet};

use crate::table::places::Places;
use crate::table::value::OwnedValue;
use crate::verbs::compare::Differing;
use crate::verbs::error::VerbError;
use crate::verbs::expected::{is_earlier, key_hash};
use crate::verbs::repair::row;
use crate::verbs::report::DifferenceKind;
use crate::verbs::source::{Offsets, Source};
use crate::verbs::verify::Pinned;

/// Those of the keys that the topic has between the pinned positions and others.
pub(crate) fn written(
    source: &mut Source,
    pinned: &Pinned,
    to: &Offsets,
    hashes: &HashSet<u128>,
) -> Result<HashSet<u128>, VerbError> {
    let mut places = Places::new(&pinned.columns);
    let mut found = HashSet::new();
    source.scan(&pinned.topic, &pinned.positions, to, &mut |record, registry| {
        let hash = key_hash(record, &pinned.columns, &mut places, registry)
            .map_err(|fault| fault.at(record.topic(), record.partition(), record.offset()))?;
        found.extend(hash.filter(|hash| hashes.contains(hash)));
        Ok(())
    })?;
    Ok(found)
}

/// Reads the keys of rows that only the topic has. Those that wait for the sweep of an earlier population are not judged.
pub(crate) fn name_missing(
    source: &mut Source,
    pinned: &Pinned,
    differing: &mut Vec<Differing>,
) -> Result<(), VerbError> {
    let missing = differing.iter().enumerate().filter(|(_, row)| row.kind == DifferenceKind::Missing);
    let mut missing: HashMap<(i32, i64), usize> =
        missing.filter_map(|(index, row)| Some((row.record?, index))).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut places = Places::new(&pinned.columns);
    source.scan(&pinned.topic, &Offsets::new(), &pinned.positions, &mut |record, registry| {
        let at = (record.partition(), record.offset());
        if !missing.contains_key(&at) || is_earlier(record, &pinned.memory) {
            return Ok(());
        }
        if let Some(differing) = missing.remove(&at).and_then(|index| differing.get_mut(index))
            && let Some(value) = record.payload()
        {
            let row =
                row(value, &mut places, registry).map_err(|fault| fault.at(record.topic(), at.0, at.1))?;
            let key = pinned.columns.iter().zip(row).filter(|(column, _)| column.is_key);
            differing.key = key.map(|(_, value)| OwnedValue::from(value)).collect();
        }
        Ok(())
    })?;
    let unswept: HashSet<(i32, i64)> = missing.into_keys().collect();
    differing.retain(|row| row.record.is_none_or(|record| !unswept.contains(&record)));
    Ok(())
}
