//! A sample tenant: a CRM database with generated data, as big as one likes and the same for the same seed.

mod extremes;
pub(crate) mod generator;
mod tables;

use std::path::Path;

use generator::Generator;
use tables::{Definition, EXTREMES, TABLES};

use crate::sql::{Column, ColumnError, Value};
use crate::tenant::{Table, Tenant, TenantError};

/// Contacts in a sample by default; all in all it has some 25 times as many rows.
pub const DEFAULT_SIZE: u64 = 100;

/// Why a sample could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// The tenant's database failed.
    #[error(transparent)]
    Tenant(#[from] TenantError),
    /// A table of the sample is written wrongly.
    #[error("the sample's table {table} is written wrongly")]
    Definition {
        /// The table.
        table: &'static str,
        /// What is wrong.
        #[source]
        source: ColumnError,
    },
}

/// Makes a tenant in a new file with `size` contacts, and everything else in proportion. All rows are older than
/// change tracking, as most of a real tenant's are.
///
/// # Errors
/// [`SampleError`] when the file exists or cannot be written.
pub fn create(path: &Path, size: u64, seed: u64) -> Result<Tenant, SampleError> {
    let tenant = Tenant::create(path)?;
    for definition in TABLES {
        let table = parsed(definition)?;
        tenant.add_table(&table)?;
        let mut generator = Generator::new(seed, &table.name);
        if definition.name == EXTREMES.name {
            tenant.load(&table.name, extremes::rows(&table, &mut generator))?;
        } else if definition.per_hundred > 0 {
            let rows = (definition.per_hundred * size).div_ceil(100);
            tenant.load(&table.name, (1..=rows).map(|number| row(&table, number, &mut generator)))?;
        }
    }
    Ok(tenant)
}

fn parsed(definition: &Definition) -> Result<Table, SampleError> {
    Table::parse(definition.name, definition.columns)
        .map_err(|source| SampleError::Definition { table: definition.name, source })
}

/// Every hundredth text of unlimited length is a long one.
const LONG_TEXT_EVERY: u64 = 100;

fn row(table: &Table, number: u64, generator: &mut Generator) -> Vec<Value> {
    let key = Value::Whole(i64::try_from(number).unwrap_or(i64::MAX));
    let cells = table.columns.iter().skip(1).map(|column| {
        let is_long = number % LONG_TEXT_EVERY == 1 && is_unlimited_text(column);
        if is_long { generator.long_text() } else { generator.cell(column) }
    });
    std::iter::once(key).chain(cells).collect()
}

fn is_unlimited_text(column: &Column) -> bool {
    use crate::sql::SqlType;
    matches!(column.sql_type, SqlType::NText | SqlType::NVarChar(None))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn sample(size: u64, seed: u64) -> (tempfile::TempDir, Tenant) {
        let folder = tempfile::tempdir().unwrap();
        let tenant = create(&folder.path().join("Cust1.db"), size, seed).unwrap();
        (folder, tenant)
    }

    fn rows(tenant: &Tenant, table: &str) -> Vec<Vec<Value>> {
        let snapshot = tenant.snapshot().unwrap();
        let mut rows = Vec::new();
        snapshot
            .for_each_row(&snapshot.table(table).unwrap(), |row| {
                rows.push(row);
                Ok::<_, TenantError>(())
            })
            .unwrap();
        rows
    }

    #[test]
    fn it_has_all_types_many_tables_and_empty_ones() {
        let (_folder, tenant) = sample(10, 1);
        let tables = tenant.tables().unwrap();
        assert!(tables.len() >= 25, "{}", tables.len());
        for name in
            ["contact", "person", "appointment", "sale", "project", "document", "associate", "y_booking"]
        {
            assert!(tenant.checksum(name).unwrap().rows > 0, "{name}");
        }
        assert_eq!(tenant.checksum("y_setting").unwrap().rows, 0);
        let types: BTreeSet<String> = tables
            .iter()
            .flat_map(|table| &table.columns)
            .map(|column| column.sql_type.to_string().split('(').next().unwrap_or_default().to_owned())
            .collect();
        let all = "bigint bit date datetime datetime2 decimal float int money ntext nvarchar smallint time \
                   uniqueidentifier varbinary";
        assert_eq!(types.into_iter().collect::<Vec<_>>().join(" "), all);
        assert!(tables.iter().all(|table| table.columns[0].sql_type == crate::sql::SqlType::Int));
    }

    #[test]
    fn it_is_the_same_for_the_same_seed_and_grows_with_its_size() {
        let (_one, one) = sample(10, 1);
        let (_two, two) = sample(10, 1);
        let (_three, three) = sample(20, 2);
        for table in one.tables().unwrap() {
            assert_eq!(
                one.checksum(&table.name).unwrap(),
                two.checksum(&table.name).unwrap(),
                "{}",
                table.name
            );
        }
        assert_ne!(one.checksum("contact").unwrap(), three.checksum("contact").unwrap());
        assert_eq!(three.checksum("person").unwrap().rows, 50);
    }

    #[test]
    fn awkward_values_are_in_every_sample() {
        let (_folder, tenant) = sample(1, 3);
        let extremes = rows(&tenant, "y_extremes");
        for text in generator::AWKWARD_TEXTS {
            assert!(extremes.iter().any(|row| row.contains(&Value::from(*text))), "{text:?}");
        }
        let no_date = crate::sql::SqlType::DateTime.zero();
        assert_eq!(no_date, Value::Whole(-6_626_966_400_000));
        assert!(extremes.iter().any(|row| row.contains(&no_date)));
        assert!(extremes.last().unwrap().iter().skip(1).all(|cell| *cell == Value::Null));
        let is_long = |cell: &Value| matches!(cell, Value::Text(text) if text.len() > 100_000);
        assert!(rows(&tenant, "text").iter().flatten().any(is_long));
    }
}
