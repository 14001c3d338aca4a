//! Which columns hold the key of another table, and what stands in them.
//!
//! Names tell: `contact_id` and `business_idx` hold a contact's and a business's key. The first reference of a table
//! is its owner's and always set; the others may be 0 (or NULL), which is how a CRM says "none".

use crate::sql::{Column, SqlType, Value};
use crate::tenant::Table;

use super::generator::Generator;

/// References whose names do not tell.
const NAMED_OTHERWISE: &[(&str, &str)] = &[
    ("owner_id", "contact"),
    ("source_id", "contact"),
    ("target_id", "contact"),
    ("record_id", "contact"),
    ("sale", "sale"),
    ("cinterest_idx", "category"),
    ("owned_by", "associate"),
    ("registered_by", "associate"),
    ("updated_by", "associate"),
];

/// The table that each column refers to, if any; the key to none.
pub(crate) fn links(table: &Table, exists: impl Fn(&str) -> bool) -> Vec<Option<String>> {
    let link = |column: &Column| {
        let target = target(column).filter(|target| exists(target))?;
        Some(target.to_owned())
    };
    let columns = table.columns.iter().enumerate();
    columns.map(|(place, column)| if place == 0 { None } else { link(column) }).collect()
}

/// The table that a column refers to by its name.
fn target(column: &Column) -> Option<&str> {
    if !matches!(column.sql_type, SqlType::Int | SqlType::BigInt) {
        return None;
    }
    let name = column.name.strip_prefix("x_").unwrap_or(&column.name);
    let otherwise = NAMED_OTHERWISE.iter().find(|(known, _)| *known == name).map(|(_, table)| *table);
    otherwise.or_else(|| name.strip_suffix("_id").or_else(|| name.strip_suffix("_idx")))
}

/// A row with `key`; for its references see [`cell`].
pub(crate) fn row<E>(
    table: &Table,
    links: &[Option<String>],
    key: Value,
    generator: &mut Generator,
    mut pick: impl FnMut(&str, &mut Generator) -> Result<Option<Value>, E>,
) -> Result<Vec<Value>, E> {
    let mut row = Vec::with_capacity(table.columns.len());
    row.push(key);
    for (place, column) in table.columns.iter().enumerate().skip(1) {
        row.push(cell(column, place, links, generator, &mut pick)?);
    }
    Ok(row)
}

/// The cell of the column at `place`. A reference is what `pick` finds in the table that it names, "none" where that is
/// nothing.
pub(crate) fn cell<E>(
    column: &Column,
    place: usize,
    links: &[Option<String>],
    generator: &mut Generator,
    mut pick: impl FnMut(&str, &mut Generator) -> Result<Option<Value>, E>,
) -> Result<Value, E> {
    let Some(target) = links.get(place).and_then(Option::as_deref) else { return Ok(generator.cell(column)) };
    let is_owner = links.iter().position(Option::is_some) == Some(place);
    let none = || if column.nullable { Value::Null } else { column.sql_type.zero() };
    if !is_owner && generator.one_in(10) {
        return Ok(none());
    }
    Ok(pick(target, generator)?.unwrap_or_else(none))
}
