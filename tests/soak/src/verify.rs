//! Every mirror beside its source, by rows and checksums.
//!
//! Three copies are compared, each computed from its own bytes alone: the tenant's database, the topics as any
//! subscriber reads them, and for the tenants of the mirrored application the mirror program's file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use mirrorbus_librdkafka::Isolation;
use mirrorbus_schemas::checksum::TableChecksum;
use mirrorbus_schemas::topic;
use operations_center::tenant::{Tenant, TenantError};
use operations_center::truth;
use reader::{Decoder, Topics};

/// So many tenants' topics are read at once.
const AT_ONCE: usize = 20;
/// How long the mirror program may lag behind the last cycle.
const LAG: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(100);

/// What was compared, and what was not equal.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Verdict {
    /// Tables of sources, once for each application.
    pub(crate) tables: usize,
    /// Their rows.
    pub(crate) rows: u64,
    /// Tables of mirror files.
    pub(crate) mirrored_tables: usize,
    /// In words, one for each table that differs.
    pub(crate) differences: Vec<String>,
}

/// Tables by name.
type Tables = BTreeMap<String, TableChecksum>;

impl Verdict {
    /// Compares the topics of `prefix` with these tenants' databases.
    pub(crate) fn topics(
        &mut self,
        kafka: &str,
        registry: &str,
        prefix: &str,
        tenants: &[Tenant],
    ) -> anyhow::Result<()> {
        let (topics, mut decoder) = (Topics::new(kafka)?, Decoder::new(registry));
        let all = topics.names()?;
        for some in tenants.chunks(AT_ONCE) {
            let starts: Vec<String> =
                some.iter().map(|tenant| format!("{prefix}.{}.", tenant.name())).collect();
            let is_theirs = |name: &&String| starts.iter().any(|start| name.starts_with(start.as_str()));
            let names: Vec<String> = all.iter().filter(is_theirs).cloned().collect();
            let records = topics.read(&names, Isolation::ReadCommitted)?;
            for (tenant, start) in some.iter().zip(&starts) {
                let mut found = Tables::new();
                for (topic, records) in &records {
                    if let Some(table) = topic.strip_prefix(start.as_str()) {
                        let columns = columns(tenant, table)?;
                        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
                        found.insert(table.to_owned(), decoder.checksum_of(&columns, records)?);
                    }
                }
                let source = source(tenant)?;
                self.tables += source.len();
                self.rows += source.values().map(|sum| sum.rows).sum::<u64>();
                self.differences.extend(differences(&format!("topics of {prefix}"), tenant, &source, &found));
            }
        }
        Ok(())
    }

    /// Compares the mirror program's files in `folder` with these tenants' databases, once it has caught up.
    pub(crate) fn files(&mut self, folder: &Path, tenants: &[Tenant]) -> anyhow::Result<()> {
        for tenant in tenants {
            let source = source(tenant)?;
            self.mirrored_tables += source.len();
            let began = Instant::now();
            let differences = loop {
                let found = file(folder, tenant)?;
                let differences = differences("the mirror's file", tenant, &source, &found);
                if differences.is_empty() || began.elapsed() > LAG {
                    break differences;
                }
                std::thread::sleep(PAUSE);
            };
            self.differences.extend(differences);
        }
        Ok(())
    }
}

/// The tables that a mirror must hold.
fn source(tenant: &Tenant) -> anyhow::Result<Tables> {
    let truth = truth::of(tenant)?;
    Ok(truth.tables.into_iter().map(|table| (table.table, table.checksum)).collect())
}

/// The columns of the source's table; none where it has no such table, so that only rows count.
///
/// Which columns a topic has now, its schemas do not tell alone: one that came back has its older version in the
/// registry already. The mirror program's file tells it, which is compared column by column.
fn columns(tenant: &Tenant, table: &str) -> anyhow::Result<Vec<String>> {
    match tenant.table(table) {
        Ok(table) => Ok(table.columns.into_iter().map(|column| column.name).collect()),
        Err(TenantError::NoTable { .. }) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

fn file(folder: &Path, tenant: &Tenant) -> anyhow::Result<Tables> {
    let path = mirror_sqlite::tenant_path(folder, &topic::Tenant::new(tenant.name())?);
    if !path.exists() {
        return Ok(Tables::new());
    }
    let failed = || format!("cannot read {}", path.display());
    let tables = mirror_sqlite::tables(&path).with_context(failed)?;
    let sum = |table: String| Ok((table.clone(), mirror_sqlite::checksum(&path, &table)?));
    tables.into_iter().map(sum).collect::<anyhow::Result<_>>().with_context(failed)
}

/// A table that is missing is empty: it may never have had a row, or was dropped.
fn differences(copy: &str, tenant: &Tenant, source: &Tables, found: &Tables) -> Vec<String> {
    let names: BTreeSet<&String> = source.keys().chain(found.keys()).collect();
    let of = |tables: &Tables, name: &str| tables.get(name).copied().unwrap_or_default();
    let differing = names.into_iter().filter(|name| of(source, name) != of(found, name));
    differing
        .map(|name| {
            let (source, found) = (of(source, name), of(found, name));
            format!(
                "tenant {}, table {name}: {} rows with checksum {source} in the source, {} with {found} in {copy}",
                tenant.name(),
                source.rows,
                found.rows
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use mirrorbus_schemas::checksum::Canonical;

    use super::*;

    fn sum(row: i128) -> TableChecksum {
        let mut sum = TableChecksum::default();
        sum.add([("id", Canonical::Whole(row))]);
        sum
    }

    #[test]
    fn a_table_that_differs_on_either_side_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let tenant = Tenant::create(&folder.path().join("Cust1.db")).unwrap();
        let tables = |tables: &[(&str, TableChecksum)]| -> Tables {
            tables.iter().map(|(name, sum)| ((*name).to_owned(), *sum)).collect()
        };
        let empty = TableChecksum::default();
        let source = tables(&[("same", sum(1)), ("other", sum(1)), ("gone", sum(1)), ("empty", empty)]);
        let found = tables(&[("same", sum(1)), ("other", sum(2)), ("ghost", sum(1)), ("dropped", empty)]);
        let differences = differences("the topics", &tenant, &source, &found);
        assert_eq!(differences.len(), 3, "{differences:?}");
        for (difference, table) in differences.iter().zip(["ghost", "gone", "other"]) {
            assert!(difference.starts_with(&format!("tenant Cust1, table {table}: ")), "{difference}");
        }
    }
}
