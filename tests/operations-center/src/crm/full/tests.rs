//! The big schema against the figures of the sampled tenant.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::crm::blocked;
use crate::sql::{Column, SqlType};
use crate::tenant::Table;

/// The default values that were observed; empty is no default.
const OBSERVED_DEFAULTS: [&str; 7] = [
    "",
    "default ((-1))",
    "default ((0))",
    "default ((25))",
    "default (N'')",
    "default (N'1760-01-01 00:00:00')",
    "default (N'17600101 00:00:00')",
];

fn full() -> Vec<Table> {
    tables().unwrap().into_iter().map(|planned| planned.table).collect()
}

fn columns(tables: &[Table]) -> impl Iterator<Item = &Column> {
    tables.iter().flat_map(|table| &table.columns)
}

#[test]
fn it_has_as_many_tables_and_columns_of_each_type_as_the_sampled_tenant() {
    let tables = full();
    assert_eq!(tables.len(), TABLE_COUNT);
    assert_eq!(columns(&tables).count(), COLUMN_COUNT);
    assert_eq!(tables.iter().map(|table| table.columns.len()).max(), Some(111));
    let mut types: BTreeMap<String, usize> = BTreeMap::new();
    for column in columns(&tables) {
        let name = column.sql_type.to_string();
        *types.entry(name.split('(').next().unwrap().to_owned()).or_default() += 1;
    }
    for (name, sampled) in [("nvarchar", 1165), ("smallint", 866), ("datetime", 707), ("float", 109)] {
        assert_eq!(types[name], sampled, "{name}");
    }
    // The types that only partners use take the place of a few int columns.
    assert!((2380..=2420).contains(&types["int"]), "{types:?}");
    assert!(types["varbinary"] <= 3 && types["ntext"] <= 3, "{types:?}");
    assert!(columns(&tables).any(|column| column.sql_type == SqlType::NVarChar(None)));
}

#[test]
fn every_first_column_is_an_int_key_and_five_have_names_of_their_own() {
    let is_ordinary = |table: &Table| {
        let key = &table.columns[0];
        assert!(key.sql_type == SqlType::Int && !key.nullable && key.default.is_empty(), "{}", table.name);
        key.name == "id" || key.name == format!("{}_id", table.name)
    };
    assert_eq!(full().iter().filter(|table| !is_ordinary(table)).count(), 5);
}

#[test]
fn every_default_is_one_of_the_observed_and_all_of_them_occur() {
    let tables = full();
    let defaults: BTreeSet<&str> = columns(&tables).map(|column| column.default.as_str()).collect();
    assert_eq!(defaults, BTreeSet::from(OBSERVED_DEFAULTS));
}

#[test]
fn names_are_the_vendors_letters_and_no_two_of_a_table_are_equal() {
    let tables = full();
    let is_plain = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
    };
    let names: BTreeSet<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(names.len(), tables.len());
    for table in &tables {
        let columns: BTreeSet<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(columns.len(), table.columns.len(), "{}", table.name);
        assert!(columns.iter().all(|name| is_plain(name)) && is_plain(&table.name), "{table:?}");
    }
    assert!(names.iter().filter(|name| name.starts_with("y_")).count() >= 10);
    let added = |table: &&Table| {
        !table.name.starts_with("y_") && table.columns.iter().any(|column| column.name.starts_with("x_"))
    };
    assert!(tables.iter().filter(added).count() >= 15);
}

#[test]
fn the_samples_tables_are_part_of_it_and_no_blocked_one_is() {
    let tables = full();
    for definition in TABLES {
        let table = definition.planned().unwrap().table;
        assert!(tables.contains(&table), "{}", table.name);
    }
    assert_eq!(blocked::announced(tables.clone()), tables);
}
